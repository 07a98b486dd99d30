/* SPDX-License-Identifier: Apache-2.0 */
#include "image/elf.h"
#include "image/sgxs.h"
#include "tee/sgx/rootfs.h"
#include "tee/sgx/signed_elf.h"

#include <inttypes.h>
#include <stdlib.h>

enum part { ENCLAVE, MANIFEST, PAL, LIBOS, ROOTFS, SIG, PARTS };
/* Of a directory, in the order in which they are measured. */
static const char *const part_names[] = { SGX_PART_MANIFEST, SGX_PART_PAL,
    SGX_PART_LIBOS, SGX_PART_ROOTFS, SGX_PART_SIG, NULL };
static const uint64_t part_max[PARTS] = {
    [ENCLAVE] = ELF_MAX,
    [MANIFEST] = GRAMINE_MANIFEST_MAX,
    [PAL] = ELF_MAX,
    [LIBOS] = UINT64_MAX,
    [ROOTFS] = UINT64_MAX,
    [SIG] = SIGSTRUCT_SIZE,
};
enum { HEAD = 64, SECTIONS_MAX = 8, ARENA_MAX = 256 << 20 };

/* A part that has to be there as a whole before it can be read. */
struct kept {
    uint8_t *ptr;
    size_t len, cap;
};
struct measuring {
    struct arena arena; /* the manifest */
    bool seen[PARTS], streams /* the enclave is an SGXS */, has_manifest;
    int part; /* being fed; -1: none */
    uint64_t left, size[PARTS];
    struct kept kept[PARTS];
    struct sgxs_reader sgxs;
    struct rootfs rootfs;
    struct hash libos;
    struct gramine_manifest manifest;
};

static void
discard(void *state)
{
    struct measuring *m = state;

    for (int p = 0; p < PARTS; p++)
        free(m->kept[p].ptr);
    sgxs_reader_free(&m->sgxs);
    rootfs_free(&m->rootfs);
    hash_free(&m->libos);
    arena_free(&m->arena);
    free(m);
}

static enum selfsame_code
begin(uint64_t size, bool explain, void **ret_state, struct selfsame_err *e)
{
    struct measuring *m = calloc(1, sizeof(*m));

    (void)size, (void)explain;
    if (m == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    m->arena = arena_new(ARENA_MAX);
    m->part = -1;
    if (!hash_init(&m->libos, HASH_SHA256)) {
        discard(m);
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    }
    *ret_state = m;
    return SELFSAME_OK;
}

static struct selfsame_bytes
kept_bytes(const struct measuring *m, int p)
{
    return BYTES(m->kept[p].ptr, m->kept[p].len);
}

/* ---- parts ---- */

static enum selfsame_code
keep(struct kept *k, struct selfsame_bytes piece, struct selfsame_err *e)
{
    if (piece.len > k->cap - k->len) {
        size_t cap = 2 * (k->len + piece.len);
        uint8_t *ptr = realloc(k->ptr, cap);

        if (ptr == NULL)
            FAIL(e, SELFSAME_NOMEM, "out of memory");
        k->ptr = ptr;
        k->cap = cap;
    }
    if (piece.len > 0)
        memcpy(k->ptr + k->len, piece.ptr, piece.len);
    k->len += piece.len;
    return SELFSAME_OK;
}

static enum selfsame_code
read_manifest(struct measuring *m, int p, struct selfsame_err *e)
{
    TRY(gramine_manifest_parse(kept_bytes(m, p), &m->arena, &m->manifest, e));
    m->has_manifest = true;
    return SELFSAME_OK;
}

/* A file alone that is neither of the others is a manifest. */
static enum selfsame_code
part_end(struct measuring *m, struct selfsame_err *e)
{
    int p = m->part;

    if (p < 0)
        return SELFSAME_OK;
    struct selfsame_bytes b = kept_bytes(m, p);
    if (m->left > 0)
        FAIL(e, SELFSAME_MALFORMED, "expected %" PRIu64 " bytes more, got none",
            m->left);
    m->part = -1;
    if (p == MANIFEST ||
        (p == ENCLAVE && !m->streams && !elf_recognise(b) && !sigstruct_recognise(b)))
        return read_manifest(m, p, e);
    return p == ROOTFS ? rootfs_end(&m->rootfs, e) : SELFSAME_OK;
}

static enum selfsame_code
part(void *state, const char *name, uint64_t size, struct selfsame_err *e)
{
    struct measuring *m = state;
    int p = strcmp(name, SGX_PART_ENCLAVE) == 0 ? ENCLAVE : MANIFEST;

    TRY(part_end(m, e));
    while (p > ENCLAVE && p < PARTS && strcmp(name, part_names[p - 1]) != 0)
        p++;
    if (p == PARTS || m->seen[p])
        FAIL(e, SELFSAME_USAGE,
            "part \"%.24s\": expected enclave, or manifest.sgx, pal, libos, rootfs and "
            "sig, each once",
            name);
    if (p != ENCLAVE && size > part_max[p])
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected at most %" PRIu64 " bytes, got %" PRIu64, name, part_max[p],
            size);
    if (p == ROOTFS && !m->has_manifest)
        FAIL(e, SELFSAME_USAGE, "expected a manifest before its rootfs, got none");
    if (p == ROOTFS)
        TRY(rootfs_begin(&m->rootfs, &m->manifest, e));
    m->seen[p] = true;
    m->part = p;
    m->left = m->size[p] = size;
    return SELFSAME_OK;
}

