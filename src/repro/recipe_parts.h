/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REPRO_RECIPE_PARTS_H
#define SELFSAME_REPRO_RECIPE_PARTS_H

#include "codec/json.h"
#include "repro/repro.h"

/* How recipe.c and its parts read members: the error names line and member. */
struct recipe_reading {
    struct selfsame_bytes text;
    const char *path;
    struct arena *arena;
    struct selfsame_err *e;
};
enum { RECIPE_STRINGS = 4096 };

MUST enum selfsame_code recipe_wrong(
    const struct recipe_reading *p, const char *member, const char *expected);
MUST enum selfsame_code recipe_no_memory(const struct recipe_reading *p);
/* Unknown members are errors; `prefix` stands before their names. */
MUST enum selfsame_code recipe_only(const struct recipe_reading *p, json_t *object,
    const char *prefix, const char *const *known);
/* "serve.listen" from the top; *ret is left alone when it is absent. */
MUST enum selfsame_code recipe_text(const struct recipe_reading *p, const json_t *root,
    const char *member, const char **ret);
MUST enum selfsame_code recipe_digest(const struct recipe_reading *p,
    const json_t *root, const char *member, struct recipe_input *in);
MUST enum selfsame_code recipe_strings(const struct recipe_reading *p, const json_t *v,
    const char *member, const char *const **ret);

/* {"file", "sha256"}: both, or the input would not be pinned. */
MUST enum selfsame_code recipe_input(const struct recipe_reading *p, json_t *v,
    const char *member, struct recipe_input *ret);

/* recipe_sgx.c: the member "sgx". */
MUST enum selfsame_code recipe_sgx(
    const struct recipe_reading *p, const json_t *root, struct recipe_sgx *ret);
void recipe_sgx_default(struct recipe_sgx *ret);

/* recipe_machine.c: of the member `tee` what all virtual machines have; it is there. */
MUST enum selfsame_code recipe_machine(const struct recipe_reading *p,
    const json_t *root, const char *tee, struct recipe_machine *ret);
/* recipe_snp.c, recipe_tdx.c: the members "snp" and "tdx". */
MUST enum selfsame_code recipe_snp(
    const struct recipe_reading *p, const json_t *root, struct recipe_snp *ret);
void recipe_snp_default(struct recipe_snp *ret);
MUST enum selfsame_code recipe_tdx(
    const struct recipe_reading *p, const json_t *root, struct recipe_tdx *ret);
void recipe_tdx_default(struct recipe_tdx *ret);

#endif
