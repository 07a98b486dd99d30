/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TOML_H
#define SELFSAME_TOML_H

#include "codec/json.h"

/*
 * TOML 1.0 (toml.io/en/v1.0.0), read into the values of JSON: what a key says twice is
 * refused as TOML refuses it, and so are control characters and text that is not
 * UTF-8. Floating-point numbers and dates, which no manifest of Gramine has, are
 * UNSUPPORTED.
 */
enum { TOML_LIMIT = 64 << 20, TOML_DEPTH = 32, TOML_VALUES = 1 << 21 };

/* MALFORMED, UNSUPPORTED with the line; NOMEM. The caller owns *ret, an object. */
MUST enum selfsame_code toml_parse(
    struct selfsame_bytes in, const char *what, json_t **ret, struct selfsame_err *e);

/* `s` as a basic string, with its quotes, in the arena; NULL: no memory. */
MUST const char *toml_quote(const char *s, struct arena *arena);

#endif
