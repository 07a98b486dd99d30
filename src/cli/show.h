/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SHOW_H
#define SELFSAME_SHOW_H

#include "base/base.h"
#include "codec/json.h"

/* show.c picks, show_kinds.c decodes one kind each into a JSON object. */
bool show_is_cmw(struct selfsame_bytes in);
bool show_is_json(struct selfsame_bytes in);
bool show_is_evidence(struct selfsame_bytes in);
bool show_is_certificate(struct selfsame_bytes in);
MUST enum selfsame_code show_pem(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_cmw(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_json(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_evidence(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_certificate(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_eif(
    int fd, struct arena *arena, json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_any(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* Adds a member; takes the value over. */
MUST enum selfsame_code show_put(
    json_t *into, const char *name, json_t *value, struct selfsame_err *e);
/* hex or base64 text of something binary is decoded in place; anything else left alone. */
void show_unwrap(struct selfsame_bytes *in, struct arena *arena);

#endif
