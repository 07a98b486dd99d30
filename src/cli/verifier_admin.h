/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_VERIFIER_ADMIN_H
#define SELFSAME_CLI_VERIFIER_ADMIN_H

#include "cli/cli.h"
#include "codec/json.h"
#include "verifier/manage.h"

/*
 * The registry of a verifier, on this machine (verifier_local.c) or behind its HTTP front
 * (verifier_remote.c), as verifier_objects.c speaks to it. What comes back is the same
 * JSON either way (docs/verifier-admin.md); new references.
 */
struct place {
    const struct place_calls *calls;
    struct cli *c;
    enum registry_kind kind;
    const char *tenant, *name; /* "": the service itself; NULL: none is named */
    uint64_t expect;           /* of what is written; REGISTRY_ANY: whatever there is */
    struct selfsame_err *e;
    /* local */
    const char *dir;
    struct registry *registry;
    struct arena arena;
    uint8_t secrets_key[32];
    /* remote */
    const char *url, *bearer, *ca;
};
struct place_calls {
    enum selfsame_code (*list)(struct place *p, json_t **ret);
    enum selfsame_code (*history)(struct place *p, json_t **ret);
    /* The object as it was set; of keys and secrets what is said of them. */
    enum selfsame_code (*get)(struct place *p, struct selfsame_bytes *ret);
    enum selfsame_code (*put)(
        struct place *p, struct selfsame_bytes body, json_t **ret);
    enum selfsame_code (*new_key)(
        struct place *p, struct selfsame_bytes wish, json_t **ret);
    enum selfsame_code (*try)(
        struct place *p, struct selfsame_bytes form, json_t **ret);
    enum selfsame_code (*remove)(struct place *p);
    void (*close)(struct place *p);
};
MUST enum selfsame_code place_local(struct place *p, const char *dir);
/* verifier_secret.c: "rotate" and "reseal", of the key that seals secrets */
MUST enum selfsame_code secret_key_verb(
    struct cli *c, const char *verb, struct selfsame_err *e);
/* By --url, --key-file, --ca. */
MUST enum selfsame_code place_remote(struct place *p, const char *url);

#endif
