/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_JSON_H
#define SELFSAME_JSON_H

#include "base/base.h"

#include <jansson.h>

/*
 * JSON on jansson, with what jansson leaves open closed: duplicate keys, depth
 * (64), size, number of values, trailing text, NUL in strings and non-UTF-8 are
 * refused, and so is a lone string or number; errors name line and column.
 */
enum { JSON_LIMIT = 4 << 20, JSON_DEPTH = 64, JSON_VALUES = 1 << 18 };

void json_free(json_t **j);
#define auto_json __attribute__((cleanup(json_free))) json_t

/* MALFORMED with the line. The caller owns *ret (json_decref or auto_json). */
MUST enum selfsame_code json_parse(
    struct selfsame_bytes in, const char *what, json_t **ret, struct selfsame_err *e);
/* One line, compact, members in the order they were set; malloc'ed; NULL when out of memory. */
MUST char *json_compact(const json_t *j);
MUST char *json_sorted(const json_t *j); /* the same, members by their names */
MUST char *json_pretty(const json_t *j); /* two spaces, trailing newline */
/* Line (from 1) where the member with this path ("tee.nitro", "measurements[0].pcr") is, 0 unknown. */
int json_line_of(struct selfsame_bytes text, const char *path);

#endif
