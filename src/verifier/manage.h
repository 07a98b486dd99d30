/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_MANAGE_H
#define SELFSAME_VERIFIER_MANAGE_H

#include "verifier/objects.h"
#include "verifier/vouch.h"

/*
 * What administrators do to the registry of a verifier, whether they come over HTTP
 * (front_admin.c) or stand before the machine (`selfsame verifier policy` and the like):
 * the same checks, the same answers.
 *
 *   manage.c         what there is, and writing it
 *   manage_secret.c  API keys and secrets, whose texts are never read back
 *   manage_trial.c   policies: what is weak about one, what its verdict would be
 */
enum manage_problem {
    MANAGE_FINE = 0,
    MANAGE_ABSENT, /* there is no such thing */
    MANAGE_OTHER,  /* another version is current than was expected */
    MANAGE_THERE,  /* there is one already */
};
struct manage {
    struct registry *r;
    const uint8_t *secrets_key; /* 32 bytes; NULL: secrets cannot be written */
    int64_t now_ms;
    const char *author;
    const char *tenant; /* "": the service itself */
    enum registry_kind kind;
    const char *name;
    struct arena *arena;
    struct selfsame_err *e;
    enum manage_problem problem; /* of an error, when its class does not say it */
};
enum { MANAGE_LIST = 1000, MANAGE_MAX = 1 << 20, MANAGE_RELEASES = 512 };

/* ---- reading ---- */

/* {"name","version","created","author","sha256"}, of keys and secrets no digest. NULL: no memory. */
MUST json_t *manage_about(const struct registry_object *o);
/* The same and, of keys and secrets with a body, what is no secret of it. */
MUST enum selfsame_code manage_describe(
    struct manage *m, const struct registry_object *o, json_t **ret);
/* ABSENT: no such tenant. */
MUST enum selfsame_code manage_need_tenant(struct manage *m);
/* ret->name NULL: there is none. */
MUST enum selfsame_code manage_current(struct manage *m, struct registry_object *ret);
/* ABSENT. version 0: the current one. */
MUST enum selfsame_code manage_get(
    struct manage *m, uint64_t version, struct registry_object *ret);
/* {"items":[…],"next":NAME|null}: at most `limit`, those behind `after` (NULL: from the first). */
MUST enum selfsame_code manage_list(
    struct manage *m, size_t limit, const char *after, json_t **ret);
/* The same of all tenants, or of the one named. */
MUST enum selfsame_code manage_tenants(
    struct manage *m, const char *only, size_t limit, const char *after, json_t **ret);
/* {"versions":[…]}, the newest first. */
MUST enum selfsame_code manage_history(struct manage *m, json_t **ret);

/* ---- writing: `expect` as registry_put has it, OTHER when it does not hold ---- */
struct managed {
    bool created;
    struct registry_object now; /* what stands now */
    json_t *about; /* and what is said of it: "warnings", "key" …; owned */
};
void managed_free(struct managed *d);
#define auto_managed __attribute__((cleanup(managed_free))) struct managed
/* Of the kinds but secrets. Releases only when they open under a policy of the tenant. */
MUST enum selfsame_code manage_put(
    struct manage *m, struct selfsame_bytes body, uint64_t expect, struct managed *ret);
MUST enum selfsame_code manage_remove(struct manage *m, uint64_t expect);

/* ---- manage_secret.c ---- */
/*
 * {"role":…,"expires":S|null}: a bearer key is made, and stands in ret->about as "key",
 * once. THERE.
 */
MUST enum selfsame_code manage_new_key(
    struct manage *m, struct selfsame_bytes wish, struct managed *ret);
/* {"policies","releases","type","warning","value":BASE64}; the caller wipes the body. */
MUST enum selfsame_code manage_put_secret(
    struct manage *m, struct selfsame_bytes body, uint64_t expect, struct managed *ret);

/* ---- manage_trial.c ---- */
/* Everything that is weak about it, a list; a new reference. */
MUST enum selfsame_code manage_warnings(
    struct manage *m, const struct selfsame_policy *p, json_t **ret);
struct trial {
    struct selfsame_bytes policy, evidence; /* evidence absent: only looked at */
    struct selfsame_bytes nonce, key, report_data;
    const struct selfsame_bytes *collateral;
    size_t collateral_count;
};
/*
 * The policy itself, or {"policy":…,"evidence":…,"nonce","key","report_data",
 * "collateral":[…]} with base64. USAGE.
 */
MUST enum selfsame_code manage_trial_read(
    struct manage *m, struct selfsame_bytes body, struct trial *ret);
/* How evidence is verified: with the collateral of a service, or without. */
struct trial_verifier {
    enum selfsame_code (*verify)(void *ctx, const struct trial *t,
        const struct selfsame_policy *p, const struct selfsame_request *q,
        struct selfsame_result **ret, struct selfsame_err *e);
    void *ctx;
};
/*
 * {"result":"ok","warnings":[…],"changes":bool,"verdict":{…}|null}; nothing is written.
 * MALFORMED, UNSUPPORTED: the evidence is none.
 */
MUST enum selfsame_code manage_try(struct manage *m, const struct trial *t,
    const struct trial_verifier *v, json_t **ret);

#endif
