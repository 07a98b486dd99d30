/* SPDX-License-Identifier: Apache-2.0 */
#include "image/eif.h"
#include "tee/nitro/hashers.h"
#include "tee/nitro/image_signature.h"

#include <stdlib.h>

/* Below this, starting threads costs more than they save. */
static const uint64_t parallel_from = 4 * 1024 * 1024;
/* A certificate and a signature as integers; AWS writes about 1.6 kB. */
enum { SIGNATURE_MAX = 64 * 1024 };

struct measuring {
    struct eif_reader reader;
    struct hashers *hashers;
    bool explain;
    bool forked;      /* STREAM_BOOT has parted from STREAM_IMAGE */
    unsigned streams; /* fed by the current section */
    struct tee_section section[EIF_SECTIONS];
    size_t section_count;
    unsigned ramdisks;
    uint8_t *signature; /* NULL: unsigned */
    size_t signature_len, signature_size;
    bool in_signature;
};

/*
 * PCR0 takes everything measured in the order of the file; PCR1 the same without
 * the ramdisks after the first; PCR2 these. So PCR1 is PCR0's stream until the
 * second ramdisk begins (image-format src/utils/eif_hasher.rs).
 */
static enum selfsame_code
begin_ramdisk(struct measuring *m, struct tee_section *s, struct selfsame_err *e)
{
    m->streams = 1u << STREAM_IMAGE;
    if (m->ramdisks++ == 0) {
        s->feeds = "PCR0 PCR1";
        return SELFSAME_OK;
    }
    if (!m->forked && !hashers_fork_boot(m->hashers))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    m->forked = true;
    m->streams |= 1u << STREAM_APP;
    s->feeds = "PCR0 PCR2";
    return SELFSAME_OK;
}

