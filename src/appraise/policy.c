/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file: docs/policy.md, docs/policy.schema.json. */
#include "appraise/internal.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    unsigned bit;
    const char *word;
} words[] = {
    { INSECURE_ANY_MEASUREMENT, "any-measurement" },
    { INSECURE_ANY_AGE, "any-age" },
    { INSECURE_UNBOUND, "unbound" },
    { INSECURE_DEBUG, "debug" },
    { INSECURE_NO_REVOCATION, "no-revocation" },
    { INSECURE_SIMULATED, "simulated" },
    { INSECURE_ANY_TCB, "any-tcb" },
};

const char *
insecure_word(unsigned bit)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (words[i].bit == bit)
            return words[i].word;
    return "unknown";
}

unsigned
insecure_from_word(const char *word)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].bit;
    return 0;
}

/* ---- what the parts share ---- */

/* Messages quote the file; a terminal must not obey it. */
static void
make_printable(char *s)
{
    for (; *s != '\0'; s++)
        if (*s < ' ' || *s > '~')
            *s = '?';
}

enum selfsame_code
policy_bad(const struct policy_reader *r, const char *path, const char *fmt, ...)
{
    char text[SELFSAME_ERR_TEXT];
    const int line = json_line_of(r->text, path);
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    char name[80];
    (void)snprintf(name, sizeof(name), "%.60s", path);
    make_printable(name);
    make_printable(text);
    if (line > 0)
        FAIL(r->e, SELFSAME_USAGE, "%s, line %d: %s: %s", r->source, line, name, text);
    FAIL(r->e, SELFSAME_USAGE, "%s: %s: %s", r->source, name, text);
}

enum selfsame_code
policy_nomem(const struct policy_reader *r)
{
    FAIL(r->e, SELFSAME_NOMEM, "%s: no room for its content", r->source);
}

const struct tee_facts *
policy_fact(const struct policy_reader *r, const char *tee)
{
    for (size_t i = 0; i < r->fact_count; i++)
        if (strcmp(r->facts[i].name, tee) == 0)
            return &r->facts[i];
    return NULL;
}

const char *
policy_known_tees(const struct policy_reader *r)
{
    const char *all = NULL;

    for (size_t i = 0; i < r->fact_count; i++) {
        all = all == NULL ? r->facts[i].name
                          : arena_printf(r->arena, "%s, %s", all, r->facts[i].name);
        if (all == NULL)
            return "(out of memory)";
    }
    return all != NULL ? all : "(none in this build)";
}

bool
policy_accepts_tee(const struct policy *p, const char *tee)
{
    for (size_t i = 0; i < p->tee_count; i++)
        if (strcmp(p->tees[i], tee) == 0)
            return true;
    return false;
}

static enum selfsame_code
accept_tee(
    const struct policy_reader *r, struct policy *p, const struct tee_facts *fact)
{
    const size_t n = p->tee_count;

    if (policy_accepts_tee(p, fact->name))
        return SELFSAME_OK;
    const char **all = ARENA_NEW(r->arena, const char *, n + 2);
    struct tee_demands *demands = ARENA_NEW(r->arena, struct tee_demands, n + 1);
    if (all == NULL || demands == NULL)
        return policy_nomem(r);
    for (size_t i = 0; i < n; i++) {
        all[i] = p->tees[i];
        demands[i] = p->demands[i];
    }
    all[n] = fact->name;
    demands[n] = (struct tee_demands){
        .tee = fact->name,
        .rules = fact->rules,
        .rule_count = fact->rule_count,
        .advice = fact->advice,
        .advice_count = fact->advice_count,
    };
    p->tees = all;
    p->demands = demands;
    p->tee_count++;
    return SELFSAME_OK;
}

/* ---- members ---- */

static enum selfsame_code
version_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    (void)p;
    if (!json_is_integer(j))
        return policy_bad(r, "selfsame_policy", "expected the number 1");
    if (json_integer_value(j) != 1)
        FAIL(r->e, SELFSAME_UNSUPPORTED, "%s: version %lld, this build knows 1",
            r->source, (long long)json_integer_value(j));
    return SELFSAME_OK;
}

static enum selfsame_code
schema_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    (void)p;
    return json_is_string(j) ? SELFSAME_OK
                             : policy_bad(r, "$schema", "expected a string");
}