/* An SGXS is measured while it streams by; all else of a file alone is kept. */
static enum selfsame_code
push_enclave(struct measuring *m, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct kept *k = &m->kept[ENCLAVE];
    const bool decided = k->len >= HEAD;

    if (m->streams)
        return sgxs_reader_push(&m->sgxs, piece, e);
    if (m->size[ENCLAVE] > part_max[ENCLAVE] && decided)
        FAIL(e, SELFSAME_MALFORMED, "enclave: expected at most %d MiB, got more",
            (int)(ELF_MAX >> 20));
    TRY(keep(k, piece, e));
    if (decided || k->len < HEAD || !sgxs_recognise(kept_bytes(m, ENCLAVE)))
        return SELFSAME_OK;
    m->streams = true;
    TRY(sgxs_reader_init(&m->sgxs, e));
    return sgxs_reader_push(&m->sgxs, kept_bytes(m, ENCLAVE), e);
}

static enum selfsame_code
update(void *state, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct measuring *m = state;

    if (m->part < 0)
        FAIL(e, SELFSAME_USAGE,
            "an image of SGX is measured part by part: name one first");
    if (piece.len > m->left)
        FAIL(e, SELFSAME_MALFORMED, "expected %" PRIu64 " bytes more, got %zu", m->left,
            piece.len);
    m->left -= piece.len;
    switch (m->part) {
    case ENCLAVE: return push_enclave(m, piece, e);
    case LIBOS: hash_update(&m->libos, piece); return SELFSAME_OK;
    case ROOTFS: return rootfs_push(&m->rootfs, piece, e);
    default: return keep(&m->kept[m->part], piece, e);
    }
}

/* ---- values ---- */

struct values {
    struct arena *arena;
    struct claim *list;
    size_t count;
    struct tee_section *sections;
    size_t section_count;
};
enum { VALUES_MAX = 8 };

static bool
put_digest(struct values *v, const char *path, struct selfsame_bytes digest)
{
    struct claim *c = &v->list[v->count++];

    *c = (struct claim){ .path = path, .kind = CLAIM_BYTES };
    return arena_dup(v->arena, digest, &c->bytes);
}

static void
put_number(struct values *v, const char *path, uint64_t n)
{
    v->list[v->count++] = (struct claim){
        .path = path, .kind = CLAIM_UINT, .number = n
    };
}

/* A row of `explain`: what of the image decides which value. */
static enum selfsame_code
put_section(struct values *v, const char *name, struct selfsame_bytes b,
    const char *feeds, struct selfsame_err *e)
{
    struct tee_section *s = &v->sections[v->section_count];
    uint8_t sum[HASH_MAX];

    if (v->section_count == SECTIONS_MAX)
        return SELFSAME_OK;
    if (!hash_bytes(HASH_SHA384, b, sum))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *s = (struct tee_section){ .name = name, .size = b.len, .feeds = feeds };
    memcpy(s->sha384, sum, sizeof(s->sha384));
    v->section_count++;
    return SELFSAME_OK;
}

/* What the author signed; `measured`: what the enclave is, or absent. */
static enum selfsame_code
put_signed(struct values *v, struct selfsame_bytes sig, struct selfsame_bytes measured,
    struct selfsame_err *e)
{
    struct sigstruct s;
    uint8_t signer[32];

    TRY(sigstruct_parse(sig, &s, e));
    TRY(sigstruct_verify(&s, e));
    if (measured.len > 0 && !bytes_eq(s.enclave_hash, measured))
        FAIL(e, SELFSAME_MISMATCH,
            "SIGSTRUCT: expected MRENCLAVE %.16s…, as the enclave is, got %.16s…",
            hex_dup(v->arena, measured), hex_dup(v->arena, s.enclave_hash));
    if (!sigstruct_mrsigner(&s, signer) ||
        (measured.len == 0 && !put_digest(v, "mrenclave", s.enclave_hash)) ||
        !put_digest(v, "mrsigner", BYTES_ARR(signer)))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    put_number(v, "isv_prod_id", s.isv_prod_id);
    put_number(v, "isv_svn", s.isv_svn);
    return put_section(v, "SIGSTRUCT", sig,
        measured.len > 0 ? "MRSIGNER" : "MRSIGNER; MRENCLAVE as it says", e);
}

