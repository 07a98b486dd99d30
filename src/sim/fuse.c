/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include "os/os.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The kernel's side of a file system in user space (include/uapi/linux/fuse.h): one
 * request is read, one answer written; what there is, a tree says. Nothing is cached by the
 * kernel, so that what a guest reads is what there is.
 */
enum { REQUEST_MAX = 1 << 17, WRITE_MAX = 4096, ANSWER_MAX = 1 << 17 };

struct fuse {
    int fd;
    const struct guest_tree *kind;
    void *tree;
    uint8_t *in, *out;
};

void
fuse_close(struct fuse **held)
{
    struct fuse *f = *held;

    if (f == NULL)
        return;
    fd_close(&f->fd);
    if (f->tree != NULL)
        f->kind->free(f->tree);
    free(f->in);
    free(f->out);
    free(f);
    *held = NULL;
}

enum selfsame_code
fuse_open(int fd, const struct guest_device *device, const struct guest_tree *tree,
    struct fuse **ret, struct selfsame_err *e)
{
    struct fuse *f = calloc(1, sizeof(*f));

    if (f != NULL) {
        f->fd = -1;
        f->kind = tree;
        f->tree = tree->make(device);
        f->in = malloc(REQUEST_MAX);
        f->out = malloc(sizeof(struct fuse_out_header) + ANSWER_MAX);
    }
    if (f == NULL || f->tree == NULL || f->in == NULL || f->out == NULL) {
        fuse_close(&f);
        FAIL(e, SELFSAME_NOMEM, "files of the guest");
    }
    f->fd = fd;
    *ret = f;
    return SELFSAME_OK;
}

int
fuse_fd(const struct fuse *f)
{
    return f != NULL ? f->fd : -1;
}

/* ---- answers ---- */

struct reply {
    int error; /* 0 or negative */
    size_t len;
    uint8_t *body; /* ANSWER_MAX */
};

static void
put(struct reply *r, const void *what, size_t len)
{
    memcpy(r->body, what, len);
    r->len = len;
}

static void
fill_attr(uint64_t node, mode_t mode, struct fuse_attr *ret)
{
    *ret = (struct fuse_attr){
        .ino = node, .mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1, .blksize = 4096
    };
}

static void
reply_entry(struct fuse *f, uint64_t node, struct reply *r)
{
    struct fuse_entry_out out = { .nodeid = node };
    mode_t mode;

    r->error = f->kind->stat(f->tree, node, &mode);
    if (r->error != 0)
        return;
    fill_attr(node, mode, &out.attr);
    put(r, &out, sizeof(out));
}

static void
reply_attr(struct fuse *f, uint64_t node, struct reply *r)
{
    struct fuse_attr_out out = { .attr_valid = 0 };
    mode_t mode;

    r->error = f->kind->stat(f->tree, node, &mode);
    if (r->error != 0)
        return;
    fill_attr(node, mode, &out.attr);
    put(r, &out, sizeof(out));
}

static void
reply_init(const void *body, struct reply *r)
{
    const struct fuse_init_in *in = body;
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor
                                                       : FUSE_KERNEL_MINOR_VERSION,
        .max_write = WRITE_MAX,
        .time_gran = 1,
    };

    /* Before 7.23 the answer was shorter; no kernel of this century is that old. */
    put(r, &out, sizeof(out));
}

static void
reply_directory(
    struct fuse *f, uint64_t node, const struct fuse_read_in *in, struct reply *r)
{
    uint64_t child;
    const char *name;
    mode_t mode;

    for (size_t n = (size_t)in->offset;
         (name = f->kind->entry(f->tree, node, n, &child)) != NULL; n++) {
        struct fuse_dirent d = { .ino = child, .off = n + 1 };
        size_t len = strlen(name), size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);

        if (r->len + size > in->size || r->len + size > ANSWER_MAX)
            return;
        d.namelen = (uint32_t)len;
        d.type = f->kind->stat(f->tree, child, &mode) == 0 && S_ISDIR(mode)
                     ? 4
                     : 8; /* DT_DIR, DT_REG */
        memset(r->body + r->len, 0, size);
        memcpy(r->body + r->len, &d, FUSE_NAME_OFFSET);
        memcpy(r->body + r->len + FUSE_NAME_OFFSET, name, len);
        r->len += size;
    }
}

static void
reply_read(
    struct fuse *f, struct notify *n, const struct fuse_read_in *in, struct reply *r)
{
    auto_arena arena = arena_new(4096);
    struct selfsame_bytes all = BYTES_NONE;

    r->error = f->kind->read(f->tree, n, in->fh, &arena, &all);
    if (r->error != 0 || in->offset >= all.len)
        return;
    size_t len = all.len - (size_t)in->offset;
    len = len < in->size ? len : in->size;
    len = len < ANSWER_MAX ? len : ANSWER_MAX;
    put(r, all.ptr + in->offset, len);
}

