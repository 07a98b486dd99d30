/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REGISTRY_PARTS_H
#define SELFSAME_REGISTRY_PARTS_H

#include "store/registry.h"

/*
 * Between registry.c, which knows what is asked, and the engines, which know how a
 * database is spoken to. One text of SQL does for both: parameters are $1 … in the order
 * of their first use, and what differs (types, locks) is in the engine.
 */
enum sql_kind { SQL_NULL = 0, SQL_NUMBER, SQL_TEXT, SQL_BLOB };
enum { SQL_COLUMNS = 8, SQL_PARAMS = 8 };
struct sql_value {
    enum sql_kind kind;
    int64_t number;
    struct selfsame_bytes bytes; /* SQL_TEXT, SQL_BLOB */
};
struct sql_rows { /* copied into the arena that was given */
    struct sql_value (*row)[SQL_COLUMNS];
    size_t count;
    size_t changed; /* by INSERT, UPDATE, DELETE */
};
struct registry_engine {
    const char *name;
    bool remote; /* its connection may be lost between two questions */
    /* The schema is made when `create`; otherwise it must be there, of this form. */
    enum selfsame_code (*open)(
        const char *url, bool create, void **ret, struct selfsame_err *e);
    void (*close)(void *db);
    /* Whoever writes waits for others who do; IO when that takes too long. */
    enum selfsame_code (*begin)(void *db, bool write, struct selfsame_err *e);
    enum selfsame_code (*commit)(void *db, struct selfsame_err *e);
    void (*rollback)(void *db);
    enum selfsame_code (*run)(void *db, const char *sql, const struct sql_value *params,
        size_t count, struct arena *arena, struct sql_rows *ret,
        struct selfsame_err *e);
    /* After a commit that changed something. */
    void (*notify)(void *db);
    /* Until somebody may have changed something, or the time is over. */
    enum selfsame_code (*wait)(void *db, int timeout_ms, struct selfsame_err *e);
};
extern const struct registry_engine registry_sqlite, registry_postgres;

/* ---- registry.c, for what reads and what writes (registry_write.c) ---- */
enum { WORK_ARENA = 8 << 20 };
struct registry {
    const struct registry_engine *engine;
    void *db; /* NULL: to be opened again */
    char *url;
};
/* One use of the registry: what it reads is of one moment, what it writes is whole. */
struct registry_use {
    struct registry *r;
    struct arena *arena;
    struct selfsame_err *e;
    bool in_doubt; /* the answer to a commit was lost */
};
struct sql_value sql_number(int64_t n);
struct sql_value sql_text(const char *s);
struct sql_value sql_blob(struct selfsame_bytes b); /* NULL without a pointer */
MUST enum selfsame_code registry_run(struct registry_use *u, const char *sql,
    const struct sql_value *params, size_t count, struct sql_rows *ret);
#define REGISTRY_RUN(u, sql, ret, ...)                                  \
    registry_run((u), (sql), (const struct sql_value[]){ __VA_ARGS__ }, \
        COUNT(((const struct sql_value[]){ __VA_ARGS__ })), (ret))
/* What is current. */
#define REGISTRY_JOINED                                                         \
    " FROM object o JOIN current c ON o.tenant=c.tenant AND o.kind=c.kind AND " \
    "o.name=c.name AND o.version=c.version "
/* Work in one transaction. An engine that lost its database is opened by the next. */
MUST enum selfsame_code registry_within(struct registry_use *u, bool write,
    enum selfsame_code (*work)(struct registry_use *u, void *ctx), void *ctx);

#endif
