/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_STATEMENT_FIELDS_H
#define SELFSAME_STATEMENT_FIELDS_H

#include "codec/json.h"
#include "log/statement.h"

/* What the parts of the statement parser share; each MALFORMED names the member. */
struct fields {
    const json_t *root;
    struct arena *arena;
    struct selfsame_err *e;
};
MUST enum selfsame_code field_nomem(const struct fields *f);
MUST enum selfsame_code field_object(
    const struct fields *f, const json_t *from, const char *name, const json_t **ret);
MUST enum selfsame_code field_list(const struct fields *f, const json_t *from,
    const char *name, size_t max, const json_t **ret);
MUST enum selfsame_code field_text(
    const struct fields *f, const json_t *from, const char *name, const char **ret);
MUST enum selfsame_code field_uint(const struct fields *f, const json_t *from,
    const char *name, uint64_t min, uint64_t *ret);
MUST enum selfsame_code field_time(
    const struct fields *f, const json_t *from, const char *name, int64_t *ret);
MUST enum selfsame_code field_sha256(
    const struct fields *f, const json_t *from, const char *name, uint8_t ret[32]);
/* Exactly `len` bytes as hex in lower case. */
MUST bool hex_of(const json_t *j, uint8_t *ret, size_t len);

/* measurements.c: predicate.measurements into s->release; subjects are there already. */
MUST enum selfsame_code measurements_parse(
    const struct fields *f, const json_t *predicate, struct statement *s);

#endif