static void
reply_open(struct fuse *f, uint64_t node, const struct fuse_open_in *in, bool dir,
    struct reply *r)
{
    struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };
    mode_t mode;

    r->error = dir ? f->kind->stat(f->tree, node, &mode)
                   : f->kind->open(f->tree, node, (int)in->flags, &out.fh);
    if (dir)
        out.open_flags = 0;
    if (r->error == 0)
        put(r, &out, sizeof(out));
}

static void
reply_write(struct fuse *f, struct notify *n, const struct fuse_write_in *in,
    size_t len, struct reply *r)
{
    struct fuse_write_out out = { .size = 0 };

    if (in->size > len - sizeof(*in)) {
        r->error = -EIO;
        return;
    }
    int taken = f->kind->write(
        f->tree, n, in->fh, in->offset, BYTES((const uint8_t *)(in + 1), in->size));
    r->error = taken < 0 ? taken : 0;
    out.size = taken > 0 ? (uint32_t)taken : 0;
    if (taken >= 0)
        put(r, &out, sizeof(out));
}

/* ---- requests ---- */

/* A name in the body that ends inside it. */
static const char *
name_in(const uint8_t *body, size_t len)
{
    return memchr(body, 0, len) != NULL ? (const char *)body : NULL;
}

static void
answer_name(struct fuse *f, const struct fuse_in_header *h, const uint8_t *body,
    size_t len, struct reply *r)
{
    size_t skip = h->opcode == FUSE_MKDIR ? sizeof(struct fuse_mkdir_in) : 0;
    const char *name = len > skip ? name_in(body + skip, len - skip) : NULL;
    uint64_t node = 0;

    if (name == NULL)
        r->error = -EIO;
    else if (h->opcode == FUSE_LOOKUP)
        r->error = f->kind->lookup(f->tree, h->nodeid, name, &node);
    else if (h->opcode == FUSE_MKDIR)
        r->error = f->kind->mkdir(f->tree, h->nodeid, name, &node);
    else
        r->error = f->kind->rmdir(f->tree, h->nodeid, name);
    if (r->error == 0 && h->opcode != FUSE_RMDIR)
        reply_entry(f, node, r);
}

static size_t
least(uint32_t opcode)
{
    switch (opcode) {
    case FUSE_INIT: return offsetof(struct fuse_init_in, flags2);
    case FUSE_OPEN: return sizeof(struct fuse_open_in);
    case FUSE_READ:
    case FUSE_READDIR: return sizeof(struct fuse_read_in);
    case FUSE_WRITE: return sizeof(struct fuse_write_in);
    case FUSE_RELEASE: return sizeof(struct fuse_release_in);
    default: return 0;
    }
}

/* False for what wants no answer. */
static bool
answer(struct fuse *f, struct notify *n, const struct fuse_in_header *h,
    const uint8_t *body, size_t len, struct reply *r)
{
    if (len < least(h->opcode)) {
        r->error = -EIO;
        return true;
    }
    switch (h->opcode) {
    case FUSE_INIT: reply_init(body, r); break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT: return false;
    case FUSE_LOOKUP:
    case FUSE_MKDIR:
    case FUSE_RMDIR: answer_name(f, h, body, len, r); break;
    case FUSE_GETATTR:
    case FUSE_SETATTR: reply_attr(f, h->nodeid, r); break;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        reply_open(f, h->nodeid, (const void *)body, h->opcode == FUSE_OPENDIR, r);
        break;
    case FUSE_READ: reply_read(f, n, (const void *)body, r); break;
    case FUSE_READDIR: reply_directory(f, h->nodeid, (const void *)body, r); break;
    case FUSE_WRITE: reply_write(f, n, (const void *)body, len, r); break;
    case FUSE_RELEASE:
        f->kind->release(
            f->tree, ((const struct fuse_release_in *)(const void *)body)->fh);
        break;
    case FUSE_FLUSH:
    case FUSE_FSYNC:
    case FUSE_RELEASEDIR:
    case FUSE_DESTROY: break;
    case FUSE_CREATE:
    case FUSE_MKNOD:
    case FUSE_UNLINK:
    case FUSE_RENAME:
    case FUSE_SYMLINK:
    case FUSE_LINK: r->error = -EPERM; break;
    default: r->error = -ENOSYS; break;
    }
    return true;
}

bool
fuse_serve(struct fuse *f, struct notify *n)
{
    ssize_t got = read(f->fd, f->in, REQUEST_MAX);
    struct fuse_in_header h;
    struct reply r = { .body = f->out + sizeof(struct fuse_out_header) };

    if (got < 0)
        return errno == EINTR || errno == EAGAIN || errno == ENOENT;
    if ((size_t)got < sizeof(h))
        return false;
    memcpy(&h, f->in, sizeof(h));
    if (!answer(f, n, &h, f->in + sizeof(h), (size_t)got - sizeof(h), &r))
        return true;
    struct fuse_out_header out = {
        .len = (uint32_t)(sizeof(out) + (r.error == 0 ? r.len : 0)),
        .error = r.error,
        .unique = h.unique,
    };
    memcpy(f->out, &out, sizeof(out));
    /* ENOENT: the caller was interrupted meanwhile. */
    return write(f->fd, f->out, out.len) == (ssize_t)out.len || errno == ENOENT ||
           errno == EINTR;
}
