/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_FRONT_ADMIN_H
#define SELFSAME_VERIFIER_FRONT_ADMIN_H

#include "verifier/objects.h"

/*
 * The administrator's front (docs/verifier-admin.md). What httpd knows as one prefix is
 * many operations here, each with its own name in openapi.json, metrics and logs:
 *
 *   front_admin.c         paths, who may do what, the table of operations
 *   front_admin_read.c    lists, objects, histories, audit, status
 *   front_admin_write.c   PUT, DELETE, new keys, secrets
 *   front_admin_policy.c  lint and dry runs
 */
struct admin {
    struct call *c;
    const struct snap_tenant *own; /* of the key */
    const char *tenant;            /* of the path; "": the service itself */
    enum registry_kind kind;
    const char *name;   /* or NULL */
    struct arena arena; /* wide enough for lists of all that a tenant has */
    int status;         /* of an error, where its class does not say; 0 */
    struct selfsame_err *e;
};
/* The i-th operation, its path with {tenant} and {name}; NULL past the last. */
const struct route *admin_operation(size_t i);

/* A status that the class of the error does not say. Returns the code. */
SELFSAME_PRINTF(4, 5)
enum selfsame_code admin_refuse(
    struct admin *a, int status, enum selfsame_code code, const char *fmt, ...);
/* A JSON object, which is taken over, and the ETag of `o` where there is one. */
MUST enum selfsame_code admin_answer(
    struct admin *a, int status, const struct registry_object *o, json_t *j);

/* ---- front_admin_read.c ---- */
enum { ADMIN_TAG = 64 };
/* "\"VERSION-DIGEST\""; of keys and secrets the version alone. */
void admin_tag(const struct registry_object *o, char ret[static ADMIN_TAG]);
/* What is said of an object besides its body; a new reference, NULL: no memory. */
MUST json_t *admin_about(const struct registry_object *o);
/* NULL in ret->name: there is none. */
MUST enum selfsame_code admin_current(struct admin *a, struct registry_object *ret);
/* 404 when there is no such tenant. */
MUST enum selfsame_code admin_need_tenant(struct admin *a);
MUST enum selfsame_code admin_status(struct admin *a);
MUST enum selfsame_code admin_tenants(struct admin *a);
MUST enum selfsame_code admin_audit(struct admin *a);
MUST enum selfsame_code admin_list(struct admin *a);
MUST enum selfsame_code admin_get(struct admin *a);

/* ---- front_admin_write.c ---- */
MUST enum selfsame_code admin_put(struct admin *a);
MUST enum selfsame_code admin_put_key(struct admin *a);
MUST enum selfsame_code admin_put_secret(struct admin *a);
MUST enum selfsame_code admin_remove(struct admin *a);
MUST enum selfsame_code admin_new_key(struct admin *a);

/* ---- front_admin_policy.c ---- */
/* Everything that is weak about the policy, as a list; a new reference. */
MUST enum selfsame_code admin_warnings(
    struct admin *a, struct selfsame_bytes policy, json_t **ret);
MUST enum selfsame_code admin_dry_run(struct admin *a);

#endif
