/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tdvf.h"

#include <inttypes.h>

/* e47a6535-984a-4798-865e-4685a7bf8ec2, e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae */
const uint8_t tdvf_guid_offset[] = { 0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
    0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2 };
const uint8_t tdvf_guid_metadata[] = { 0xf3, 0xf9, 0xea, 0xe9, 0x8e, 0x16, 0xd5, 0x44,
    0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae };

static const char *const names[] = { "BFV", "CFV", "TD_HOB", "TempMem", "PermMem",
    "Payload", "PayloadParam" };

const char *
tdvf_type_name(enum tdvf_type type)
{
    return (size_t)type < COUNT(names) ? names[type] : "unknown";
}

/* Volumes come out of the file, whole; what the host fills or clears has no bytes there. */
static enum selfsame_code
check_bytes(const struct tdvf *t, const struct tdvf_section *s, struct selfsame_err *e)
{
    const bool volume = s->type == TDVF_BFV || s->type == TDVF_CFV;
    const bool none = s->type == TDVF_TD_HOB || s->type == TDVF_TEMP_MEM ||
                      s->type == TDVF_PERM_MEM;

    if ((uint64_t)s->offset + s->raw > t->file.len)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected the bytes of section %s inside the file, got %u at %u",
            tdvf_type_name(s->type), s->raw, s->offset);
    if ((volume && s->raw != s->size) || (none && s->raw != 0) || s->raw > s->size)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: section %s: expected %s, got %u bytes for %" PRIu64 " of memory",
            tdvf_type_name(s->type),
            volume ? "as many bytes as memory"
            : none ? "no bytes in the file"
                   : "no more bytes than memory",
            s->raw, s->size);
    return SELFSAME_OK;
}

static enum selfsame_code
check_section(
    const struct tdvf *t, const struct tdvf_section *s, struct selfsame_err *e)
{
    if ((size_t)s->type >= COUNT(names))
        FAIL(e, SELFSAME_UNSUPPORTED, "firmware: TDX section of unknown type %u",
            (unsigned)s->type);
    if ((s->attributes & ~(uint32_t)(TDVF_MR_EXTEND | TDVF_PAGE_AUG)) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: section %s has attributes 0x%x, of which some are unknown",
            tdvf_type_name(s->type), s->attributes);
    if (s->size == 0 || s->gpa % OVMF_PAGE != 0 || s->size % OVMF_PAGE != 0 ||
        s->size > UINT64_MAX - s->gpa)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected TDX sections of whole pages, got 0x%" PRIx64
            " bytes at 0x%" PRIx64,
            s->size, s->gpa);
    if (s->size > TDVF_ADDED_MAX && (s->attributes & TDVF_PAGE_AUG) == 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: expected at most %d MiB of section %s before the start, got "
            "%" PRIu64 " bytes",
            (int)(TDVF_ADDED_MAX >> 20), tdvf_type_name(s->type), s->size);
    /* Nobody could measure a page that is not there before the start. */
    if ((s->attributes & TDVF_MR_EXTEND) != 0 && (s->attributes & TDVF_PAGE_AUG) != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: section %s is to be measured and to be added later",
            tdvf_type_name(s->type));
    TRY(check_bytes(t, s, e));
    /* Nor one that the host fills: its bytes are in no file. */
    if ((s->attributes & TDVF_MR_EXTEND) != 0 && s->raw == 0 &&
        s->type != TDVF_TEMP_MEM && s->type != TDVF_PERM_MEM)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: section %s is to be measured, and the host says what is in it",
            tdvf_type_name(s->type));
    for (size_t i = 0; i < t->section_count; i++)
        if (s->gpa < t->section[i].gpa + t->section[i].size &&
            t->section[i].gpa < s->gpa + s->size)
            FAIL(e, SELFSAME_MALFORMED,
                "firmware: two TDX sections overlap at 0x%" PRIx64, s->gpa);
    return SELFSAME_OK;
}

static enum selfsame_code
read_sections(struct tdvf *t, struct reader *r, uint32_t count, struct selfsame_err *e)
{
    bool code = false;

    for (uint32_t i = 0; i < count; i++) {
        struct tdvf_section s = { .offset = get_le32(r) };

        s.raw = get_le32(r);
        s.gpa = get_le64(r);
        s.size = get_le64(r);
        const uint32_t type = get_le32(r);
        s.type = (enum tdvf_type)type;
        s.attributes = get_le32(r);
        if (r->bad)
            FAIL(e, SELFSAME_MALFORMED, "firmware: its TDX sections end early");
        TRY(check_section(t, &s, e));
        code = code || s.type == TDVF_BFV;
        t->section[t->section_count++] = s;
    }
    if (!code)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected a section BFV among its TDX sections, got none");
    return SELFSAME_OK;
}

/* The GUID stands before what the table points to. */
static enum selfsame_code
read_descriptor(struct tdvf *t, uint32_t offset, struct selfsame_err *e)
{
    const bool inside = offset <= t->file.len && t->file.len - offset >= OVMF_GUID;
    const size_t at = inside ? t->file.len - offset - OVMF_GUID : 0;
    struct reader r = reader_of(
        inside ? BYTES(t->file.ptr + at, t->file.len - at) : BYTES_NONE);
    bool guid = bytes_eq(get_bytes(&r, OVMF_GUID), BYTES_ARR(tdvf_guid_metadata));
    bool magic = bytes_eq(get_bytes(&r, 4), BYTES_LIT("TDVF"));
    uint32_t length = get_le32(&r), version = get_le32(&r), count = get_le32(&r);

    if (r.bad || !guid || !magic)
        FAIL(e, SELFSAME_MALFORMED, "firmware: its TDX metadata is not where it says");
    if (version != 1)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: expected TDX metadata of version 1, got %u", version);
    if (count == 0 || count > TDVF_SECTIONS ||
        length != TDVF_HEAD + TDVF_SECTION * (uint64_t)count)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected 1 to %d TDX sections in 16 + 32 bytes each, got %u in "
            "%u bytes",
            (int)TDVF_SECTIONS, count, length);
    return read_sections(t, &r, count, e);
}

enum selfsame_code
tdvf_parse(struct selfsame_bytes file, struct tdvf *ret, struct selfsame_err *e)
{
    struct tdvf t = { .file = file };
    struct selfsame_bytes data = BYTES_NONE;

    TRY(ovmf_find(file, tdvf_guid_offset, &data, e));
    if (data.ptr == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: expected one with TDX metadata, got one without");
    struct reader r = reader_of(data);
    uint32_t offset = get_le32(&r);
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected 4 bytes that say where its TDX metadata is, got %zu",
            data.len);
    TRY(read_descriptor(&t, offset, e));
    *ret = t;
    return SELFSAME_OK;
}

bool
tdvf_recognise(struct selfsame_bytes file)
{
    struct selfsame_err ignored = { 0 };
    struct selfsame_bytes data = BYTES_NONE;

    return file.len >= OVMF_PAGE &&
           ovmf_find(file, tdvf_guid_offset, &data, &ignored) == SELFSAME_OK &&
           data.ptr != NULL;
}
