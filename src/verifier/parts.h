/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_PARTS_H
#define SELFSAME_VERIFIER_PARTS_H

#include "api/api.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "service/httpd.h"
#include "store/registry.h"
#include "token/token.h"
#include "verifier/audit.h"
#include "verifier/sign.h"
#include "verifier/verifier.h"

#include <stdatomic.h>

/*
 * Between the parts of the verifier service. A request meets them in this order:
 *
 *   service.c    its life: listening, threads, reload, drain
 *   routes.c     the one table of all routes, who may call them, which thread serves
 *   call.c       one request: id, caller, answer, problem (RFC 9457), log line
 *   snapshot.c   what holds while it is served: tenants, policies, keys; swapped whole
 *   judge.c      evidence + what is expected → verdict, token, row of the audit log
 *   nonce.c      nonces that carry their own proof, used once
 *   sign.c       keys that sign tokens: published before use, kept after
 *   metrics.c    counters and timings; /metrics, /healthz, /readyz
 *
 * and the fronts, each a table of routes:
 *
 *   front_v1.c        /v1/nonce, /v1/verify
 *   front_oidc.c      /.well-known/openid-configuration, /jwks.json
 *   front_veraison.c  /challenge-response/v1/…, /.well-known/veraison/verification
 *   front_kbs.c       /kbs/v0/…  (Trustee's clients)
 *   front_identity.c  /v1/svid/…, /spiffe-bundle; front_secret.c /v1/secret
 *   front_admin*.c    /v1/admin/…
 *   front_page.c      / and what it loads; /v1/tenant, /v1/recent, /v1/outcomes
 *   front_explain.c   /v1/explain
 *   front_openapi.c   /openapi.json
 *
 * Verification never waits for the registry: it looks at a snapshot. The registry has a
 * thread of its own.
 */

/* ---- snapshot.c ---- */

enum role {
    ROLE_NONE = 0,      /* no key: what a tenant lets everybody do */
    ROLE_ATTESTER,      /* verify with nonces of ours */
    ROLE_RELYING_PARTY, /* verify with nonces of its own as well */
    ROLE_AUDITOR,       /* read policies, releases, audit */
    ROLE_ADMIN,         /* all of a tenant; of tenant "": all of the service */
};
const char *role_word(enum role r);
enum role role_of(const char *word); /* ROLE_NONE: another */

/*
 * Bodies of objects in the registry (JSON but for policies and releases):
 *
 *   tenant    {"public":bool, "policy":NAME|null, "token_life_s":300,
 *              "dialect":"deployed"|"draft", "caller_nonces":bool, "stale_collateral_s":0}
 *   key       {"role":"relying-party", "sha256":HEX of the bearer key, or
 *              "certificate":HEX SHA-256 of a client certificate, "expires":S|null}
 *   policy    the policy file
 *   release   a tlog-proof or Sigstore bundle
 *   audience  {"alg":"RS256"|"ES256"|…, "dialect":…|null, "life_s":N|null}
 *   secret    {"policies":[NAME,…], "releases":[NAME,…]|null, "sealed":BASE64, "type":MEDIA TYPE,
 *              "warning":bool}
 *   identity  {"release":NAME, "version":VERSION|null, "policy":NAME|null, "spiffe_id":URI,
 *              "warning":bool}
 *   follow    {"log":URL, "trust":TEXT, "release":NAME, "publishers":[PEM]}
 */