static enum selfsame_code
check_libos(struct measuring *m, struct selfsame_err *e)
{
    uint8_t sum[HASH_MAX];

    if (!m->seen[LIBOS])
        return SELFSAME_OK;
    hash_final(&m->libos, sum);
    if (!m->manifest.has_libos_sha256 ||
        !bytes_eq(BYTES(sum, 32), BYTES_ARR(m->manifest.libos_sha256)))
        FAIL(e, SELFSAME_MISMATCH,
            "libos: expected the file that the manifest's loader.entrypoint has, got "
            "another");
    return SELFSAME_OK;
}

static enum selfsame_code
measure_gramine(struct measuring *m, struct values *v, uint8_t ret[static 32],
    struct selfsame_err *e)
{
    if (!m->seen[PAL]) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "expected Gramine's libpal.so beside the manifest, got none");
        err_remedy(e, "Give it with --pal: the enclave is loaded from it.");
        return SELFSAME_USAGE;
    }
    TRY(check_libos(m, e));
    TRY(gramine_mrenclave(&m->manifest, kept_bytes(m, PAL), ret, e));
    TRY(put_section(v, "manifest", m->manifest.raw, "MRENCLAVE", e));
    return put_section(v, "pal", kept_bytes(m, PAL), "MRENCLAVE", e);
}

static enum selfsame_code
measure_elf(struct measuring *m, struct values *v, struct selfsame_bytes *ret_sig,
    uint8_t ret[static 32], struct selfsame_err *e)
{
    struct signed_elf f;

    TRY(signed_elf_parse(kept_bytes(m, ENCLAVE), &f, e));
    TRY(signed_elf_mrenclave(&f, ret, e));
    *ret_sig = f.sigstruct;
    return put_section(v, "ELF", kept_bytes(m, ENCLAVE), "MRENCLAVE", e);
}

static enum selfsame_code
measure(struct measuring *m, struct values *v, struct selfsame_err *e)
{
    struct selfsame_bytes whole = kept_bytes(m, ENCLAVE), sig = kept_bytes(m, SIG);
    uint8_t mrenclave[32];
    struct sgxs_info info;

    if (m->seen[ENCLAVE] && !m->has_manifest && (m->seen[MANIFEST] || m->seen[PAL]))
        FAIL(e, SELFSAME_USAGE, "--pal goes with a manifest of Gramine, got other");
    if (m->seen[ENCLAVE] && !m->streams && sigstruct_recognise(whole))
        return put_signed(v, whole, BYTES_NONE, e);
    if (m->streams)
        TRY(sgxs_reader_end(&m->sgxs, mrenclave, &info, e));
    else if (m->has_manifest)
        TRY(measure_gramine(m, v, mrenclave, e));
    else if (m->seen[ENCLAVE])
        TRY(measure_elf(m, v, &sig, mrenclave, e));
    else
        FAIL(e, SELFSAME_USAGE,
            "expected a manifest of Gramine or an enclave, got none");
    if (!put_digest(v, "mrenclave", BYTES_ARR(mrenclave)))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return sig.len > 0 ? put_signed(v, sig, BYTES_ARR(mrenclave), e) : SELFSAME_OK;
}

static enum selfsame_code
finish(
    void *state, struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    struct measuring *m = state;
    struct values v = { .arena = arena,
        .list = ARENA_NEW(arena, struct claim, VALUES_MAX),
        .sections = ARENA_NEW(arena, struct tee_section, SECTIONS_MAX) };

    if (v.list == NULL || v.sections == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(part_end(m, e));
    TRY(measure(m, &v, e));
    *ret = (struct tee_measured){ .list = v.list,
        .count = v.count,
        .sections = v.sections,
        .section_count = v.section_count };
    return SELFSAME_OK;
}

/* Files of ELF are enclaves here: no other TEE measures one. */
static bool
recognise(struct selfsame_bytes head)
{
    return sgxs_recognise(head) || sigstruct_recognise(head) || elf_recognise(head);
}

const struct tee_measurer sgx_measurer = {
    .name = "sgx",
    .image_kind = "enclave",
    .files = "image",
    .parts = part_names,
    .start_parts = 4,
    .whole = SGX_PART_ENCLAVE,
    .recognise = recognise,
    .begin = begin,
    .part = part,
    .update = update,
    .finish = finish,
    .free = discard,
};
