/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_MANAGE_PARTS_H
#define SELFSAME_VERIFIER_MANAGE_PARTS_H

#include "verifier/manage.h"

/* A JSON object. USAGE with its line. */
MUST enum selfsame_code manage_json(
    struct manage *m, struct selfsame_bytes body, json_t **ret);
/* What stands after registry_put said `version`, and `more` of it (borrowed; or NULL). OTHER. */
MUST enum selfsame_code manage_written(struct manage *m, uint64_t version, bool created,
    json_t *more, struct managed *ret);

#endif
