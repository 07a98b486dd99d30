/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a body is one of its kind. */
#include "verifier/objects.h"

#include "api/releases.h"
#include "log/sigstore.h"

enum { OBJECT_ARENA = 8 << 20 };

static void
policy_drop(struct selfsame_policy **p)
{
    selfsame_policy_free(*p);
}
#define auto_policy __attribute__((cleanup(policy_drop))) struct selfsame_policy

/* Line and member are in the errors of the policy's own parser. */
static enum selfsame_code
check_policy(struct selfsame_bytes body, struct selfsame_err *e)
{
    auto_policy *p = NULL;
    enum selfsame_code code = selfsame_policy_parse(body, &p, e);

    if (code == SELFSAME_MALFORMED)
        code = e->code = SELFSAME_USAGE;
    TRY(code);
    const char *wanted = selfsame_policy_file_wanted(p, 0);
    if (wanted == NULL)
        return releases_check_texts(p, e);
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "the policy refers to the file %.80s: expected its text in the policy", wanted);
    err_remedy(e, "Put the text of the file in place of its name.");
    return SELFSAME_USAGE;
}

/* Whether it holds is for vouch.h to say; here: is it one at all? */
static enum selfsame_code
check_release(struct selfsame_bytes body, struct arena *arena, struct selfsame_err *e)
{
    struct log_proof proof;
    struct envelope envelope;
    struct statement statement;
    auto_json *bundle = NULL;
    enum selfsame_code code;

    if (sigstore_looks_like(body))
        code = json_parse(body, "Sigstore bundle", &bundle, e);
    else {
        code = proof_parse(body, arena, &proof, e);
        if (code == SELFSAME_OK && !proof.has_extra)
            FAIL(e, SELFSAME_USAGE,
                "release: expected a proof with its entry, got one without");
        if (code == SELFSAME_OK)
            code = statement_of_envelope(proof.extra, arena, &envelope, &statement, e);
    }
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    e->code = SELFSAME_USAGE;
    return err_wrap(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "release: expected a tlog-proof or a Sigstore bundle");
}

static enum selfsame_code
check_body(const struct registry_object *o, struct selfsame_err *e)
{
    auto_arena arena = arena_new(OBJECT_ARENA);
    struct snap_tenant tenant = { .name = o->tenant };
    struct snap_key key = { .name = o->name };
    struct snap_audience audience = { .name = o->name };
    struct snap_secret secret = { .name = o->name };
    struct snap_identity identity = { .name = o->name };
    struct object_follow follow;

    switch (o->kind) {
    case REGISTRY_TENANT: return object_read_tenant(o->body, &arena, &tenant, e);
    case REGISTRY_KEY: return object_read_key(o->body, &arena, &key, e);
    case REGISTRY_AUDIENCE: return object_read_audience(o->body, &arena, &audience, e);
    case REGISTRY_SECRET: return object_read_secret(o->body, &arena, &secret, e);
    case REGISTRY_IDENTITY: return object_read_identity(o->body, &arena, &identity, e);
    case REGISTRY_FOLLOW: return object_read_follow(o->body, &arena, &follow, e);
    case REGISTRY_POLICY: return check_policy(o->body, e);
    case REGISTRY_RELEASE: return check_release(o->body, &arena, e);
    case REGISTRY_KINDS: break;
    }
    FAIL(e, SELFSAME_USAGE, "there are no objects of this kind");
}

/* Whatever is wrong with it, it is for whoever wrote it to put right. */
enum selfsame_code
object_check(const struct registry_object *o, struct selfsame_err *e)
{
    const enum selfsame_code code = check_body(o, e);

    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    return e->code = SELFSAME_USAGE;
}