struct snap_policy {
    const char *name;
    uint64_t version;
    uint8_t digest[32];
    char id[REGISTRY_TENANT_NAME + REGISTRY_NAME + 80]; /* "tenant/name@sha256:…" */
    struct selfsame_policy *policy;                     /* with its releases opened */
    struct selfsame_bytes text;
};
struct snap_key {
    const char *name;
    enum role role;
    uint8_t sha256[32]; /* of the key, or of the client certificate: */
    bool certificate;
    int64_t expires_s; /* 0: never */
};
struct snap_audience {
    const char *name; /* "https://sts.amazonaws.com" */
    enum jose_alg alg;
    int dialect;    /* -1: the tenant's */
    int64_t life_s; /* 0: the tenant's */
};
struct snap_secret {
    const char *name; /* "default/key/1" */
    const char *const *policies,
        *const *releases; /* NULL-terminated; releases NULL: any */
    const char *type;
    struct selfsame_bytes sealed;
    uint64_t version;
    bool warning; /* a verdict that only warns is enough */
};
struct snap_identity {
    const char *name, *release, *version, *policy,
        *spiffe_id; /* version, policy: or NULL */
    bool warning;   /* a verdict that only warns is enough */
};
struct snap_tenant {
    const char *name;
    bool public, caller_nonces;
    const char *policy; /* when none is named; or NULL */
    int64_t token_life_s, stale_collateral_s;
    enum ear_dialect dialect;
    struct snap_policy *policies;
    size_t policy_count;
    struct snap_key *keys;
    size_t key_count;
    struct snap_audience *audiences;
    size_t audience_count;
    struct snap_secret *secrets;
    size_t secret_count;
    struct snap_identity *identities;
    size_t identity_count;
    size_t release_count;
};
struct snap_caller { /* all keys of all tenants, by hash */
    const struct snap_tenant *tenant;
    const struct snap_key *key;
};
struct snapshot {
    atomic_size_t refs;
    struct arena arena;
    uint64_t revision;
    int64_t made_ms;
    struct snap_tenant *tenants;
    size_t tenant_count;
    struct snap_caller *callers;
    size_t caller_count;
    struct selfsame_verifier *verifier; /* with the collateral of then */
    struct signing *signing;            /* sign.c */
    struct authority *authority;        /* authority.c; NULL: no trust domain */
};
/* What holds now; to be dropped by whoever took it. NULL: nothing is loaded yet. */
MUST struct snapshot *snapshot_take(struct verifier_service *s);
void snapshot_drop(struct snapshot *n);
const struct snap_tenant *snapshot_tenant(const struct snapshot *n, const char *name);
const struct snap_policy *tenant_policy(const struct snap_tenant *t, const char *name);
const struct snap_audience *tenant_audience(
    const struct snap_tenant *t, const char *name);
/* Reads the objects; in the thread of the registry. What does not parse is told and left out. */
MUST enum selfsame_code snapshot_make(struct verifier_service *s,
    const struct registry_object *objects, size_t count, uint64_t revision,
    struct snapshot **ret, struct selfsame_err *e);

/* ---- call.c ---- */

enum where {
    IN_LOOP,   /* microseconds: at once */
    IN_WORKER, /* verification, signing */
    VERIFIES,  /* the same, for who may verify: others do not take anybody's turn */
    IN_STORE,  /* the thread of the registry: may wait for a database */
};
enum { CALL_ID = 33, CALL_ARENA = 8 << 20 };
struct call {
    struct verifier_service *s;
    struct httpd_request *r;
    const struct route *route;
    struct snapshot *snap;
    struct arena arena;
    char id[CALL_ID]; /* of the request; X-Request-Id of the caller when it is plain */
    int64_t now_ms, since_us;
    char peer[HTTPD_PEER]; /* when the log shall have it; else "" */
    size_t body_size;
    const struct snap_tenant *tenant; /* of the key, or the one asked for; NULL: none */
    const struct snap_key *key;       /* NULL: without */
    enum role role;
    const char *rest;        /* of the path, behind a route's '*' */
    enum selfsame_code code; /* for the log line */
    const char *status;      /* of a verdict, for the log line; or NULL */
    const char *jti;         /* of the token made last; or NULL */
    const struct selfsame_check
        *failed;       /* of the verdict: the first check that is not a pass; or NULL */
    const char *given; /* for the audit log: what else was earned; or NULL */
    struct registry *registry; /* IN_STORE only */
    struct call *next;
};
struct route {
    const char *method, *path; /* as httpd_route's */
    enum where where;
    enum role need;                /* at least this role; ROLE_NONE: see the handler */
    void (*serve)(struct call *c); /* answers exactly once; c is gone then */
    const char *operation;         /* operationId of openapi.json */
};
struct route_list {
    const struct route *routes;
    size_t count;
};
extern const struct route_list v1_routes, oidc_routes, veraison_routes, kbs_routes,
    identity_routes, secret_routes, admin_routes, page_routes, explain_routes,
    openapi_routes, ops_routes;