static enum selfsame_code
begin_signature(struct measuring *m, struct tee_section *s, struct selfsame_err *e)
{
    if (m->signature != NULL)
        FAIL(e, SELFSAME_MALFORMED, "EIF: expected one signature section, got two");
    if (s->size == 0 || s->size > SIGNATURE_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "EIF: expected a signature section of 1 to %d bytes, got %llu",
            SIGNATURE_MAX, (unsigned long long)s->size);
    m->signature = malloc((size_t)s->size);
    if (m->signature == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    m->signature_size = (size_t)s->size;
    m->in_signature = true;
    s->feeds = "PCR8";
    return SELFSAME_OK;
}

static enum selfsame_code
begin_section(void *ctx, enum eif_type t, unsigned index, uint64_t offset,
    uint64_t size, struct selfsame_err *e)
{
    struct measuring *m = ctx;

    if (index >= EIF_SECTIONS)
        FAIL(e, SELFSAME_INTERNAL, "EIF section %u", index);
    struct tee_section *s = &m->section[m->section_count++];
    *s = (struct tee_section){
        .name = eif_type_word(t), .offset = offset, .size = size, .feeds = "nothing"
    };
    m->streams = 0;
    m->in_signature = false;
    switch (t) {
    case EIF_RAMDISK: TRY(begin_ramdisk(m, s, e)); break;
    case EIF_SIGNATURE: TRY(begin_signature(m, s, e)); break;
    case EIF_METADATA: break;
    case EIF_KERNEL:
    case EIF_CMDLINE:
        m->streams = 1u << STREAM_IMAGE | (m->forked ? 1u << STREAM_BOOT : 0);
        s->feeds = "PCR0 PCR1";
        break;
    }
    if (m->explain)
        m->streams |= 1u << STREAM_SECTION;
    return SELFSAME_OK;
}

static enum selfsame_code
take_data(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct measuring *m = ctx;

    if (m->streams != 0)
        hashers_feed(m->hashers, m->streams, piece);
    if (!m->in_signature || piece.len == 0)
        return SELFSAME_OK;
    if (piece.len > m->signature_size - m->signature_len)
        FAIL(e, SELFSAME_INTERNAL, "EIF: more signature than announced");
    memcpy(m->signature + m->signature_len, piece.ptr, piece.len);
    m->signature_len += piece.len;
    return SELFSAME_OK;
}

static enum selfsame_code
end_section(void *ctx, struct selfsame_err *e)
{
    struct measuring *m = ctx;
    uint8_t digest[HASH_MAX];

    if (!m->explain)
        return SELFSAME_OK;
    if (!hashers_take(m->hashers, STREAM_SECTION, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    memcpy(m->section[m->section_count - 1].sha384, digest, NITRO_PCR_SIZE);
    return SELFSAME_OK;
}

static const struct eif_handler handler = {
    .begin = begin_section,
    .data = take_data,
    .end = end_section,
};

static void
discard(void *state)
{
    struct measuring *m = state;

    if (m == NULL)
        return;
    hashers_free(m->hashers);
    free(m->signature);
    free(m);
}

static enum selfsame_code
begin(uint64_t size, bool explain, void **ret_state, struct selfsame_err *e)
{
    struct measuring *m = calloc(1, sizeof(*m));

    if (m == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    m->hashers = hashers_new(size > parallel_from);
    if (m->hashers == NULL) {
        discard(m);
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    }
    m->explain = explain;
    eif_reader_init(&m->reader, size, &handler, m);
    *ret_state = m;
    return SELFSAME_OK;
}

static enum selfsame_code
update(void *state, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct measuring *m = state;

    return eif_reader_push(&m->reader, piece, e);
}

static enum selfsame_code
take_pcr(struct measuring *m, enum stream s, uint8_t ret[static NITRO_PCR_SIZE],
    struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    memset(ret, 0, NITRO_PCR_SIZE);
    if (!hashers_take(m->hashers, s, digest) ||
        !nitro_pcr_extend(ret, BYTES(digest, NITRO_PCR_SIZE)))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

/* PCR0, 1, 2 and, when the image is signed, 8. */
static enum selfsame_code
take_pcrs(struct measuring *m, struct arena *arena,
    uint8_t pcr[static 4][NITRO_PCR_SIZE], struct selfsame_err *e)
{
    if (!m->forked && !hashers_fork_boot(m->hashers))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    m->forked = true;
    TRY(take_pcr(m, STREAM_IMAGE, pcr[0], e));
    TRY(take_pcr(m, STREAM_BOOT, pcr[1], e));
    TRY(take_pcr(m, STREAM_APP, pcr[2], e));
    if (m->signature == NULL)
        return SELFSAME_OK;
    return nitro_image_signature(
        BYTES(m->signature, m->signature_len), pcr[0], arena, pcr[3], e);
}

static enum selfsame_code
finish(
    void *state, struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    static const unsigned index[] = { 0, 1, 2, 8 };
    struct measuring *m = state;
    struct tee_measured out = { .count = m->signature != NULL ? 4 : 3 };

    TRY(eif_reader_end(&m->reader, e));
    uint8_t(*pcr)[NITRO_PCR_SIZE] = arena_alloc(arena, NITRO_PCR_SIZE, COUNT(index));
    struct claim *list = ARENA_NEW(arena, struct claim, COUNT(index));
    struct tee_section *sections = ARENA_NEW(
        arena, struct tee_section, m->section_count);
    if (pcr == NULL || list == NULL || sections == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(take_pcrs(m, arena, pcr, e));
    for (size_t i = 0; i < out.count; i++)
        list[i] = (struct claim){
            .path = nitro_pcr_path(index[i]),
            .kind = CLAIM_BYTES,
            .bytes = BYTES(pcr[i], NITRO_PCR_SIZE),
        };
    out.list = list;
    if (m->explain) {
        memcpy(sections, m->section, m->section_count * sizeof(*sections));
        out.sections = sections;
        out.section_count = m->section_count;
    }
    *ret = out;
    return SELFSAME_OK;
}

const struct tee_measurer nitro_measurer = {
    .name = "nitro",
    .image_kind = "eif",
    .begin = begin,
    .update = update,
    .finish = finish,
    .free = discard,
};
