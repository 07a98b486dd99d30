/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar_put.h"

#include <stdio.h>

/*
 * ustar (POSIX.1-2017, pax "ustar Interchange Format"), and before it a pax extended
 * header where a name or a link is longer than its field. Nothing of the machine or the
 * clock: times are 0, names of users empty. What is the same tree is the same bytes.
 */
enum { NAME = 100, RECORDS = 2 * TAR_NAME_MAX + 64 };
static const uint64_t size_max = UINT64_C(077777777777); /* eleven octal digits */
static const uint8_t zeros[TAR_BLOCK] = { 0 };

struct field {
    size_t at, len;
};
static const struct field mode_field = { 100, 8 }, uid_field = { 108, 8 },
                          gid_field = { 116, 8 }, size_field = { 124, 12 },
                          mtime_field = { 136, 12 }, sum_field = { 148, 8 },
                          major_field = { 329, 8 }, minor_field = { 337, 8 };

static void
put_octal(uint8_t *block, struct field f, uint64_t v)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%0*llo", (int)f.len - 1, (unsigned long long)v);
    memcpy(block + f.at, text, f.len); /* with its NUL */
}

static void
put_text(uint8_t *block, struct field f, const char *text)
{
    const size_t len = strlen(text);

    memcpy(block + f.at, text, len < f.len ? len : f.len);
}

static enum selfsame_code
put_block(const struct tar_entry *t, char type, const struct sink *out,
    struct selfsame_err *e)
{
    uint8_t block[TAR_BLOCK] = { 0 };
    unsigned sum = 0;

    put_text(block, (struct field){ 0, NAME }, t->path);
    put_octal(block, mode_field, t->mode);
    put_octal(block, uid_field, t->uid);
    put_octal(block, gid_field, t->gid);
    put_octal(block, size_field, t->size);
    put_octal(block, mtime_field, 0);
    memset(block + sum_field.at, ' ', sum_field.len);
    block[156] = (uint8_t)type;
    put_text(block, (struct field){ 157, NAME }, t->link);
    memcpy(block + 257, "ustar\00000", 8);
    put_octal(block, major_field, t->major);
    put_octal(block, minor_field, t->minor);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    put_octal(block, (struct field){ sum_field.at, 7 }, sum);
    return out->write(out->ctx, BYTES_ARR(block), e);
}

/* "LEN path=…\n", where LEN counts itself. */
static void
put_record(struct writer *w, const char *key, const char *value)
{
    const size_t rest = strlen(key) + strlen(value) + 3; /* ' ', '=' and '\n' */
    size_t len = rest + 1;
    char digits[24];

    while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + rest != len)
        len++;
    put_bytes(w, bytes_str(digits));
    put_u8(w, ' ');
    put_bytes(w, bytes_str(key));
    put_u8(w, '=');
    put_bytes(w, bytes_str(value));
    put_u8(w, '\n');
}

static enum selfsame_code
put_pad(uint64_t size, const struct sink *out, struct selfsame_err *e)
{
    const size_t over = (size_t)(size % TAR_BLOCK);

    return over == 0 ? SELFSAME_OK
                     : out->write(out->ctx, BYTES(zeros, TAR_BLOCK - over), e);
}

static enum selfsame_code
put_long_names(
    const struct tar_entry *t, const struct sink *out, struct selfsame_err *e)
{
    uint8_t text[RECORDS];
    struct writer w = writer_of(text, sizeof(text));

    if (strlen(t->path) > NAME)
        put_record(&w, "path", t->path);
    if (strlen(t->link) > NAME)
        put_record(&w, "linkpath", t->link);
    if (w.bad)
        FAIL(e, SELFSAME_UNSUPPORTED, "%.80s…: names are too long for a tar", t->path);
    if (w.len == 0)
        return SELFSAME_OK;
    const struct tar_entry x = {
        .path = "pax", .link = "", .mode = 0644, .size = w.len
    };
    TRY(put_block(&x, 'x', out, e));
    TRY(out->write(out->ctx, writer_bytes(&w), e));
    return put_pad(w.len, out, e);
}

enum selfsame_code
tar_put_head(const struct tar_entry *t, const struct sink *out, struct selfsame_err *e)
{
    if (t->size > size_max)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "%.80s: a file of a tar has at most %llu bytes, got %llu", t->path,
            (unsigned long long)size_max, (unsigned long long)t->size);
    if (t->uid > 07777777 || t->gid > 07777777)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "%.80s: an owner in a tar is at most 2097151, got %u:%u", t->path, t->uid,
            t->gid);
    TRY(put_long_names(t, out, e));
    return put_block(t, (char)t->type, out, e);
}

enum selfsame_code
tar_put(const struct tar_entry *t, const struct content *data, const struct sink *out,
    struct selfsame_err *e)
{
    TRY(tar_put_head(t, out, e));
    if (t->type != TAR_FILE)
        return SELFSAME_OK;
    TRY(content_push(data, out, e));
    return put_pad(t->size, out, e);
}

enum selfsame_code
tar_put_end(const struct sink *out, struct selfsame_err *e)
{
    TRY(out->write(out->ctx, BYTES_ARR(zeros), e));
    return out->write(out->ctx, BYTES_ARR(zeros), e);
}

/* ---- trees ---- */

static enum tar_type
type_of(const struct node *n)
{
    switch (n->type) {
    case NODE_DIR: return TAR_DIR;
    case NODE_SYMLINK: return TAR_SYMLINK;
    case NODE_CHAR: return TAR_CHAR;
    case NODE_BLOCK: return TAR_BLOCK_DEVICE;
    case NODE_FIFO: return TAR_FIFO;
    case NODE_FILE: break;
    }
    return TAR_FILE;
}

enum selfsame_code
tar_put_node(const struct node *n, const struct sink *out, struct selfsame_err *e)
{
    char path[TREE_PATH + 1];
    const bool dir = n->type == NODE_DIR;
    const struct tar_entry t = {
        .type = type_of(n),
        .path = path,
        .link = n->type == NODE_SYMLINK ? n->target : "",
        .mode = n->mode,
        .uid = n->uid,
        .gid = n->gid,
        .major = n->rdev_major,
        .minor = n->rdev_minor,
        .size = n->type == NODE_FILE ? n->content.size : 0,
    };

    (void)snprintf(path, sizeof(path), "%s%s", n->path, dir ? "/" : "");
    return tar_put(&t, &n->content, out, e);
}
