/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TREE_H
#define SELFSAME_TREE_H

#include "base/base.h"

/*
 * A file tree as data: what every source (directory, tar, OCI layers) becomes and
 * every writer (initramfs, manifest) is made from. Layer order, time stamps,
 * owners of the build machine and readdir order are gone by then. Contents stay
 * where they are (file, spool, memory) and are read in pieces when written.
 */
enum node_type {
    NODE_DIR = 'd',
    NODE_FILE = 'f',
    NODE_SYMLINK = 'l',
    NODE_CHAR = 'c',
    NODE_BLOCK = 'b',
    NODE_FIFO = 'p',
};

struct content {
    uint64_t size;
    /* Reads exactly n bytes at `at` (< size) into buf. NULL: bytes stand at ptr. */
    enum selfsame_code (*read)(const struct content *c, uint64_t at, uint8_t *buf,
        size_t n, struct selfsame_err *e);
    void *ctx;       /* of read: e.g. a spool or a path; outlives the tree */
    uint64_t offset; /* of read */
    const uint8_t *ptr;
};

/* Exactly n bytes at `at`; IO or MALFORMED as the source says. */
MUST enum selfsame_code content_read(const struct content *c, uint64_t at, uint8_t *buf,
    size_t n, struct selfsame_err *e);

struct node {
    const char
        *path; /* "usr/bin/app": no leading '/', no "." or "..", no empty component */
    enum node_type type;
    uint16_t mode; /* 07777 */
    uint32_t uid, gid;
    uint32_t rdev_major, rdev_minor;
    const char *target; /* symbolic link */
    struct content content;
    bool hashed;
    uint8_t sha256[32]; /* of a file's content, when hashed */
};

/* Writers push bytes into a sink. */
struct sink {
    enum selfsame_code (*write)(
        void *ctx, struct selfsame_bytes b, struct selfsame_err *e);
    void *ctx;
};

/* All of a content, in pieces, read once. */
MUST enum selfsame_code content_push(
    const struct content *c, const struct sink *out, struct selfsame_err *e);

/* Collects small writes for a sink; sink_flush at the end. Too big for a small stack. */
struct sink_buffer {
    const struct sink *out;
    uint64_t written; /* put in, flushed or not */
    size_t len;
    uint8_t bytes[64 * 1024];
};
MUST enum selfsame_code sink_put(
    struct sink_buffer *b, struct selfsame_bytes in, struct selfsame_err *e);
MUST enum selfsame_code sink_flush(struct sink_buffer *b, struct selfsame_err *e);

/* TREE_PATH counts the NUL, as the kernel's PATH_MAX does. */
enum { TREE_NODES = 1000000, TREE_PATH = 4096 };
struct tree;
MUST struct tree *tree_new(void);
void tree_free(struct tree **t);
/* Lives as long as the tree: for contents and paths made on the way; `fail_at` for tests. */
struct arena *tree_arena(struct tree *t);
#define auto_tree __attribute__((cleanup(tree_free))) struct tree

/*
 * Puts a copy of the node; a later one wins, with change of type (a directory
 * that becomes a file loses its children). Missing parents are made (0755, 0:0).
 * MALFORMED: bad path, a parent that is a symbolic link or a file.
 */
MUST enum selfsame_code tree_put(
    struct tree *t, const struct node *n, struct selfsame_err *e);
/* Hard link: a second name for the same content. MALFORMED when `to` is not a file of this tree. */
MUST enum selfsame_code tree_link(
    struct tree *t, const char *path, const char *to, struct selfsame_err *e);
void tree_remove(struct tree *t, const char *path); /* with children; absent is fine */
void tree_clear(struct tree *t, const char *dir);   /* children only */
struct node *tree_find(struct tree *t, const char *path);

/* In canonical order: bytewise by full path, so parents come first. Valid until the next change. */
size_t tree_count(struct tree *t);
const struct node *tree_at(struct tree *t, size_t i);

/*
 * reproducible-build rules: drops caches, logs, machine identity; fixes modes
 * (directories 0755, files 0644 or 0755, set-id bits kept only when `keep_setid`), owners by
 * `keep_owners`; refuses device nodes. Case collisions and dropped paths are told
 * to `note` (may be NULL).
 */
struct normalise {
    bool keep_owners, keep_setid, allow_devices, refuse_case_collisions;
    void (*note)(void *ctx, const char *what, const char *path);
    void *ctx;
};
MUST enum selfsame_code tree_normalise(
    struct tree *t, const struct normalise *rules, struct selfsame_err *e);

/* Fills in sha256 of every file (each content read once). */
MUST enum selfsame_code tree_hash(struct tree *t, struct selfsame_err *e);
/*
 * One line per entry: "<type> <mode> <uid> <gid> <size> <sha256|target|maj:min|-> <path>\n",
 * docs/formats/manifest.md. *ret_sha256: the tree hash, SHA-256 of the text.
 */
MUST enum selfsame_code tree_manifest(struct tree *t, const struct sink *out,
    uint8_t ret_sha256[static 32], struct selfsame_err *e);

/* newc, our canonical form (docs/formats/initramfs.md): ino 1,2,…; nlink 1; mtime 0; dev 0:0; padded to 512. */
MUST enum selfsame_code initramfs_size(
    struct tree *t, uint64_t *ret, struct selfsame_err *e);
/* Also hashes contents on the way when they are not hashed yet (each byte read once). */
MUST enum selfsame_code initramfs_write(
    struct tree *t, const struct sink *out, struct selfsame_err *e);

#endif
