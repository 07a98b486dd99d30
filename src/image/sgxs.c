/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sgxs.h"

#include <inttypes.h>

static const uint8_t ecreate[8] = { 'E', 'C', 'R', 'E', 'A', 'T', 'E', 0 };
static const uint8_t eadd[8] = { 'E', 'A', 'D', 'D', 0, 0, 0, 0 };
static const uint8_t eextend[8] = { 'E', 'E', 'X', 'T', 'E', 'N', 'D', 0 };
static const uint8_t unmeasured[8] = { 'U', 'N', 'M', 'E', 'A', 'S', 'R', 'D' };

static bool
is_named(const uint8_t *record, const uint8_t name[static 8])
{
    return bytes_eq(BYTES(record, 8), BYTES(name, 8));
}

bool
sgxs_recognise(struct selfsame_bytes head)
{
    return bytes_has_prefix(head, BYTES_ARR(ecreate));
}

/* ---- reading ---- */

enum selfsame_code
sgxs_reader_init(struct sgxs_reader *r, struct selfsame_err *e)
{
    *r = (struct sgxs_reader){ .fill = 0 };
    if (!hash_init(&r->hash, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

void
sgxs_reader_free(struct sgxs_reader *r)
{
    hash_free(&r->hash);
}

static enum selfsame_code
wrong(const struct sgxs_reader *r, const char *expected, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_MALFORMED, "SGXS at byte %" PRIu64 ": expected %s, got other",
        r->offset, expected);
}

static enum selfsame_code
take_ecreate(
    struct sgxs_reader *r, struct selfsame_bytes record, struct selfsame_err *e)
{
    struct reader in = reader_of(record);

    (void)get_bytes(&in, 8);
    uint32_t frame = get_le32(&in);
    uint64_t size = get_le64(&in);
    get_zeros(&in, 44);
    if (!reader_done(&in))
        return wrong(r, "ECREATE with zeros behind its size", e);
    if (frame == 0 || size < 2 * SGX_PAGE || (size & (size - 1)) != 0)
        return wrong(r, "an SSA frame of a page and a size that is a power of two", e);
    r->created = true;
    r->info.ssa_frame_pages = frame;
    r->info.size = size;
    return SELFSAME_OK;
}

/* TCS pages have no rights; others none without R, as EADD wants it. */
static bool
flags_possible(uint64_t flags)
{
    const uint64_t rights = SGX_R | SGX_W | SGX_X;

    if (flags == SGX_TCS)
        return true;
    return (flags & ~rights) == SGX_REG &&
           ((flags & SGX_W) == 0 || (flags & SGX_R) != 0);
}

static enum selfsame_code
take_eadd(struct sgxs_reader *r, struct selfsame_bytes record, struct selfsame_err *e)
{
    struct reader in = reader_of(record);

    (void)get_bytes(&in, 8);
    uint64_t offset = get_le64(&in), flags = get_le64(&in);
    get_zeros(&in, 40);
    if (!reader_done(&in))
        return wrong(r, "EADD with zeros behind its flags", e);
    if (offset % SGX_PAGE != 0 || offset >= r->info.size)
        return wrong(r, "EADD of a page inside the enclave", e);
    if (!flags_possible(flags))
        return wrong(r, "EADD of a TCS, or a page with possible rights", e);
    r->in_page = true;
    r->page = r->chunk = offset;
    r->info.pages++;
    r->info.threads += flags == SGX_TCS;
    return SELFSAME_OK;
}

static enum selfsame_code
take_chunk(struct sgxs_reader *r, struct selfsame_bytes record, bool measured,
    struct selfsame_err *e)
{
    struct reader in = reader_of(record);

    (void)get_bytes(&in, 8);
    uint64_t offset = get_le64(&in);
    get_zeros(&in, 48);
    if (!reader_done(&in))
        return wrong(r, "zeros behind the offset of a chunk", e);
    if (!r->in_page || offset % SGX_CHUNK != 0 || offset < r->chunk ||
        offset - r->page >= SGX_PAGE)
        return wrong(r, "the next chunk of the page that was added last", e);
    r->chunk = offset + SGX_CHUNK;
    r->measured = measured;
    r->data_left = SGX_CHUNK;
    r->info.chunks += measured;
    r->info.unmeasured += !measured;
    return SELFSAME_OK;
}

static enum selfsame_code
take_record(struct sgxs_reader *r, const uint8_t *at, struct selfsame_err *e)
{
    struct selfsame_bytes record = BYTES(at, SGX_RECORD);

    r->measured = true;
    if (is_named(at, ecreate) != !r->created)
        return wrong(r, "one ECREATE, and at the beginning", e);
    if (!r->created)
        return take_ecreate(r, record, e);
    if (is_named(at, eextend))
        return take_chunk(r, record, true, e);
    if (is_named(at, eadd))
        return take_eadd(r, record, e);
    if (is_named(at, unmeasured))
        return take_chunk(r, record, false, e);
    return wrong(r, "EADD, EEXTEND or UNMEASRD", e);
}

/* Moves over bytes of the piece; what is measured joins the run that is hashed at once. */
static void
advance(struct sgxs_reader *r, struct selfsame_bytes *rest, struct selfsame_bytes *run,
    size_t n)
{
    if (!r->measured) {
        hash_update(&r->hash, *run);
        *run = BYTES(rest->ptr + n, 0);
    } else {
        run->len += n;
    }
    *rest = BYTES(rest->ptr + n, rest->len - n);
    r->offset += n;
}

/* A record that is not all in this piece waits in its buffer and is hashed from there. */
static enum selfsame_code
push_split(struct sgxs_reader *r, struct selfsame_bytes *rest,
    struct selfsame_bytes *run, struct selfsame_err *e)
{
    size_t n = SGX_RECORD - r->fill < rest->len ? SGX_RECORD - r->fill : rest->len;

    memcpy(r->record + r->fill, rest->ptr, n);
    r->fill += n;
    hash_update(&r->hash, *run);
    *rest = BYTES(rest->ptr + n, rest->len - n);
    *run = BYTES(rest->ptr, 0);
    if (r->fill == SGX_RECORD) {
        TRY(take_record(r, r->record, e));
        if (r->measured)
            hash_update(&r->hash, BYTES_ARR(r->record));
        r->fill = 0;
    }
    r->offset += n;
    return SELFSAME_OK;
}

enum selfsame_code
sgxs_reader_push(
    struct sgxs_reader *r, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct selfsame_bytes rest = piece, run = BYTES(piece.ptr, 0);

    while (rest.len > 0) {
        if (r->data_left > 0) {
            size_t n = r->data_left < rest.len ? r->data_left : rest.len;

            r->data_left -= n;
            advance(r, &rest, &run, n);
        } else if (r->fill > 0 || rest.len < SGX_RECORD) {
            TRY(push_split(r, &rest, &run, e));
        } else {
            TRY(take_record(r, rest.ptr, e));
            advance(r, &rest, &run, SGX_RECORD);
        }
    }
    hash_update(&r->hash, run);
    return SELFSAME_OK;
}

enum selfsame_code
sgxs_reader_end(struct sgxs_reader *r, uint8_t ret_mrenclave[static 32],
    struct sgxs_info *ret, struct selfsame_err *e)
{
    uint8_t sum[HASH_MAX];

    if (!r->created || r->fill > 0 || r->data_left > 0)
        return wrong(r, "a whole record", e);
    if (r->info.threads == 0)
        return wrong(r, "a TCS page, since no thread can enter without one", e);
    hash_final(&r->hash, sum);
    memcpy(ret_mrenclave, sum, 32);
    *ret = r->info;
    return SELFSAME_OK;
}

/* ---- writing ---- */

static void
put_record(uint8_t ret[static SGX_RECORD], const uint8_t name[static 8], uint64_t a,
    uint64_t b)
{
    struct writer w = writer_of(ret, SGX_RECORD);

    put_bytes(&w, BYTES(name, 8));
    put_le64(&w, a);
    put_le64(&w, b);
    put_zeros(&w, SGX_RECORD - 24);
}

void
sgxs_ecreate(uint8_t ret[static SGX_RECORD], uint32_t ssa_frame_pages, uint64_t size)
{
    struct writer w = writer_of(ret, SGX_RECORD);

    put_bytes(&w, BYTES_ARR(ecreate));
    put_le32(&w, ssa_frame_pages);
    put_le64(&w, size);
    put_zeros(&w, SGX_RECORD - 20);
}

void
sgxs_eadd(uint8_t ret[static SGX_RECORD], uint64_t offset, uint64_t flags)
{
    put_record(ret, eadd, offset, flags);
}

static void
set_offset(uint8_t *record, uint64_t offset)
{
    for (size_t i = 0; i < 8; i++)
        record[8 + i] = (uint8_t)(offset >> (8 * i));
}

void
sgxs_page(uint8_t ret[static SGXS_PAGE], uint64_t offset, uint64_t flags,
    const uint8_t *contents)
{
    uint8_t *to = ret + SGX_RECORD;

    sgxs_eadd(ret, offset, flags);
    for (size_t at = 0; at < SGX_PAGE; at += SGX_CHUNK) {
        put_record(to, eextend, offset + at, 0);
        if (contents != NULL)
            memcpy(to + SGX_RECORD, contents + at, SGX_CHUNK);
        else
            memset(to + SGX_RECORD, 0, SGX_CHUNK);
        to += SGX_RECORD + SGX_CHUNK;
    }
}

/* ---- measuring ---- */

enum selfsame_code
mrenclave_begin(struct mrenclave *m, uint32_t ssa_frame_pages, uint64_t size,
    struct selfsame_err *e)
{
    uint8_t record[SGX_RECORD];

    *m = (struct mrenclave){ .size = size };
    m->info = (struct sgxs_info){ .size = size, .ssa_frame_pages = ssa_frame_pages };
    if (!hash_init(&m->hash, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    sgxs_ecreate(record, ssa_frame_pages, size);
    hash_update(&m->hash, BYTES_ARR(record));
    return SELFSAME_OK;
}

static void
add_page(struct mrenclave *m, uint64_t offset, uint64_t flags, const uint8_t *contents)
{
    uint8_t *to = m->records + SGX_RECORD;

    if (!m->made || (contents == NULL && !m->zeros))
        sgxs_page(m->records, offset, flags, NULL);
    m->made = true;
    m->zeros = contents == NULL;
    sgxs_eadd(m->records, offset, flags);
    for (size_t at = 0; at < SGX_PAGE; at += SGX_CHUNK, to += SGX_RECORD + SGX_CHUNK) {
        set_offset(to, offset + at);
        if (contents != NULL)
            memcpy(to + SGX_RECORD, contents + at, SGX_CHUNK);
    }
    hash_update(&m->hash, BYTES_ARR(m->records));
}

void
mrenclave_add(struct mrenclave *m, uint64_t offset, uint64_t count, uint64_t flags,
    const uint8_t *contents, bool measured)
{
    uint8_t record[SGX_RECORD];

    for (uint64_t i = 0; i < count; i++, offset += SGX_PAGE) {
        if (measured) {
            add_page(
                m, offset, flags, contents != NULL ? contents + i * SGX_PAGE : NULL);
        } else {
            sgxs_eadd(record, offset, flags);
            hash_update(&m->hash, BYTES_ARR(record));
        }
        m->info.chunks += measured ? SGX_PAGE / SGX_CHUNK : 0;
    }
    m->info.pages += count;
    m->info.threads += flags == SGX_TCS ? count : 0;
}

void
mrenclave_end(struct mrenclave *m, uint8_t ret[static 32])
{
    uint8_t sum[HASH_MAX];

    hash_final(&m->hash, sum);
    memcpy(ret, sum, 32);
}

void
mrenclave_free(struct mrenclave *m)
{
    hash_free(&m->hash);
}
