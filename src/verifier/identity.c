/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/identity.h"

#include "service/key_file.h"
#include "token/svid.h"

/* ---- what a verdict is worth ---- */

static enum selfsame_code
passed(const struct judged *j, enum check_name which, const char *why,
    struct selfsame_err *e)
{
    if (j->result->verdict.checks.at[which].outcome == CHECK_PASS)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_DENIED, __FILE__, __LINE__,
        "expected evidence whose %s is checked: %s", check_word(which), why);
    err_remedy(e, "Use a policy that demands a nonce and a binding.");
    return SELFSAME_DENIED;
}

enum selfsame_code
judged_earns(const struct judged *j, bool warning, struct selfsame_err *e)
{
    const struct verdict *v = &j->result->verdict;
    const char *status = verdict_status(v);

    if (verdict_code(v) != SELFSAME_OK) {
        *e = v->err;
        if (e->depth == 0)
            (void)err_set(
                e, verdict_code(v), __FILE__, __LINE__, "the evidence is refused");
        return verdict_code(v);
    }
    if (strcmp(status, "affirming") != 0 &&
        !(warning && strcmp(status, "warning") == 0)) {
        (void)err_set(e, SELFSAME_DENIED, __FILE__, __LINE__,
            "expected evidence that is affirming, got one that is %s%s", status,
            v->claims.simulated ? ", of a simulated TEE" : "");
        err_remedy(e, "Say \"warning\": true of what is given, where that is enough.");
        return SELFSAME_DENIED;
    }
    if (j->ask->nonce.len == 0 || j->caller_nonce) {
        (void)err_set(e, SELFSAME_STALE, __FILE__, __LINE__,
            "expected a nonce of this verifier, got %s",
            j->caller_nonce ? "another" : "none");
        err_remedy(e, "GET /v1/nonce and make evidence for that.");
        return SELFSAME_STALE;
    }
    TRY(passed(j, CHECK_FRESHNESS, "older evidence is anybody's who has seen it", e));
    return passed(
        j, CHECK_BINDING, "evidence about no key is anybody's who has seen it", e);
}

/* ---- the trust domain ---- */

static enum selfsame_code
read_authority(struct verifier_service *s, struct snapshot *n, struct selfsame_err *e)
{
    auto_json *settings = json_pack("{s:O?,s:s}", "spiffe",
        service_setting(s, "spiffe"), "issuer", verifier_issuer(s));
    const char *domain = NULL, *keys, *path;

    TRY(authority_domain(settings, &n->arena, &domain, e));
    TRY(path_join(service_dir(s), "keys", &n->arena, &keys, e));
    TRY(path_join(keys, "spiffe-ca.pem", &n->arena, &path, e));
    return authority_read(path, domain, n->made_ms / 1000, &n->authority, e);
}

void
spiffe_authority(struct verifier_service *s, struct snapshot *n)
{
    struct selfsame_err e = { 0 };
    char line[600];

    if (read_authority(s, n, &e) == SELFSAME_OK)
        return;
    (void)selfsame_err_print(&e, line, sizeof(line));
    service_tell(s, "identity", line);
}

/* "/NAME/…" */
static bool
below(struct selfsame_bytes path, const char *name)
{
    const size_t len = strlen(name);

    return path.len > len + 2 && path.ptr[1 + len] == '/' &&
           bytes_eq(BYTES(path.ptr + 1, len), bytes_str(name));
}

static enum selfsame_code
check_owner(const struct snapshot *n, const char *tenant, struct selfsame_bytes path,
    struct selfsame_err *e)
{
    const bool is_default = strcmp(tenant, "default") == 0;

    if (!is_default && !below(path, tenant))
        FAIL(e, SELFSAME_DENIED,
            "SPIFFE id: expected a path below /%s/, which is this tenant's", tenant);
    for (size_t i = 0; is_default && i < n->tenant_count; i++) {
        const char *other = n->tenants[i].name;

        if (other[0] != '\0' && strcmp(other, "default") != 0 && below(path, other))
            FAIL(e, SELFSAME_DENIED,
                "SPIFFE id: expected a path outside /%s/, which is another tenant's",
                other);
    }
    return SELFSAME_OK;
}

enum selfsame_code
spiffe_id_allowed(const struct snapshot *n, const char *tenant, const char *spiffe_id,
    struct selfsame_err *e)
{
    struct spiffe_id id = { .domain = BYTES_NONE };

    if (n->authority == NULL)
        FAIL(e, SELFSAME_DENIED, "this verifier has no trust domain");
    if (spiffe_id_parse(bytes_str(spiffe_id), &id, e) != SELFSAME_OK) {
        e->code = SELFSAME_DENIED;
        return err_wrap(e, SELFSAME_DENIED, __FILE__, __LINE__,
            "the tenant's identity of this release");
    }
    if (id.path.len == 0 || !bytes_eq(id.domain, bytes_str(n->authority->domain)))
        FAIL(e, SELFSAME_DENIED,
            "SPIFFE id: expected a path in the trust domain %.100s",
            n->authority->domain);
    return check_owner(n, tenant, id.path, e);
}