static enum selfsame_code
tee_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    const char *name;
    json_t *options;

    if (!json_is_object(j))
        return policy_bad(r, "tee", "expected an object such as {\"nitro\": {}}");
    json_object_foreach((json_t *)(uintptr_t)j, name, options)
    {
        const struct tee_facts *fact = policy_fact(r, name);
        const char *path = arena_printf(r->arena, "tee.%s", name);

        if (path == NULL)
            return policy_nomem(r);
        if (fact == NULL)
            return policy_bad(
                r, path, "not one of the known TEEs: %s", policy_known_tees(r));
        if (!json_is_object(options))
            return policy_bad(r, path, "expected an object, {} for no options");
        TRY(accept_tee(r, p, fact));
        TRY(rules_parse(r, options, &p->demands[p->tee_count - 1]));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
measurements_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    return refvalues_parse(r, j, "measurements", p);
}

static enum selfsame_code
release_list_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    return releases_parse(r, j, "releases", p);
}

static enum selfsame_code
freshness_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    const char *key;
    json_t *value;

    if (!json_is_object(j))
        return policy_bad(r, "freshness",
            "expected {\"nonce\": true} or {\"max_age\": "
            "\"5m\"}");
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        if (strcmp(key, "nonce") == 0) {
            if (!json_is_boolean(value))
                return policy_bad(r, "freshness.nonce", "expected true");
            p->nonce = json_is_true(value);
        } else if (strcmp(key, "max_age") == 0) {
            if (!json_is_string(value) ||
                !duration_parse(json_string_value(value), &p->max_age_ms) ||
                p->max_age_ms == 0)
                return policy_bad(r, "freshness.max_age",
                    "expected a duration such as \"90s\", \"5m\" or \"24h\"");
        } else
            return policy_bad(r, "freshness",
                "unknown member \"%.24s\"; there are nonce and max_age", key);
    }
    if (!p->nonce && p->max_age_ms == 0)
        return policy_bad(r, "freshness", "demands nothing: want nonce or max_age");
    return SELFSAME_OK;
}

static enum selfsame_code
binding_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    const char *level = json_string_value(j);

    if (level != NULL && strcmp(level, "session") == 0)
        p->binding = BINDING_SESSION;
    else if (level != NULL && strcmp(level, "key") == 0)
        p->binding = BINDING_KEY;
    else
        return policy_bad(r, "binding", "expected \"session\" or \"key\"");
    return SELFSAME_OK;
}

static enum selfsame_code
insecure_parse(const struct policy_reader *r, const json_t *j, struct policy *p)
{
    if (!json_is_array(j))
        return policy_bad(r, "insecure", "expected a list of words");
    for (size_t i = 0; i < json_array_size(j); i++) {
        const char *word = json_string_value(json_array_get(j, i));
        unsigned bit = word != NULL ? insecure_from_word(word) : 0;
        const char *path = arena_printf(r->arena, "insecure[%zu]", i);

        if (path == NULL)
            return policy_nomem(r);
        if (bit == 0)
            return policy_bad(r, path,
                "expected any-measurement, any-age, unbound, debug, no-revocation, "
                "simulated or any-tcb");
        p->insecure |= bit;
    }
    return SELFSAME_OK;
}

static const struct {
    const char *name;
    enum selfsame_code (*parse)(
        const struct policy_reader *r, const json_t *j, struct policy *p);
} members[] = {
    { "selfsame_policy", version_parse },
    { "$schema", schema_parse },
    { "tee", tee_parse },
    { "measurements", measurements_parse },
    { "releases", release_list_parse },
    { "freshness", freshness_parse },
    { "binding", binding_parse },
    { "insecure", insecure_parse },
};

