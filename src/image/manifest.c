/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include "crypto/crypto.h"

#include <stdio.h>

static enum selfsame_code
hash_write(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    (void)e;
    hash_update(ctx, b);
    return SELFSAME_OK;
}

enum selfsame_code
tree_hash(struct tree *t, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    for (size_t i = 0; i < tree_count(t); i++) {
        struct node *n = tree_find(t, tree_at(t, i)->path);
        if (n->type != NODE_FILE || n->hashed)
            continue;
        auto_hash h = { 0 };
        if (!hash_init(&h, HASH_SHA256))
            FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
        struct sink into = { .write = hash_write, .ctx = &h };
        TRY_WHILE(e, content_push(&n->content, &into, e), "hashing %.100s", n->path);
        hash_final(&h, digest);
        memcpy(n->sha256, digest, sizeof(n->sha256));
        n->hashed = true;
    }
    return SELFSAME_OK;
}

/*
 * One spelling for every byte, so equal trees have equal manifests and the other
 * way round. At most four characters a byte.
 */
static size_t
escape(const char *in, char *out)
{
    size_t n = 0;

    for (; *in != '\0'; in++) {
        unsigned c = (uint8_t)*in;
        if (c == '\n' || c == '\\') {
            out[n++] = '\\';
            out[n++] = c == '\n' ? 'n' : '\\';
        } else if (c <= ' ' || c == 0x7f) {
            out[n++] = '\\';
            out[n++] = (char)('0' + (c >> 6));
            out[n++] = (char)('0' + (c >> 3 & 7));
            out[n++] = (char)('0' + (c & 7));
        } else {
            out[n++] = (char)c;
        }
    }
    return n;
}

enum { DETAIL = 4 * TREE_PATH, LINE = DETAIL + 4 * TREE_PATH + 96 };

/* "<sha256|target|maj:min|->" */
static size_t
detail(const struct node *n, char out[static DETAIL])
{
    switch (n->type) {
    case NODE_FILE: hex_encode(BYTES_ARR(n->sha256), out); return 2 * sizeof(n->sha256);
    case NODE_SYMLINK: return escape(n->target, out);
    case NODE_CHAR:
    case NODE_BLOCK:
        return (size_t)snprintf(out, DETAIL, "%lu:%lu", (unsigned long)n->rdev_major,
            (unsigned long)n->rdev_minor);
    case NODE_DIR:
    case NODE_FIFO: break;
    }
    out[0] = '-';
    return 1;
}

static size_t
line(const struct node *n, char out[static LINE])
{
    uint64_t size = n->type == NODE_FILE ? n->content.size : 0;
    size_t at = (size_t)snprintf(out, LINE, "%c %04o %lu %lu %llu ", (int)n->type,
        (unsigned)n->mode, (unsigned long)n->uid, (unsigned long)n->gid,
        (unsigned long long)size);

    at += detail(n, out + at);
    out[at++] = ' ';
    at += escape(n->path, out + at);
    out[at++] = '\n';
    return at;
}

enum selfsame_code
tree_manifest(struct tree *t, const struct sink *out, uint8_t ret_sha256[static 32],
    struct selfsame_err *e)
{
    auto_hash h = { 0 };
    struct sink_buffer buffer = { .out = out };
    uint8_t digest[HASH_MAX];
    char text[LINE];

    TRY(tree_hash(t, e));
    if (!hash_init(&h, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    for (size_t i = 0; i < tree_count(t); i++) {
        size_t n = line(tree_at(t, i), text);
        struct selfsame_bytes b = BYTES((const uint8_t *)text, n);
        hash_update(&h, b);
        TRY_WHILE(e, sink_put(&buffer, b, e), "writing the manifest");
    }
    TRY_WHILE(e, sink_flush(&buffer, e), "writing the manifest");
    hash_final(&h, digest);
    memcpy(ret_sha256, digest, 32);
    return SELFSAME_OK;
}