struct call_reply {
    int status;
    const char *type;  /* NULL: application/json */
    const char *cache; /* NULL: no-store */
    struct selfsame_bytes body;
    const struct httpd_header *headers; /* further ones */
    size_t header_count;
};
void call_reply(struct call *c, const struct call_reply *a);
/* A JSON object, which is taken over. NULL: 503 for want of memory. */
void call_json(struct call *c, int status, json_t *j);
/*
 * application/problem+json: {"type","title","status","detail","class","check",
 * "expected","got","remedy","request_id"}. Never 5xx for what the caller sent.
 */
void call_problem(struct call *c, int status, const struct selfsame_err *e);
/* The check of a verdict that a problem of this call is about: what was expected, and got. */
void call_explain(struct call *c, const struct selfsame_result *r);
/* Its body; without a call, id NULL: none. New references; NULL: no memory. */
MUST json_t *call_problem_json(
    const struct call *c, int status, const struct selfsame_err *e);
MUST json_t *problem_json(int status, const struct selfsame_err *e, const char *id);
/* The status for an error of reading a request: 400, 413, 415, 422, 503. */
int call_status_of(enum selfsame_code code);
/* The body as a JSON object: 400 and false, answered, when it is none. */
MUST bool call_body_json(struct call *c, json_t **ret);

/* ---- nonce.c: 48 bytes: expiry (ms, 8) | random (16) | HMAC-SHA-256 over both and the tenant (24) ---- */
enum { NONCE_SIZE = 48, NONCE_LIFE_MS = 120000 };
struct nonces;
MUST enum selfsame_code nonces_new(const uint8_t key[static 32], size_t room,
    struct nonces **ret, struct selfsame_err *e);
void nonces_free(struct nonces **n);
MUST bool nonce_make(const struct nonces *n, const char *tenant, int64_t now_ms,
    uint8_t ret[static NONCE_SIZE]);
/* STALE: not of ours, of another tenant, expired. */
MUST enum selfsame_code nonce_check(const struct nonces *n, const char *tenant,
    int64_t now_ms, struct selfsame_bytes nonce, struct selfsame_err *e);
/* STALE: used before; IO: no room to remember it (503). */
MUST enum selfsame_code nonce_use(struct nonces *n, int64_t now_ms,
    struct selfsame_bytes nonce, struct selfsame_err *e);
/*
 * A MAC for what clients carry for us (sessions), under the same key; `label` says what
 * it is, and is not "selfsame nonce v1". False: out of memory.
 */
enum { NONCE_TAG = 24 };
MUST bool nonces_tag(const struct nonces *n, const char *label,
    struct selfsame_bytes payload, uint8_t ret[static NONCE_TAG]);
size_t nonces_kept(struct nonces *n);
bool nonces_roomy(struct nonces *n); /* more than half of the room is free */
bool nonce_was_used(struct nonces *n, struct selfsame_bytes nonce);
void nonce_unuse(
    struct nonces *n, struct selfsame_bytes nonce); /* no verdict came of it */