static enum selfsame_code
known_members(const struct policy_reader *r, const json_t *root)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)root, key, value)
    {
        size_t i = 0;

        while (i < COUNT(members) && strcmp(members[i].name, key) != 0)
            i++;
        if (i == COUNT(members))
            return policy_bad(r, key, "unknown member");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
mandatory(const struct policy_reader *r, const json_t *root, const struct policy *p)
{
    if (json_object_get(root, "freshness") == NULL && !(p->insecure & INSECURE_ANY_AGE))
        return policy_bad(
            r, "freshness", "mandatory: {\"nonce\": true} or {\"max_age\": \"5m\"}");
    if (json_object_get(root, "binding") == NULL && !(p->insecure & INSECURE_UNBOUND))
        return policy_bad(r, "binding", "mandatory: \"session\" or \"key\"");
    return SELFSAME_OK;
}

/* A file that is not JSON is the caller's mistake, as any other bad policy. */
static enum selfsame_code
text_parse(const struct policy_reader *r, json_t **ret)
{
    enum selfsame_code c = json_parse(r->text, r->source, ret, r->e);

    if (c == SELFSAME_MALFORMED) {
        r->e->code = SELFSAME_USAGE;
        if (r->text.len == 0)
            err_remedy(
                r->e, "Check what should have written this file: it wrote nothing.");
        return SELFSAME_USAGE;
    }
    return c;
}

enum selfsame_code
policy_parse(struct selfsame_bytes json, const struct tee_facts *facts,
    size_t fact_count, struct arena *arena, struct policy *ret, struct selfsame_err *e)
{
    const struct policy_reader r = {
        .text = json,
        .source = "policy",
        .facts = facts,
        .fact_count = fact_count,
        .arena = arena,
        .e = e,
    };
    struct policy p = { 0 };
    auto_json *root = NULL;

    TRY(text_parse(&r, &root));
    if (!json_is_object(root))
        FAIL(e, SELFSAME_USAGE, "policy: expected a JSON object");
    if (json_object_get(root, "selfsame_policy") == NULL)
        return policy_bad(&r, "selfsame_policy", "mandatory: the number 1");
    TRY(known_members(&r, root));
    for (size_t i = 0; i < COUNT(members); i++) {
        const json_t *j = json_object_get(root, members[i].name);

        if (j != NULL)
            TRY(members[i].parse(&r, j, &p));
    }
    TRY(mandatory(&r, root, &p));
    *ret = p;
    return SELFSAME_OK;
}

/* ---- policies made by calls ---- */

/*
 * One entry, a list of entries, or an object that holds the list as
 * `measurements` next to what else a build has to say.
 */
/* What `measure` says beside the values, to people: no part of an entry. */
static void
drop_comments(json_t *entry)
{
    static const char *const names[] = { "shapes", "sections", "id_block", "predicted",
        "notes", "event_log" };

    for (size_t i = 0; json_is_object(entry) && i < COUNT(names); i++)
        (void)json_object_del(entry, names[i]);
}

enum selfsame_code
policy_add_measurements(struct policy *p, struct selfsame_bytes json,
    const char *source, const struct tee_facts *facts, size_t fact_count,
    struct arena *arena, struct selfsame_err *e)
{
    const struct policy_reader r = {
        .text = json,
        .source = source,
        .facts = facts,
        .fact_count = fact_count,
        .arena = arena,
        .e = e,
    };
    auto_json *root = NULL;

    TRY(text_parse(&r, &root));
    json_t *list = json_object_get(root, "measurements"), *entry;
    size_t i;
    drop_comments(root);
    json_array_foreach(json_is_array(root) ? root : list, i, entry)
        drop_comments(entry);
    if (json_is_array(root) || list != NULL)
        return refvalues_parse(
            &r, list != NULL ? list : root, list != NULL ? "measurements" : "", p);
    auto_json *one = json_array();
    if (one == NULL || json_array_append(one, root) != 0)
        return policy_nomem(&r);
    return refvalues_parse(&r, one, "", p);
}

enum selfsame_code
policy_add_releases(struct policy *p, struct selfsame_bytes json, const char *source,
    struct arena *arena, struct selfsame_err *e)
{
    const struct policy_reader r = {
        .text = json, .source = source, .arena = arena, .e = e
    };
    auto_json *root = NULL;

    TRY(text_parse(&r, &root));
    json_t *list = json_object_get(root, "releases");
    if (json_is_array(root) || list != NULL)
        return releases_parse(
            &r, list != NULL ? list : root, list != NULL ? "releases" : "", p);
    auto_json *one = json_array();
    if (one == NULL || json_array_append(one, root) != 0)
        return policy_nomem(&r);
    return releases_parse(&r, one, "", p);
}

enum selfsame_code
policy_accept_tee(struct policy *p, const char *tee, const struct tee_facts *facts,
    size_t fact_count, struct arena *arena, struct selfsame_err *e)
{
    const struct policy_reader r = {
        .source = "policy",
        .facts = facts,
        .fact_count = fact_count,
        .arena = arena,
        .e = e,
    };
    const struct tee_facts *fact = policy_fact(&r, tee);

    if (fact == NULL)
        FAIL(e, SELFSAME_USAGE, "TEE \"%.40s\" is not one of: %s", tee,
            policy_known_tees(&r));
    return accept_tee(&r, p, fact);
}

enum selfsame_code
policy_only_tee(struct policy *p, const char *tee, struct selfsame_err *e)
{
    for (size_t i = 0; i < p->tee_count; i++) {
        if (strcmp(p->tees[i], tee) != 0)
            continue;
        p->tees[0] = p->tees[i];
        p->tees[1] = NULL; /* one behind the list is ours as well */
        p->demands[0] = p->demands[i];
        p->tee_count = 1;
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_USAGE, "the policy does not accept evidence of \"%.40s\"", tee);
}
