/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_FRONT_ADMIN_H
#define SELFSAME_VERIFIER_FRONT_ADMIN_H

#include "verifier/manage.h"

/*
 * The administrator's front (docs/verifier-admin.md). What httpd knows as one prefix is
 * many operations here, each with its own name in openapi.json, metrics and logs:
 *
 *   front_admin.c        paths, who may do what, the table of operations
 *   front_admin_serve.c  the operations, on what manage.h does
 */
struct admin {
    struct call *c;
    const struct snap_tenant *own; /* of the key */
    struct manage m;               /* of the path; m.tenant NULL: it names none */
    struct arena arena;            /* wide enough for lists of all that a tenant has */
    int status;                    /* of an error, where its class does not say; 0 */
    struct selfsame_err *e;
};
/* The i-th operation, its path with {tenant} and {name}; NULL past the last. */
const struct route *admin_operation(size_t i);

/* A status that the class of the error does not say. Returns the code. */
SELFSAME_PRINTF(4, 5)
enum selfsame_code admin_refuse(
    struct admin *a, int status, enum selfsame_code code, const char *fmt, ...);
enum { ADMIN_TAG = 64 };
/* "\"VERSION-DIGEST\""; of keys and secrets the version alone. */
void admin_tag(const struct registry_object *o, char ret[static ADMIN_TAG]);
/* A JSON object, which is taken over, and the ETag of `o` where there is one. */
MUST enum selfsame_code admin_answer(
    struct admin *a, int status, const struct registry_object *o, json_t *j);

/* ---- front_admin_serve.c ---- */
MUST enum selfsame_code admin_status(struct admin *a);
MUST enum selfsame_code admin_tenants(struct admin *a);
MUST enum selfsame_code admin_audit(struct admin *a);
MUST enum selfsame_code admin_list(struct admin *a);
MUST enum selfsame_code admin_get(struct admin *a);
MUST enum selfsame_code admin_put(struct admin *a);
MUST enum selfsame_code admin_put_key(struct admin *a);
MUST enum selfsame_code admin_put_identity(struct admin *a);
MUST enum selfsame_code admin_put_follow(struct admin *a);
MUST enum selfsame_code admin_put_secret(struct admin *a);
MUST enum selfsame_code admin_new_key(struct admin *a);
MUST enum selfsame_code admin_remove(struct admin *a);
MUST enum selfsame_code admin_dry_run(struct admin *a);

#endif
