/* SPDX-License-Identifier: Apache-2.0 */
/* From checks to a verdict, and the verdict as JSON (docs/verdict.md). */
#include "appraise/internal.h"

/* ---- the decision ---- */

/*
 * Which outcomes besides a pass let a verdict accept. Said here once more and
 * apart from the code that writes the checks: two places have to be wrong
 * before something is accepted that nobody looked at.
 */
static const struct {
    bool na;
    unsigned skipped; /* the insecure word that lets it be skipped */
} tolerated[CHECK_COUNT] = {
    [CHECK_REVOCATION] = { true, INSECURE_NO_REVOCATION },
    [CHECK_FRESHNESS] = { false, INSECURE_ANY_AGE },
    [CHECK_BINDING] = { false, INSECURE_UNBOUND },
    [CHECK_DEBUG] = { false, INSECURE_DEBUG },
    [CHECK_TCB] = { true, INSECURE_ANY_TCB },
    [CHECK_MEASUREMENT] = { false, INSECURE_ANY_MEASUREMENT },
    [CHECK_RELEASE] = { true, 0 },
    [CHECK_LOG_PROOF] = { true, 0 },
};

static bool
tolerates(enum check_name name, const struct check *k, unsigned insecure)
{
    switch (k->outcome) {
    case CHECK_PASS: return true;
    case CHECK_NA: return tolerated[name].na;
    case CHECK_SKIPPED: return (tolerated[name].skipped & insecure) != 0;
    case CHECK_MISSING:
    case CHECK_FAIL: break;
    }
    return false;
}

static enum selfsame_code
decide(struct verdict *v)
{
    enum selfsame_code code = checks_code(&v->checks, &v->first);

    if (code != SELFSAME_OK)
        return code;
    for (enum check_name i = 0; i < CHECK_COUNT; i++)
        if (!tolerates(i, &v->checks.at[i], v->insecure)) {
            v->first = i;
            return SELFSAME_INTERNAL;
        }
    v->first = CHECK_CHAIN;
    return v->claims.authentic ? SELFSAME_OK : SELFSAME_INTERNAL;
}

/* What a rule of the policy expected and got belongs into its sentence, if it is short. */
static bool
says_values(const struct verdict *v)
{
    enum { SHORT = 80 };
    const struct check *k = &v->checks.at[v->first];

    return (v->first == CHECK_TCB || v->first == CHECK_POLICY) && k->detail != NULL &&
           k->expected != NULL && k->got != NULL && strlen(k->expected) <= SHORT &&
           strlen(k->got) <= SHORT;
}

static void
explain_refusal(struct verdict *v)
{
    const struct check *k = &v->checks.at[v->first];
    const char *detail = k->detail;

    /* The verifier's own error says more, when it is about the same check. */
    if (v->err.code == v->code && v->err.depth > 0 &&
        (v->first <= CHECK_SIGNATURE || v->first == CHECK_TCB ||
            v->first == CHECK_RELEASE || v->first == CHECK_LOG_PROOF))
        return;
    if (v->code == SELFSAME_INTERNAL)
        detail = "a check was not made";
    if (v->code != SELFSAME_INTERNAL && says_values(v))
        (void)err_set(&v->err, v->code, __FILE__, __LINE__,
            "%s: %s: expected %s, got %s", check_word(v->first), detail, k->expected,
            k->got);
    else
        (void)err_set(&v->err, v->code, __FILE__, __LINE__, "%s: %s",
            check_word(v->first), detail != NULL ? detail : "failed");
}

void
verdict_finish(struct verdict *v, const struct policy *p)
{
    const struct selfsame_claims *c = &v->claims;

    v->insecure = p->insecure;
    v->accepted = false;
    v->code = decide(v);
    if (v->code == SELFSAME_OK) {
        v->accepted = true;
        v->err = (struct selfsame_err){ 0 };
        v->status = v->insecure == 0 && !v->as_of && !c->any_anchor && !c->simulated &&
                            !trust_warns(v)
                        ? "affirming"
                        : "warning";
        return;
    }
    explain_refusal(v);
    v->status = v->checks.at[CHECK_PARSE].outcome == CHECK_PASS &&
                        v->code != SELFSAME_UNSUPPORTED && v->code != SELFSAME_INTERNAL
                    ? "contraindicated"
                    : "none";
}

