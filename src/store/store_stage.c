/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "os/os.h"
#include "store/store_parts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The staged batch is one file that is written over, so that a batch costs one sync:
 * magic, digest of what follows, first position, length, the batch.
 */
static const char magic[8] = "SLFSTAGE";
enum { STAGE_HEAD = 8 + 32 + 8 + 8, STAGE_LIMIT = 256 << 20 };

static bool
stage_digest(struct selfsame_bytes head, struct selfsame_bytes batch,
    uint8_t ret[static HASH_MAX])
{
    const struct selfsame_bytes part[] = { head, batch };

    return hash_parts(HASH_SHA256, part, COUNT(part), ret);
}

enum selfsame_code
stage_write(const struct file_place *home, int fd, uint64_t first,
    struct selfsame_bytes batch, struct selfsame_err *e)
{
    uint8_t head[STAGE_HEAD], digest[HASH_MAX];
    struct writer w = writer_of(head + 40, 16);

    put_be64(&w, first);
    put_be64(&w, batch.len);
    if (batch.len > STAGE_LIMIT || !stage_digest(writer_bytes(&w), batch, digest))
        FAIL(e, SELFSAME_NOMEM, "staging: a batch of %zu bytes", batch.len);
    memcpy(head, magic, 8);
    memcpy(head + 8, digest, 32);
    if (lseek(fd, 0, SEEK_SET) != 0)
        return place_error(home, "cannot write", "staged", e);
    TRY(place_write(home, fd, BYTES_ARR(head), "staged", e));
    TRY(place_write(home, fd, batch, "staged", e));
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return SELFSAME_OK;
}

enum selfsame_code
stage_read(const struct file_place *home, int fd, struct arena *arena,
    uint64_t *ret_first, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t head[STAGE_HEAD], digest[HASH_MAX];
    struct stat st;

    *ret = BYTES_NONE;
    if (fd < 0)
        return SELFSAME_OK;
    if (fstat(fd, &st) != 0)
        return place_error(home, "cannot read", "staged", e);
    if (st.st_size < STAGE_HEAD)
        return SELFSAME_OK;
    TRY(fd_pread_all(fd, 0, head, sizeof(head), "staged", e));
    struct reader r = reader_of(BYTES(head + 40, 16));
    uint64_t first = get_be64(&r), len = get_be64(&r);
    if (!bytes_has_prefix(
            BYTES_ARR(head), BYTES((const uint8_t *)magic, sizeof(magic))) ||
        len > STAGE_LIMIT || (uint64_t)st.st_size < STAGE_HEAD + len)
        return SELFSAME_OK;
    uint8_t *batch = arena_alloc(arena, 1, len + 1);
    if (batch == NULL)
        FAIL(e, SELFSAME_NOMEM, "staging: out of memory");
    TRY(fd_pread_all(fd, STAGE_HEAD, batch, len, "staged", e));
    if (!stage_digest(BYTES(head + 40, 16), BYTES(batch, len), digest))
        FAIL(e, SELFSAME_NOMEM, "staging: out of memory");
    if (!bytes_eq(BYTES(digest, 32), BYTES(head + 8, 32)))
        return SELFSAME_OK; /* torn: it never counted */
    *ret_first = first;
    *ret = BYTES(batch, len);
    return SELFSAME_OK;
}
