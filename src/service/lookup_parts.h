/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOOKUP_PARTS_H
#define SELFSAME_LOOKUP_PARTS_H

#include "codec/json.h"
#include "service/lookup.h"

#include <pthread.h>
#include <sqlite3.h>

/*
 *   lookup.c       the file, and bringing it up to date
 *   lookup_find.c  answers
 */
struct lookup {
    sqlite3 *writer, *reader; /* the same in memory */
    pthread_mutex_t writing, reading;
    bool locks; /* the two are made */
    char path[1100];
};
pthread_mutex_t *lookup_read_lock(struct lookup *l);

struct row {
    sqlite3_stmt *s;
};
void row_free(struct row *r);
#define auto_row __attribute__((cleanup(row_free))) struct row
/* IO with what SQLite says of it. */
enum selfsame_code lookup_failed(sqlite3 *db, struct selfsame_err *e);
/* A statement with its parameters: 'i' int64_t, 't' const char *, 'b' struct bytes. */
MUST enum selfsame_code row_make(sqlite3 *db, struct row *r, struct selfsame_err *e,
    const char *sql, const char *types, ...);
/* The next row, or that there is none. */
MUST enum selfsame_code row_next(
    sqlite3 *db, struct row *r, bool *ret, struct selfsame_err *e);

#endif