enum selfsame_code
verdict_code(const struct verdict *v)
{
    if (v->accepted)
        return SELFSAME_OK;
    return v->code != SELFSAME_OK ? v->code : SELFSAME_INTERNAL;
}

const char *
verdict_remedy(const struct verdict *v)
{
    if (v->accepted && strcmp(verdict_status(v), "affirming") != 0)
        return "Read the warnings before relying on this.";
    return v->err.remedy != NULL ? v->err.remedy
                                 : selfsame_code_remedy(verdict_code(v));
}

const char *
verdict_status(const struct verdict *v)
{
    return v->status != NULL ? v->status : "none";
}

/* ---- JSON ---- */

/* An object under construction; after the first failure nothing is added. */
struct build {
    json_t *root;
    bool bad;
};

static void
put(struct build *b, const char *key, json_t *value)
{
    if (json_object_set_new(b->root, key, value) != 0)
        b->bad = true;
}

static struct build
object_new(void)
{
    json_t *root = json_object();

    return (struct build){ .root = root, .bad = root == NULL };
}

static json_t *
object_end(struct build *b)
{
    if (!b->bad)
        return b->root;
    json_decref(b->root);
    return NULL;
}

static void
append(json_t *array, json_t *value, bool *bad)
{
    if (json_array_append_new(array, value) != 0)
        *bad = true;
}

