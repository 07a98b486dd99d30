/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/audit_parts.h"

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { READ_ARENA = 8 << 20 };

/* What a checkpoint says of that many rows. */
static enum selfsame_code
compare(struct audit_walk *w, struct selfsame_err *e)
{
    uint8_t root[32];

    if (w->claimed.size == 0 || w->met || w->chain.size != w->claimed.size)
        return SELFSAME_OK;
    if (!chain_root(&w->chain, root))
        FAIL(e, SELFSAME_NOMEM, "no memory for a root");
    if (!bytes_eq(BYTES_ARR(root), BYTES_ARR(w->claimed.root)))
        FAIL(e, SELFSAME_LOG,
            "the first %llu rows are others than those that the checkpoint signs",
            (unsigned long long)w->chain.size);
    w->met = true;
    return SELFSAME_OK;
}

static enum selfsame_code
take_row(struct audit_walk *w, struct selfsame_bytes line, struct selfsame_err *e)
{
    struct row_seen seen;

    if (row_parse(line, &seen, e) != SELFSAME_OK || seen.seq != w->chain.size ||
        !bytes_eq(BYTES_ARR(seen.prev), BYTES_ARR(w->chain.prev)))
        FAIL(e, SELFSAME_LOG,
            "row %llu does not follow the one before: something was changed or removed",
            (unsigned long long)w->chain.size);
    if (!chain_add(&w->chain, line))
        FAIL(e, SELFSAME_NOMEM, "no memory to hash a row");
    if (w->row != NULL)
        w->row(w->ctx, seen.seq, seen.tenant, line);
    return compare(w, e);
}

static enum selfsame_code
take_head(struct audit_walk *w, struct selfsame_bytes line, bool first,
    struct selfsame_err *e)
{
    struct audit_chain c;
    uint8_t a[32], b[32];

    TRY(head_parse(line, &c, e));
    if (!first) {
        if (!chain_root(&c, a) || !chain_root(&w->chain, b))
            FAIL(e, SELFSAME_NOMEM, "no memory for a root");
        if (c.size != w->chain.size || !bytes_eq(BYTES_ARR(a), BYTES_ARR(b)) ||
            !bytes_eq(BYTES_ARR(c.prev), BYTES_ARR(w->chain.prev)))
            FAIL(e, SELFSAME_LOG,
                "the segment of row %llu does not follow the one before",
                (unsigned long long)c.size);
        return SELFSAME_OK;
    }
    w->chain = c;
    return compare(w, e);
}

enum selfsame_code
walk_checkpointed(const struct checkpoint *c, uint64_t last, struct selfsame_err *e)
{
    if (c->size < last)
        FAIL(e, SELFSAME_LOG,
            "the checkpoint signs %llu rows, and the segment of row %llu was begun "
            "behind one: it was removed, or is an old one",
            (unsigned long long)c->size, (unsigned long long)last);
    return SELFSAME_OK;
}

struct reading {
    FILE *file;
    char *line;
    size_t room;
};

static void
reading_end(struct reading *r)
{
    if (r->file != NULL)
        (void)fclose(r->file);
    free(r->line);
}

/* One line with its newline; 0: the end; *ret_torn: it has none. */
static size_t
next_line(struct reading *r, bool *ret_torn)
{
    const ssize_t n = getline(&r->line, &r->room, r->file);

    *ret_torn = n > 0 && r->line[n - 1] != '\n';
    return n > 0 ? (size_t)n : 0;
}

enum selfsame_code
walk_segment(struct audit_walk *w, const char *path, bool first, bool last,
    struct selfsame_err *e)
{
    __attribute__((cleanup(reading_end))) struct reading r = { .file = fopen(
                                                                   path, "re") };
    bool head = true;
    size_t n;

    if (r.file == NULL)
        return file_error(e, "cannot read", path);
    w->good = 0;
    w->torn = false;
    while ((n = next_line(&r, &w->torn)) > 0) {
        const struct selfsame_bytes line = BYTES((const uint8_t *)r.line, n - 1);

        if (w->torn && last && !head)
            break; /* as kill -9 leaves it: nobody has heard of it */
        if (w->torn || n > (head ? AUDIT_HEAD : AUDIT_LINE))
            FAIL(e, SELFSAME_LOG, "%.100s: a line that is no row", path);
        if (head)
            TRY(take_head(w, line, first, e));
        else
            TRY(take_row(w, line, e));
        head = false;
        w->good += n;
    }
    if (head)
        FAIL(e, SELFSAME_LOG, "%.100s: expected the head of a segment", path);
    if (ferror(r.file))
        return file_error(e, "cannot read", path);
    return SELFSAME_OK;
}

static void
files_cleanup(struct audit_files *f)
{
    files_close(f);
}

/* A row that is gone at the end is missed by the checkpoint. */
static enum selfsame_code
check_claimed(const struct audit_walk *w, struct selfsame_err *e)
{
    if (w->claimed.size == 0 || w->met)
        return SELFSAME_OK;
    FAIL(e, SELFSAME_LOG,
        "the checkpoint signs %llu rows, and there are %llu: rows were removed",
        (unsigned long long)w->claimed.size, (unsigned long long)w->chain.size);
}

enum selfsame_code
audit_read(const char *dir, struct audit_check *ret,
    void (*row)(void *ctx, uint64_t seq, struct selfsame_bytes tenant,
        struct selfsame_bytes line),
    void *ctx, struct selfsame_err *e)
{
    auto_arena arena = arena_new(READ_ARENA);
    __attribute__((cleanup(files_cleanup))) struct audit_files f = { .fd = -1,
        .lock_fd = -1 };
    struct audit_walk w = { .row = row, .ctx = ctx };
    struct checkpoint later;
    uint64_t *segments;
    char path[1100];
    size_t count;

    TRY(files_open(&f, dir, false, e));
    TRY(files_read_checkpoint(&f, &w.claimed, e));
    TRY(files_list(dir, &arena, &segments, &count, e));
    /* Another process may write meanwhile: these segments were begun behind this one. */
    TRY(files_read_checkpoint(&f, &later, e));
    if (count > 0 && segments[0] != 0)
        FAIL(e, SELFSAME_LOG,
            "the first segment begins with row %llu: rows are missing",
            (unsigned long long)segments[0]);
    for (size_t i = 0; i < count; i++) {
        files_name(dir, segments[i], path);
        TRY(walk_segment(&w, path, i == 0, i + 1 == count, e));
    }
    TRY(check_claimed(&w, e));
    if (count > 0)
        TRY(walk_checkpointed(&later, segments[count - 1], e));
    *ret = (struct audit_check){
        .rows = w.chain.size, .segments = count, .checkpointed = w.claimed.size
    };
    return chain_root(&w.chain, ret->root)
               ? SELFSAME_OK
               : err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory for a root");
}

enum selfsame_code
audit_verify(const char *dir, struct audit_check *ret, struct selfsame_err *e)
{
    return audit_read(dir, ret, NULL, NULL, e);
}