/* ---- judge.c ---- */
struct ask {
    const char *policy; /* NULL: the tenant's */
    struct selfsame_bytes evidence;
    const char *media_type;                        /* as sent, or NULL */
    struct selfsame_bytes nonce, key, report_data; /* expected; absent: not */
    bool nonce_is_ours; /* a session's: proven to be of ours, and used, by the front */
    bool
        nonce_in_report_data; /* attesters that put it there as it is: fresh, bound to nothing */
    bool covers_nonce; /* report_data is a hash over the nonce too (KBS) */
    const struct selfsame_bytes *collateral; /* besides that of the service */
    size_t collateral_count;
    /* evidence bound to a TLS session */
    struct selfsame_bytes attest_request, exporter;
};
struct judged {
    struct selfsame_result *result; /* freed by judged_free */
    const struct snap_policy *policy;
    const struct snap_identity *identity; /* of the release, or NULL */
    const struct ask *ask;
    bool caller_nonce;
    uint8_t evidence_sha256[32];
};
void judged_free(struct judged *j);
#define auto_judged __attribute__((cleanup(judged_free))) struct judged
/*
 * OK whenever there is a verdict, whatever it says (j->result). MALFORMED: the evidence
 * is not readable at all (422); UNSUPPORTED: media type (415); STALE: the nonce is not
 * one of ours or was used (400); USAGE: no such policy, nothing to compare with (400);
 * DENIED: this caller may not (403).
 */
MUST enum selfsame_code judge(
    struct call *c, const struct ask *a, struct judged *ret, struct selfsame_err *e);
struct token_ask {
    const char *audience; /* NULL: none */
    enum jose_alg alg;    /* JOSE_NONE: the audience's, or ES256 */
    int dialect;          /* -1: the audience's or the tenant's */
    bool cwt;
    json_t *extra;
    const char *submod; /* NULL: the TEE's name */
};
/* Whether this caller may have evidence of its tenant verified at all. */
bool judge_may_verify(const struct call *c);
/* Whether this caller's own challenge is taken for one. */
bool judge_may_bring_nonce(const struct call *c);
/*
 * selfsame_verify with the collateral of the service and of the request: what the
 * evidence lacks is fetched within bounds, and it is verified again (evidence.c).
 */
MUST enum selfsame_code judge_verify(struct call *c, const struct ask *a,
    const struct selfsame_policy *policy, const struct selfsame_request *q,
    struct selfsame_result **ret, struct selfsame_err *e);
/* In the call's arena. DENIED: an audience the tenant does not know; USAGE: an algorithm without key. */
MUST enum selfsame_code judged_token(struct call *c, const struct judged *j,
    const struct token_ask *t, struct selfsame_bytes *ret, struct selfsame_err *e);
/*
 * Answers once the row of the verdict is durable in the audit log. For every verdict
 * exactly once; `a` is copied.
 */
void judged_reply(struct call *c, const struct judged *j, const struct call_reply *a);

/* The same of a row that the caller has filled: of what an older verdict earned. */
void audited_reply(
    struct call *c, const struct audit_row *row, const struct call_reply *a);

/* ---- metrics.c ---- */
enum stage {
    STAGE_READ,
    STAGE_WAIT,
    STAGE_VERIFY,
    STAGE_SIGN,
    STAGE_AUDIT,
    STAGE_WHOLE,
    STAGE_COUNT
};
void metrics_time(struct verifier_service *s, enum stage g, int64_t us);
void metrics_verdict(struct verifier_service *s, const char *tenant, const char *tee,
    enum selfsame_code code);
void metrics_answer(struct verifier_service *s, const struct route *route, int status);

/* ---- service.c: what the parts know of the whole ---- */
struct nonces *service_nonces(struct verifier_service *s);
struct audit *service_audit(struct verifier_service *s);
const char *service_dir(const struct verifier_service *s);
int64_t service_now_ms(const struct verifier_service *s);
/* 32 bytes that seal secrets; never logged. */
const uint8_t *service_secrets_key(const struct verifier_service *s);
/* The one before, while secrets are sealed anew (seal.h); NULL: none. */
const uint8_t *service_secrets_old_key(const struct verifier_service *s);
/* A member of verifier.json, borrowed; NULL: not said. */
const json_t *service_setting(const struct verifier_service *s, const char *name);
void service_tell(struct verifier_service *s, const char *what, const char *sentence);
void service_log(struct verifier_service *s, const char *line);
/* Which of ours one of httpd's is. */
const struct route *service_route(
    const struct verifier_service *s, const struct httpd_route *r);
size_t service_waiting(struct verifier_service *s); /* for a worker */
/* In the registry's thread, after a write: the snapshot is made anew at once. */
void service_changed(struct verifier_service *s);

#endif
