/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include "codec/cpio.h"
#include "crypto/crypto.h"

/* The canonical form and its reasons: docs/formats/initramfs.md. */
enum { ALIGN = 512 };
static const uint8_t zeros[ALIGN] = { 0 };
static const char trailer[] = "TRAILER!!!";

/* inode(7) file types, the upper bits of the mode. */
static uint32_t
type_bits(enum node_type t)
{
    switch (t) {
    case NODE_DIR: return 0040000;
    case NODE_FILE: return 0100000;
    case NODE_SYMLINK: return 0120000;
    case NODE_CHAR: return 0020000;
    case NODE_BLOCK: return 0060000;
    case NODE_FIFO: return 0010000;
    }
    return 0;
}

static uint64_t
body_size(const struct node *n)
{
    if (n->type == NODE_SYMLINK)
        return strlen(n->target);
    return n->type == NODE_FILE ? n->content.size : 0;
}

static enum selfsame_code
check(const struct node *n, struct selfsame_err *e)
{
    if (body_size(n) > UINT32_MAX)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "%.80s: a file of an initramfs has at most 4294967295 bytes, got %llu",
            n->path, (unsigned long long)body_size(n));
    if (strcmp(n->path, trailer) == 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "a file cannot be named %s in an initramfs",
            trailer);
    return SELFSAME_OK;
}

static uint64_t
entry_size(size_t name, uint64_t body)
{
    uint64_t head = CPIO_HEADER + name + 1;

    return head + cpio_pad(head) + body + cpio_pad(body);
}

enum selfsame_code
initramfs_size(struct tree *t, uint64_t *ret, struct selfsame_err *e)
{
    uint64_t sum = entry_size(sizeof(trailer) - 1, 0);

    for (size_t i = 0; i < tree_count(t); i++) {
        const struct node *n = tree_at(t, i);
        TRY(check(n, e));
        sum += entry_size(strlen(n->path), body_size(n));
    }
    *ret = (sum + ALIGN - 1) / ALIGN * ALIGN;
    return SELFSAME_OK;
}

static enum selfsame_code
put_head(struct sink_buffer *b, const struct cpio_entry *entry, struct selfsame_err *e)
{
    uint8_t head[CPIO_HEADER + CPIO_NAME_MAX + 4];
    struct writer w = writer_of(head, sizeof(head));

    cpio_put_head(&w, entry);
    if (w.bad)
        FAIL(e, SELFSAME_INTERNAL, "a path of %zu bytes", entry->name.len);
    return sink_put(b, writer_bytes(&w), e);
}

/* Where contents go: into the archive, and through the digest unless it is known. */
struct tee {
    struct sink_buffer *out;
    struct hash *hash; /* or NULL */
};

static enum selfsame_code
tee_write(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct tee *t = ctx;

    if (t->hash != NULL)
        hash_update(t->hash, b);
    return sink_put(t->out, b, e);
}

static enum selfsame_code
put_content(struct sink_buffer *b, struct node *n, struct selfsame_err *e)
{
    auto_hash h = { 0 };
    struct tee tee = { .out = b, .hash = n->hashed ? NULL : &h };
    struct sink into = { .write = tee_write, .ctx = &tee };

    if (!n->hashed && !hash_init(&h, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    TRY_WHILE(e, content_push(&n->content, &into, e),
        "putting %.100s into the initramfs", n->path);
    if (!n->hashed) {
        uint8_t digest[HASH_MAX];
        hash_final(&h, digest);
        memcpy(n->sha256, digest, sizeof(n->sha256));
        n->hashed = true;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
put_node(struct sink_buffer *b, struct node *n, uint32_t ino, struct selfsame_err *e)
{
    uint64_t body = body_size(n);
    struct cpio_entry entry = { .ino = ino,
        .mode = type_bits(n->type) | n->mode,
        .uid = n->uid,
        .gid = n->gid,
        .nlink = 1,
        .size = (uint32_t)body,
        .rdev_major = n->rdev_major,
        .rdev_minor = n->rdev_minor,
        .name = bytes_str(n->path) };

    TRY(check(n, e));
    TRY(put_head(b, &entry, e));
    if (n->type == NODE_SYMLINK)
        TRY(sink_put(b, bytes_str(n->target), e));
    if (n->type == NODE_FILE)
        TRY(put_content(b, n, e));
    return sink_put(b, BYTES(zeros, cpio_pad(body)), e);
}

enum selfsame_code
initramfs_write(struct tree *t, const struct sink *out, struct selfsame_err *e)
{
    struct sink_buffer b = { .out = out };

    for (size_t i = 0; i < tree_count(t); i++) {
        struct node *n = tree_find(t, tree_at(t, i)->path);
        TRY(put_node(&b, n, (uint32_t)i + 1, e));
    }
    const struct cpio_entry end = { .nlink = 1, .name = bytes_str(trailer) };
    TRY(put_head(&b, &end, e));
    TRY(sink_put(&b, BYTES(zeros, (size_t)(-b.written & (ALIGN - 1))), e));
    return sink_flush(&b, e);
}
