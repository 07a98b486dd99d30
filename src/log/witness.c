/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <inttypes.h>

enum { HASH_LINE = 44 };

/* "old N": decimal, no leading zero. */
static bool
read_old(struct selfsame_bytes line, uint64_t *ret)
{
    const struct selfsame_bytes word = BYTES_LIT("old ");

    if (!bytes_has_prefix(line, word))
        return false;
    struct selfsame_bytes n = BYTES(line.ptr + word.len, line.len - word.len);
    for (size_t i = 0; i < n.len; i++)
        if (n.ptr[i] < '0' || n.ptr[i] > '9' ||
            (i == 0 && n.ptr[0] == '0' && n.len > 1))
            return false;
    return n.len > 0 && uint_parse((const char *)n.ptr, n.len, INT64_MAX, ret);
}

static enum selfsame_code
read_hash(
    struct selfsame_bytes line, uint8_t *hashes, size_t *count, struct selfsame_err *e)
{
    size_t len = 0;

    if (*count == LOG_PATH_MAX || line.len != HASH_LINE ||
        !base64_decode((const char *)line.ptr, line.len, false,
            hashes + *count * LOG_HASH, LOG_HASH, &len) ||
        len != LOG_HASH)
        FAIL(e, SELFSAME_MALFORMED,
            "witness request: expected at most %d hashes of %d characters, got others",
            (int)LOG_PATH_MAX, (int)HASH_LINE);
    (*count)++;
    return SELFSAME_OK;
}

enum selfsame_code
witness_request_parse(struct selfsame_bytes in, struct arena *arena,
    struct witness_request *ret, struct selfsame_err *e)
{
    struct witness_request r = { .old_size = 0 };
    struct selfsame_bytes rest = in, line;
    uint8_t *hashes = arena_alloc(arena, LOG_HASH, LOG_PATH_MAX);

    if (hashes == NULL)
        FAIL(e, SELFSAME_NOMEM, "witness request: out of memory");
    /* As in the note that it carries. */
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] < ' ' && in.ptr[i] != '\n')
            FAIL(e, SELFSAME_MALFORMED,
                "witness request: expected no control character but newlines, got "
                "0x%02x",
                in.ptr[i]);
    if (in.len > WITNESS_REQUEST_MAX || !bytes_line(&rest, &line) ||
        !read_old(line, &r.old_size))
        FAIL(e, SELFSAME_MALFORMED,
            "witness request: expected \"old\" and a decimal size, got others");
    bool ended = false;
    while (!ended && bytes_line(&rest, &line)) {
        ended = line.len == 0;
        if (!ended)
            TRY(read_hash(line, hashes, &r.path.count, e));
    }
    if (!ended || rest.len == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "witness request: expected a blank line and a checkpoint, got none");
    r.path.hashes = hashes;
    r.checkpoint = rest;
    *ret = r;
    return SELFSAME_OK;
}

char *
witness_request_text(const struct witness_request *r, struct arena *arena)
{
    char lines[LOG_PATH_MAX * (HASH_LINE + 1) + 1];
    char *at = lines;

    if (r->path.count > LOG_PATH_MAX)
        return NULL;
    for (size_t i = 0; i < r->path.count; i++) {
        at += base64_encode(BYTES(r->path.hashes + i * LOG_HASH, LOG_HASH), false, at);
        *at++ = '\n';
    }
    *at = '\0';
    return arena_printf(arena, "old %" PRIu64 "\n%s\n%.*s", r->old_size, lines,
        (int)r->checkpoint.len, (const char *)r->checkpoint.ptr);
}

bool
witness_state_of_none(struct witness_state *ret)
{
    ret->size = 0;
    return merkle_empty(ret->root);
}

/* ---- judging ---- */

static int
status_of(enum selfsame_code code, int refused)
{
    return code == SELFSAME_NOMEM ? 503 : refused;
}

/* The keys of this origin, at most NOTE_KEYS. */
static size_t
keys_of(struct selfsame_bytes origin, const struct note_key *keys, size_t count,
    struct note_key *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < count && n < NOTE_KEYS; i++)
        if (bytes_eq(keys[i].name, origin))
            ret[n++] = keys[i];
    return n;
}

static enum selfsame_code
open_request(struct selfsame_bytes body, struct arena *arena, struct witness_asked *q,
    struct selfsame_err *e)
{
    TRY(witness_request_parse(body, arena, &q->request, e));
    TRY(note_parse(q->request.checkpoint, arena, &q->note, e));
    TRY(checkpoint_parse(q->note.text, &q->checkpoint, e));
    if (q->request.old_size > q->checkpoint.size)
        FAIL(e, SELFSAME_MALFORMED,
            "witness request: expected an old size of at most %" PRIu64
            ", that of the checkpoint, got %" PRIu64,
            q->checkpoint.size, q->request.old_size);
    return SELFSAME_OK;
}

int
witness_open(struct selfsame_bytes body, const struct note_key *keys, size_t count,
    struct arena *arena, struct witness_asked *ret, struct selfsame_err *e)
{
    struct note_key own[NOTE_KEYS];
    struct witness_asked q = { .note = { .count = 0 } };
    uint64_t good = 0;

    enum selfsame_code code = open_request(body, arena, &q, e);
    if (code != SELFSAME_OK)
        return status_of(code, 400);
    size_t own_count = keys_of(q.checkpoint.origin, keys, count, own);
    if (own_count == 0) {
        (void)err_set(e, SELFSAME_LOG, __FILE__, __LINE__,
            "expected a log that is known here, got \"%.*s\"",
            q.checkpoint.origin.len < 80 ? (int)q.checkpoint.origin.len : 80,
            (const char *)q.checkpoint.origin.ptr);
        return 404;
    }
    code = note_verify(&q.note, own, own_count, &good, NULL, e);
    if (code != SELFSAME_OK)
        return status_of(code, 403);
    *ret = q;
    return 0;
}

int
witness_judge(const struct witness_asked *q, const struct witness_state *stored,
    struct witness_state *ret, bool *ret_fork, struct selfsame_err *e)
{
    const struct checkpoint *c = &q->checkpoint;

    *ret_fork = c->size == stored->size &&
                !bytes_eq(BYTES_ARR(c->root), BYTES_ARR(stored->root));
    if (q->request.old_size != stored->size) {
        (void)err_set(e, SELFSAME_LOG, __FILE__, __LINE__,
            "expected the old size %" PRIu64 ", which was cosigned last, got %" PRIu64,
            stored->size, q->request.old_size);
        return 409;
    }
    enum selfsame_code code = merkle_check_consistency(
        stored->size, stored->root, c->size, c->root, q->request.path, e);
    if (code != SELFSAME_OK)
        return status_of(code, 422);
    ret->size = c->size;
    memcpy(ret->root, c->root, LOG_HASH);
    return 200;
}
