/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/sgx/rootfs.h"

static const char prefix[] = "file:rootfs/", trailer[] = "TRAILER!!!";
enum { TYPE = 0170000, REGULAR = 0100000 };

enum selfsame_code
rootfs_begin(struct rootfs *r, const struct gramine_manifest *m, struct selfsame_err *e)
{
    *r = (struct rootfs){ .manifest = m, .want = CPIO_HEADER };
    if (!hash_init(&r->hash, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

void
rootfs_free(struct rootfs *r)
{
    hash_free(&r->hash);
}

static enum selfsame_code
mismatch(const char *name, const char *why, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_MISMATCH, __FILE__, __LINE__,
        "rootfs: expected %.200s as the manifest has it, %s", name, why);
    err_remedy(e, "Build the image again: its rootfs and its manifest are of two "
                  "builds, or somebody changed one of them.");
    return SELFSAME_MISMATCH;
}

static enum selfsame_code
file_end(struct rootfs *r, struct selfsame_err *e)
{
    uint8_t sum[HASH_MAX];

    if (r->file == NULL)
        return SELFSAME_OK;
    hash_final(&r->hash, sum);
    if (!bytes_eq(BYTES(sum, 32), BYTES_ARR(r->file->sha256)))
        return mismatch(r->file->uri, "got other contents", e);
    hash_free(&r->hash);
    if (!hash_init(&r->hash, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    r->file = NULL;
    r->files++;
    return SELFSAME_OK;
}

static enum selfsame_code
file_begin(struct rootfs *r, struct selfsame_bytes name, struct selfsame_err *e)
{
    char uri[sizeof(prefix) + CPIO_NAME_MAX];
    size_t n = sizeof(prefix) - 1;

    memcpy(uri, prefix, n);
    memcpy(uri + n, name.ptr, name.len);
    uri[n + name.len] = 0;
    r->file = gramine_trusted(r->manifest, BYTES((const uint8_t *)uri, n + name.len));
    return r->file != NULL ? SELFSAME_OK : mismatch(uri, "which does not have it", e);
}

static uint32_t
field(const struct rootfs *r, size_t index, bool *ok)
{
    uint8_t hex[8], value[4] = { 0 };
    size_t len;

    memcpy(hex, r->head + 6 + 8 * index, sizeof(hex));
    for (size_t i = 0; i < sizeof(hex); i++)
        if (hex[i] >= 'A' && hex[i] <= 'F')
            hex[i] = (uint8_t)(hex[i] | 0x20);
    *ok = hex_decode((const char *)hex, 8, value, 4, &len) && *ok;
    struct reader in = reader_of(BYTES_ARR(value));
    return get_be32(&in);
}

/* The header says how long the name is, which is awaited then. */
static enum selfsame_code
take_header(struct rootfs *r, struct selfsame_err *e)
{
    bool good = bytes_has_prefix(BYTES_ARR(r->head), BYTES_LIT("070701"));
    uint32_t n = field(r, 11, &good);

    if (!good || n == 0 || n > CPIO_NAME_MAX)
        FAIL(e, SELFSAME_MALFORMED, "rootfs: expected an entry of newc, got other");
    r->want += n + cpio_pad(CPIO_HEADER + (uint64_t)n);
    return SELFSAME_OK;
}

/* A whole header with its name stands in `head`. */
static enum selfsame_code
take_entry(struct rootfs *r, struct selfsame_err *e)
{
    bool good = true;
    uint32_t mode = field(r, 1, &good), size = field(r, 6, &good),
             name_size = field(r, 11, &good);
    const uint8_t *name = r->head + CPIO_HEADER;
    const size_t len = name_size - 1;

    if (!good || name[len] != 0 || memchr(name, 0, len) != NULL)
        FAIL(e, SELFSAME_MALFORMED, "rootfs: expected hex and a name, got other");
    r->ended = bytes_eq(BYTES(name, len), bytes_str(trailer));
    r->data_left = size;
    r->pad = cpio_pad(size);
    if (!r->ended && (mode & TYPE) == REGULAR)
        TRY(file_begin(r, BYTES(name, len), e));
    r->fill = 0;
    r->want = CPIO_HEADER;
    return r->data_left == 0 ? file_end(r, e) : SELFSAME_OK;
}

static enum selfsame_code
push_head(struct rootfs *r, struct selfsame_bytes *rest, struct selfsame_err *e)
{
    /* Zeros fill an archive up to its end. */
    if (r->ended && r->fill == 0 && rest->ptr[0] == 0) {
        *rest = BYTES(rest->ptr + 1, rest->len - 1);
        return SELFSAME_OK;
    }
    size_t n = r->want - r->fill < rest->len ? r->want - r->fill : rest->len;
    memcpy(r->head + r->fill, rest->ptr, n);
    r->fill += n;
    *rest = BYTES(rest->ptr + n, rest->len - n);
    if (r->fill < r->want)
        return SELFSAME_OK;
    return r->want == CPIO_HEADER ? take_header(r, e) : take_entry(r, e);
}

enum selfsame_code
rootfs_push(struct rootfs *r, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct selfsame_bytes rest = piece;

    while (rest.len > 0) {
        uint64_t *left = r->data_left > 0 ? &r->data_left : &r->pad;

        if (*left == 0) {
            TRY(push_head(r, &rest, e));
            continue;
        }
        size_t n = *left < rest.len ? (size_t)*left : rest.len;
        if (left == &r->data_left && r->file != NULL)
            hash_update(&r->hash, BYTES(rest.ptr, n));
        *left -= n;
        rest = BYTES(rest.ptr + n, rest.len - n);
        if (left == &r->data_left && *left == 0)
            TRY(file_end(r, e));
    }
    return SELFSAME_OK;
}

enum selfsame_code
rootfs_end(const struct rootfs *r, struct selfsame_err *e)
{
    if (!r->ended || r->fill > 0 || r->data_left > 0)
        FAIL(
            e, SELFSAME_MALFORMED, "rootfs: expected the end of its archive, got none");
    return SELFSAME_OK;
}
