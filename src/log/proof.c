/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <inttypes.h>
#include <stdio.h>

static const char magic[] = "c2sp.org/tlog-proof@v1";

/* What stands behind a word and a space; false for another word. */
static bool
behind(struct selfsame_bytes line, const char *word, struct selfsame_bytes *ret)
{
    size_t n = strlen(word);

    if (!bytes_has_prefix(line, bytes_str(word)))
        return false;
    *ret = BYTES(line.ptr + n, line.len - n);
    return true;
}

static enum selfsame_code
read_extra(struct selfsame_bytes text, struct arena *arena, struct log_proof *p,
    struct selfsame_err *e)
{
    uint8_t *raw = arena_alloc(arena, 1, text.len + 1);
    size_t len = 0;

    if (raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "proof: out of memory");
    if (!base64_decode(
            (const char *)text.ptr, text.len, false, raw, text.len + 1, &len))
        FAIL(e, SELFSAME_MALFORMED, "proof: expected base64 behind \"extra\"");
    p->has_extra = true;
    p->extra = BYTES(raw, len);
    return SELFSAME_OK;
}

static enum selfsame_code
read_path(struct selfsame_bytes *rest, struct arena *arena, struct log_proof *p,
    struct selfsame_err *e)
{
    uint8_t *hashes = arena_alloc(arena, LOG_HASH, LOG_PATH_MAX);
    struct selfsame_bytes line;
    size_t count = 0, len = 0;

    if (hashes == NULL)
        FAIL(e, SELFSAME_NOMEM, "proof: out of memory");
    bool ended = false;
    while (!ended && bytes_line(rest, &line)) {
        ended = line.len == 0;
        if (!ended && (count == LOG_PATH_MAX || line.len != 44 ||
                          !base64_decode((const char *)line.ptr, line.len, false,
                              hashes + count++ * LOG_HASH, LOG_HASH, &len) ||
                          len != LOG_HASH))
            FAIL(e, SELFSAME_MALFORMED,
                "proof: expected at most %d hashes of 44 characters, got others",
                (int)LOG_PATH_MAX);
    }
    if (!ended || rest->len == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "proof: expected a blank line and a checkpoint, got none");
    p->path = (struct merkle_path){ hashes, count };
    return SELFSAME_OK;
}

enum selfsame_code
proof_parse(struct selfsame_bytes in, struct arena *arena, struct log_proof *ret,
    struct selfsame_err *e)
{
    struct log_proof p = { .index = 0 };
    struct selfsame_bytes rest = in, line, value;

    if (in.len > PROOF_MAX)
        FAIL(e, SELFSAME_MALFORMED, "proof: expected at most %d bytes, got %zu",
            (int)PROOF_MAX, in.len);
    /* As in the note that it carries. */
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] < ' ' && in.ptr[i] != '\n')
            FAIL(e, SELFSAME_MALFORMED,
                "proof: expected no control character but newlines, got 0x%02x",
                in.ptr[i]);
    if (!bytes_line(&rest, &line) || !bytes_eq(line, bytes_str(magic)))
        FAIL(e, SELFSAME_MALFORMED, "proof: expected %s in its first line, got another",
            magic);
    if (!bytes_line(&rest, &line))
        FAIL(e, SELFSAME_MALFORMED, "proof: expected a line \"index\", got none");
    if (behind(line, "extra ", &value)) {
        TRY(read_extra(value, arena, &p, e));
        if (!bytes_line(&rest, &line))
            FAIL(e, SELFSAME_MALFORMED, "proof: expected a line \"index\", got none");
    }
    if (!behind(line, "index ", &value) || value.len == 0 ||
        (value.len > 1 && value.ptr[0] == '0') ||
        (value.len > 1 && value.ptr[1] == 'x') ||
        !uint_parse((const char *)value.ptr, value.len, INT64_MAX, &p.index))
        FAIL(e, SELFSAME_MALFORMED,
            "proof: expected \"index\" and a decimal number, got others");
    TRY(read_path(&rest, arena, &p, e));
    p.checkpoint = rest;
    *ret = p;
    return SELFSAME_OK;
}

/* Written once into a buffer of its size: a log makes thousands of these a second. */
char *
proof_text(const struct log_proof *p, struct arena *arena)
{
    const size_t cap = sizeof(magic) + 64 + BASE64_SIZE(p->extra.len) +
                       p->path.count * BASE64_SIZE(LOG_HASH) + p->checkpoint.len;
    char *text = arena_alloc(arena, 1, cap);
    size_t n;

    if (text == NULL)
        return NULL;
    n = (size_t)snprintf(text, cap, "%s\n%s", magic, p->has_extra ? "extra " : "");
    if (p->has_extra) {
        n += base64_encode(p->extra, false, text + n);
        text[n++] = '\n';
    }
    n += (size_t)snprintf(text + n, cap - n, "index %" PRIu64 "\n", p->index);
    for (size_t i = 0; i < p->path.count; i++) {
        n += base64_encode(
            BYTES(p->path.hashes + i * LOG_HASH, LOG_HASH), false, text + n);
        text[n++] = '\n';
    }
    text[n++] = '\n';
    memcpy(text + n, p->checkpoint.ptr, p->checkpoint.len);
    text[n + p->checkpoint.len] = '\0';
    return text;
}
