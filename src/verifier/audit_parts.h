/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_AUDIT_PARTS_H
#define SELFSAME_VERIFIER_AUDIT_PARTS_H

#include "log/log.h"
#include "verifier/audit.h"

/*
 *   audit.c        the thread that writes, and its queue
 *   audit_row.c    a row as a line of JSON
 *   audit_chain.c  the chain and the tree that grow with the rows
 *   audit_file.c   segments and checkpoints as files
 *   audit_read.c   everything read again
 */
enum {
    AUDIT_LINE =
        8192, /* of one row with its newline: twelve texts, each byte escaped */
    AUDIT_SEGMENT = 64 << 20, /* then another segment is begun */
    AUDIT_LEVELS = 64,
    AUDIT_HEAD = 8192, /* the first line of a segment */
};

/* ---- audit_chain.c ---- */
struct audit_chain {
    uint64_t size;
    uint8_t prev[32]; /* SHA-256 of the last row's line; zero before the first */
    uint8_t edge[AUDIT_LEVELS]
                [32]; /* edge[i] is of a whole subtree where bit i of size is set */
};
/* A line without its newline. False: out of memory. */
MUST bool chain_add(struct audit_chain *c, struct selfsame_bytes line);
MUST bool chain_root(const struct audit_chain *c, uint8_t ret[static 32]);

/* ---- audit_row.c ---- */
/* The line with its newline; cut texts, never a cut line. Returns its length. */
size_t row_print(const struct audit_row *row, uint64_t seq,
    const uint8_t prev[static 32], char ret[static AUDIT_LINE]);
/* What the chain needs of a line: seq and prev; and the tenant. MALFORMED. */
struct row_seen {
    uint64_t seq;
    uint8_t prev[32];
    struct selfsame_bytes tenant; /* in the line */
};
MUST enum selfsame_code row_parse(
    struct selfsame_bytes line, struct row_seen *ret, struct selfsame_err *e);
/* {"segment":1,"first":N,"prev":HEX,"edge":[HEX …]}: what stood before the first row. */
size_t head_print(const struct audit_chain *c, char ret[static AUDIT_HEAD]);
MUST enum selfsame_code head_parse(
    struct selfsame_bytes line, struct audit_chain *ret, struct selfsame_err *e);

/* ---- audit_file.c ---- */
struct audit_files {
    char dir[1024];
    struct key *key;
    struct arena arena;
    struct note_key vkey;
    int fd;           /* of the segment that is written */
    int lock_fd;      /* one process writes */
    uint64_t written; /* bytes of it */
    int (*fail)(void *ctx, const char *step);
    void *fail_ctx;
};
MUST enum selfsame_code files_open(
    struct audit_files *f, const char *dir, bool secret, struct selfsame_err *e);
void files_close(struct audit_files *f);
/* Begins a segment behind c->size rows. */
MUST enum selfsame_code files_begin(
    struct audit_files *f, const struct audit_chain *c, struct selfsame_err *e);
/* IO: another process writes here. */
MUST enum selfsame_code files_lock(struct audit_files *f, struct selfsame_err *e);
/* Goes on behind what is in a segment. */
MUST enum selfsame_code files_resume(
    struct audit_files *f, const char *path, struct selfsame_err *e);
/* Durable when it is OK. */
MUST enum selfsame_code files_append(
    struct audit_files *f, struct selfsame_bytes lines, struct selfsame_err *e);
MUST enum selfsame_code files_checkpoint(
    struct audit_files *f, const struct audit_chain *c, struct selfsame_err *e);
/* size 0 when there is none yet. LOG: not signed by our key. */
MUST enum selfsame_code files_read_checkpoint(
    struct audit_files *f, struct checkpoint *ret, struct selfsame_err *e);
/* First rows of all segments, in order. */
MUST enum selfsame_code files_list(const char *dir, struct arena *arena, uint64_t **ret,
    size_t *ret_count, struct selfsame_err *e);
void files_name(const char *dir, uint64_t first, char ret[static 1100]);

/* ---- audit_read.c ---- */
struct audit_walk {
    struct audit_chain chain;  /* grows as rows are read */
    struct checkpoint claimed; /* what a checkpoint says; size 0: nothing */
    bool met;                  /* and it was true */
    uint64_t good; /* bytes of the segment up to the end of its last whole row */
    bool torn;     /* a last line without an end */
    void (*row)(void *ctx, uint64_t seq, struct selfsame_bytes tenant,
        struct selfsame_bytes line);
    void *ctx;
};
/* One segment, from its head on. `first`: its head sets the chain; else it has to fit. */
MUST enum selfsame_code walk_segment(struct audit_walk *w, const char *path, bool first,
    bool last, struct selfsame_err *e);
/* A checkpoint is written before a segment is begun, `last` the last one: LOG without. */
MUST enum selfsame_code walk_checkpointed(
    const struct checkpoint *c, uint64_t last, struct selfsame_err *e);

#endif