static json_t *
array_end(json_t *array, bool bad)
{
    if (!bad)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *
insecure_json(unsigned insecure)
{
    json_t *list = json_array();
    bool bad = list == NULL;

    for (unsigned bit = 1; bit <= INSECURE_ANY_TCB; bit <<= 1)
        if (insecure & bit)
            append(list, json_string(insecure_word(bit)), &bad);
    return array_end(list, bad);
}

static json_t *
claims_json(const struct selfsame_claims *c)
{
    struct build b = object_new();

    for (size_t i = 0; i < c->count && c->authentic && !b.bad; i++)
        b.bad = !claim_put_json(b.root, &c->list[i]);
    return object_end(&b);
}

static json_t *
certificate_json(const struct certificate *k)
{
    struct build b = object_new();

    put(&b, "subject", json_text(k->subject));
    put(&b, "issuer", json_text(k->issuer));
    put(&b, "not_before", json_text(k->subject != NULL ? k->not_before : NULL));
    put(&b, "not_after", json_text(k->subject != NULL ? k->not_after : NULL));
    put(&b, "sha256", json_string(k->sha256));
    return object_end(&b);
}

static json_t *
chain_json(const struct selfsame_claims *c)
{
    auto_arena arena = arena_new(CERTIFICATES_ROOM);
    struct selfsame_err ignored; /* NOMEM is all it can say */
    struct certificate *chain;

    if (certificates_describe(c, &arena, &chain, &ignored) != SELFSAME_OK)
        return NULL;
    json_t *list = json_array();
    bool bad = list == NULL;
    for (size_t i = 0; i < c->chain_count; i++)
        append(list, certificate_json(&chain[i]), &bad);
    return array_end(list, bad);
}

static json_t *
check_json(enum check_name name, const struct check *k)
{
    struct build b = object_new();

    put(&b, "name", json_string(check_word(name)));
    put(&b, "outcome", json_string(check_outcome_word(k->outcome)));
    put(&b, "class",
        json_text(k->outcome == CHECK_FAIL ? selfsame_code_name(k->code) : NULL));
    put(&b, "expected", json_text(k->expected));
    put(&b, "got", json_text(k->got));
    put(&b, "source", json_text(k->source));
    put(&b, "spec", json_text(k->spec));
    put(&b, "detail", json_text(k->detail));
    return object_end(&b);
}

static json_t *
checks_json(const struct checks *c)
{
    json_t *list = json_array();
    bool bad = list == NULL;

    for (enum check_name i = 0; i < CHECK_COUNT; i++)
        append(list, check_json(i, &c->at[i]), &bad);
    return array_end(list, bad);
}

static json_t *
identity_json(const struct verdict *v)
{
    const struct identity *id = v->identity;

    /* Only of evidence that was accepted: a name on refused evidence misleads. */
    if (id == NULL || !v->accepted)
        return json_null();
    struct build b = object_new();
    put(&b, "release", json_text(id->release));
    put(&b, "version", json_text(id->version));
    put(&b, "sequence", json_integer((json_int_t)id->sequence));
    put(&b, "source", json_text(id->source));
    put(&b, "statement", json_text(id->statement));
    put(&b, "spiffe_id", json_null());
    return object_end(&b);
}

/* Without what makes no statement. */
static json_t *
trust_vector_json(const struct verdict *v)
{
    struct build b = object_new();
    int vector[TRUST_COUNT];

    trust_vector_of(v, vector);
    for (enum trust_claim i = 0; i < TRUST_COUNT; i++)
        if (vector[i] != 0)
            put(&b, trust_word(i), json_integer(vector[i]));
    return object_end(&b);
}

static json_t *
error_json(const struct verdict *v)
{
    if (v->accepted)
        return json_null();
    struct build b = object_new();
    json_t *chain = json_array();
    bool bad = chain == NULL;

    for (unsigned i = v->err.depth; i-- > 0;)
        append(chain, json_text(v->err.frame[i].text), &bad);
    put(&b, "class", json_string(selfsame_code_name(verdict_code(v))));
    put(&b, "message", json_text(err_text(&v->err)));
    put(&b, "chain", array_end(chain, bad));
    put(&b, "remedy", json_text(verdict_remedy(v)));
    return object_end(&b);
}

static json_t *
as_of_json(const struct verdict *v)
{
    char text[TIME_TEXT];

    if (!v->as_of)
        return json_null();
    time_format(v->at_ms / 1000, text);
    return json_string(text);
}

static json_t *
needs_json(const struct verdict *v)
{
    bool bad = false;
    json_t *list = json_array();

    for (size_t i = 0; i < v->need_count; i++) {
        struct build b = object_new();

        put(&b, "name", json_text(v->needs[i].name));
        put(&b, "url", json_text(v->needs[i].url));
        bad |= json_array_append_new(list, object_end(&b)) != 0;
    }
    return array_end(list, bad);
}

enum selfsame_code
verdict_json(const struct verdict *v, char **ret, struct selfsame_err *e)
{
    const struct selfsame_claims *c = &v->claims;
    struct build b = object_new();

    put(&b, "selfsame", json_integer(1));
    put(&b, "result", json_string(selfsame_code_name(verdict_code(v))));
    put(&b, "status", json_string(verdict_status(v)));
    put(&b, "tee", json_text(c->tee));
    put(&b, "simulated", json_boolean(c->simulated));
    put(&b, "debug", json_boolean(c->debug));
    put(&b, "trust_anchor", json_string(c->any_anchor ? "caller" : "pinned"));
    put(&b, "as_of", as_of_json(v));
    put(&b, "insecure", insecure_json(v->insecure));
    put(&b, "identity", identity_json(v));
    put(&b, "claims", claims_json(c));
    put(&b, "chain", chain_json(c));
    put(&b, "checks", checks_json(&v->checks));
    put(&b, "trust_vector", trust_vector_json(v));
    put(&b, "error", error_json(v));
    if (v->need_count > 0)
        put(&b, "needs", needs_json(v));
    auto_json *root = object_end(&b);
    char *text = root != NULL ? json_compact(root) : NULL;

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the verdict as JSON");
    *ret = text;
    return SELFSAME_OK;
}
