/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_SHAPES_H
#define SELFSAME_CLI_SHAPES_H

#include "cli/cli.h"
#include "codec/json.h"

/*
 * The machines that a build measured its image for: the rows "shapes" of
 * DIR/measurements.json that are of this TEE, an array the caller owns. USAGE when
 * there are none.
 */
MUST enum selfsame_code shapes_read(const char *dir, const char *tee,
    struct arena *arena, json_t **ret, struct selfsame_err *e);
/* What the measurer calls the members of a row that it can be told (all text but vcpus). */
enum { SHAPE_OPTIONS = 10 };
extern const char *const shape_options[SHAPE_OPTIONS];
/* One member of a row as text; NULL when the row has none. */
const char *shape_option(const json_t *row, const char *name, struct arena *arena);

#endif
