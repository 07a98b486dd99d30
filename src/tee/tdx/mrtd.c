/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/measure.h"

/*
 * Intel TDX Module Base Architecture Specification (344425) §12: SHA-384 over a record
 * for every page that is added and one for every 256 bytes that are measured, with the
 * bytes. Agreed by gce-tcb-verifier and dstack-mr; no firmware with a known MRTD was at
 * hand.
 */
enum { RECORD = 128, CHUNK = 256 };

static void
put_record(struct hash *h, const char *name, uint64_t gpa)
{
    uint8_t record[RECORD] = { 0 };

    memcpy(record, name, strlen(name));
    for (size_t i = 0; i < 8; i++)
        record[16 + i] = (uint8_t)(gpa >> (8 * i));
    hash_update(h, BYTES_ARR(record));
}

static void
add_page(struct hash *h, const struct tdvf_section *s, uint64_t at)
{
    if ((s->attributes & TDVF_PAGE_AUG) == 0)
        put_record(h, "MEM.PAGE.ADD", s->gpa + at);
}

/* What the file does not have is zero. */
static void
extend_page(
    struct hash *h, const struct tdvf *t, const struct tdvf_section *s, uint64_t at)
{
    if ((s->attributes & TDVF_MR_EXTEND) == 0)
        return;
    for (uint64_t end = at + OVMF_PAGE; at < end; at += CHUNK) {
        const uint64_t left = at < s->raw ? s->raw - at : 0;
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;
        uint8_t chunk[CHUNK] = { 0 };

        if (n > 0)
            memcpy(chunk, t->file.ptr + s->offset + at, n);
        put_record(h, "MR.EXTEND", s->gpa + at);
        hash_update(h, BYTES_ARR(chunk));
    }
}

static void
put_section(struct hash *h, const struct tdvf *t, const struct tdvf_section *s,
    enum tdx_pages order)
{
    for (uint64_t at = 0; at < s->size; at += OVMF_PAGE) {
        add_page(h, s, at);
        if (order == TDX_ONE_PASS)
            extend_page(h, t, s, at);
    }
    for (uint64_t at = 0; order == TDX_TWO_PASS && at < s->size; at += OVMF_PAGE)
        extend_page(h, t, s, at);
}

static enum selfsame_code
digest(const struct tdvf *t, size_t from, size_t to, enum tdx_pages order,
    uint8_t ret[static TDX_DIGEST], struct selfsame_err *e)
{
    uint8_t sum[HASH_MAX];
    auto_hash h = { 0 };

    if (!hash_init(&h, HASH_SHA384))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    for (size_t i = from; i < to; i++)
        put_section(&h, t, &t->section[i], order);
    hash_final(&h, sum);
    memcpy(ret, sum, TDX_DIGEST);
    return SELFSAME_OK;
}

enum selfsame_code
tdx_mrtd(const struct tdvf *t, enum tdx_pages order, uint8_t ret[static TDX_DIGEST],
    struct selfsame_err *e)
{
    return digest(t, 0, t->section_count, order, ret, e);
}

enum selfsame_code
tdx_mrtd_section(const struct tdvf *t, size_t i, uint8_t ret[static TDX_DIGEST],
    struct selfsame_err *e)
{
    return digest(t, i, i + 1, TDX_ONE_PASS, ret, e);
}
