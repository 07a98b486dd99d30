/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ovmf.h"

/* edk2 OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm */
const uint8_t ovmf_guid_footer[] = { 0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
    0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d };
const uint8_t ovmf_guid_reset[] = { 0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
    0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e };
const uint8_t ovmf_guid_hashes[] = { 0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
    0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54 };
const uint8_t ovmf_guid_metadata[] = { 0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
    0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc };

enum {
    TAIL = 32, /* behind the footer's GUID */
    HEAD = 18, /* u16 length, GUID: the end of every entry */
    ENTRIES_MAX = 32,
};

struct found {
    bool reset, hashes, metadata;
    uint32_t metadata_offset; /* from the end of the file */
};

static enum selfsame_code
read_entry(struct selfsame_bytes guid, struct selfsame_bytes data, struct ovmf *o,
    struct found *f, struct selfsame_err *e)
{
    struct reader r = reader_of(data);
    bool *seen = NULL;

    if (bytes_eq(guid, BYTES_ARR(ovmf_guid_reset))) {
        o->ap_reset = get_le32(&r);
        seen = &f->reset;
    } else if (bytes_eq(guid, BYTES_ARR(ovmf_guid_hashes))) {
        o->hashes_base = get_le32(&r);
        o->hashes_size = get_le32(&r);
        seen = &f->hashes;
    } else if (bytes_eq(guid, BYTES_ARR(ovmf_guid_metadata))) {
        f->metadata_offset = get_le32(&r);
        seen = &f->metadata;
    }
    if (r.bad || (seen != NULL && *seen))
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected each entry of its table once and whole, got another");
    if (seen != NULL)
        *seen = true;
    return SELFSAME_OK;
}

/* Backwards from the footer: data, u16 length of all of it, GUID; `table` loses it. */
static enum selfsame_code
next_entry(struct selfsame_bytes *table, struct selfsame_bytes *ret_guid,
    struct selfsame_bytes *ret_data, struct selfsame_err *e)
{
    const size_t end = table->len;
    struct reader r = reader_of(
        BYTES(table->ptr + (end >= HEAD ? end - HEAD : 0), end >= HEAD ? HEAD : 0));
    size_t len = get_le16(&r);
    struct selfsame_bytes guid = get_bytes(&r, OVMF_GUID);

    if (r.bad || len < HEAD || len > end)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected entries that fill its table, got others");
    *ret_guid = guid;
    *ret_data = BYTES(table->ptr + end - len, len - HEAD);
    table->len = end - len;
    return SELFSAME_OK;
}

static enum selfsame_code
check_count(size_t n, struct selfsame_err *e)
{
    if (n == ENTRIES_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected at most %d entries in its table, got more",
            (int)ENTRIES_MAX);
    return SELFSAME_OK;
}

static enum selfsame_code
read_table(struct selfsame_bytes table, struct ovmf *o, struct found *f,
    struct selfsame_err *e)
{
    for (size_t n = 0; table.len > 0; n++) {
        struct selfsame_bytes guid, data;

        TRY(check_count(n, e));
        TRY(next_entry(&table, &guid, &data, e));
        TRY(read_entry(guid, data, o, f, e));
    }
    return SELFSAME_OK;
}

static bool
is_known(uint32_t type)
{
    return (type >= OVMF_SEC_MEM && type <= OVMF_SVSM_CAA) ||
           type == OVMF_KERNEL_HASHES;
}

static enum selfsame_code
check_section(
    const struct ovmf *o, const struct ovmf_section *s, struct selfsame_err *e)
{
    uint64_t end = (uint64_t)s->gpa + s->size;

    if (!is_known(s->type))
        FAIL(e, SELFSAME_UNSUPPORTED, "firmware: SEV section of unknown type 0x%x",
            (unsigned)s->type);
    if (s->size == 0 || s->gpa % OVMF_PAGE != 0 || s->size % OVMF_PAGE != 0 ||
        end > o->gpa)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected SEV sections of whole pages below it, got 0x%x bytes "
            "at "
            "0x%x",
            s->size, s->gpa);
    if (s->type != OVMF_SEC_MEM && s->size != OVMF_PAGE)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected one page for SEV section type 0x%x, got 0x%x bytes",
            (unsigned)s->type, s->size);
    for (size_t i = 0; i < o->section_count; i++)
        if (s->gpa < (uint64_t)o->section[i].gpa + o->section[i].size &&
            o->section[i].gpa < end)
            FAIL(e, SELFSAME_MALFORMED, "firmware: two SEV sections overlap at 0x%x",
                s->gpa);
    return SELFSAME_OK;
}

/* OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm */
static enum selfsame_code
read_metadata(struct ovmf *o, uint32_t offset, struct selfsame_err *e)
{
    struct reader r = reader_of(offset <= o->file.len
                                    ? BYTES(o->file.ptr + o->file.len - offset, offset)
                                    : BYTES_NONE);
    bool magic = bytes_eq(get_bytes(&r, 4), BYTES_LIT("ASEV"));
    uint32_t length = get_le32(&r), version = get_le32(&r), count = get_le32(&r);

    if (r.bad || !magic)
        FAIL(e, SELFSAME_MALFORMED, "firmware: its SEV metadata is not where it says");
    if (version != 1)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: expected SEV metadata of version 1, got %u", version);
    if (count > OVMF_SECTIONS || length != 16 + 12 * (uint64_t)count)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected %u SEV sections (at most %d) in 16 + 12 bytes each, "
            "got "
            "%u bytes",
            count, (int)OVMF_SECTIONS, length);
    for (uint32_t i = 0; i < count; i++) {
        struct ovmf_section s = { .gpa = get_le32(&r), .size = get_le32(&r) };

        uint32_t type = get_le32(&r);
        s.type = (enum ovmf_section_type)type;
        if (r.bad)
            FAIL(e, SELFSAME_MALFORMED, "firmware: its SEV sections end early");
        TRY(check_section(o, &s, e));
        o->section[o->section_count++] = s;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
find_table(
    struct selfsame_bytes file, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    size_t footer = file.len - TAIL - 16;
    struct reader r = reader_of(BYTES(file.ptr + footer - 2, HEAD));
    size_t len = get_le16(&r);

    if (!bytes_eq(get_bytes(&r, 16), BYTES_ARR(ovmf_guid_footer)))
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected an OVMF image with a table of GUIDs at its end, got "
            "none");
    if (len < HEAD || len > footer + 16)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected its table inside the file, got %zu bytes of one", len);
    *ret = BYTES(file.ptr + footer + 16 - len, len - HEAD);
    return SELFSAME_OK;
}

static enum selfsame_code
check_size(size_t size, struct selfsame_err *e)
{
    if (size == 0 || size % OVMF_PAGE != 0 || size > OVMF_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected whole pages of %d bytes, at most %d MiB, got %zu bytes",
            (int)OVMF_PAGE, (int)(OVMF_MAX >> 20), size);
    return SELFSAME_OK;
}

enum selfsame_code
ovmf_find(struct selfsame_bytes file, const uint8_t guid[static OVMF_GUID],
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes table = BYTES_NONE, found = BYTES_NONE;
    bool seen = false;

    TRY(check_size(file.len, e));
    TRY(find_table(file, &table, e));
    for (size_t n = 0; table.len > 0; n++) {
        struct selfsame_bytes name, data;

        TRY(check_count(n, e));
        TRY(next_entry(&table, &name, &data, e));
        if (!bytes_eq(name, BYTES(guid, OVMF_GUID)))
            continue;
        if (seen)
            FAIL(e, SELFSAME_MALFORMED,
                "firmware: expected each entry of its table once, got one twice");
        seen = true;
        found = data;
    }
    *ret = found;
    return SELFSAME_OK;
}

enum selfsame_code
ovmf_parse(struct selfsame_bytes file, struct ovmf *ret, struct selfsame_err *e)
{
    struct ovmf o = { .file = file, .gpa = (UINT64_C(1) << 32) - file.len };
    struct selfsame_bytes table = BYTES_NONE;
    struct found f = { 0 };

    TRY(check_size(file.len, e));
    TRY(find_table(file, &table, e));
    TRY(read_table(table, &o, &f, e));
    if (!f.reset)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: expected the address where further processors begin, got none");
    if (f.metadata)
        TRY(read_metadata(&o, f.metadata_offset, e));
    *ret = o;
    return SELFSAME_OK;
}
