/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values: the `measurements` of a policy and of a build. */
#include "appraise/internal.h"

enum {
    VALUE_MAX = 64, /* SHA-512; no TEE measures with more */
    PATHS_MAX = 64,
    DEPTH_MAX = 4,
    NAME_LEN = 63, /* of one part of a path */
};

/* Flattening of one entry: {"pcr":{"0":[hex]}} becomes pcr.0. */
struct flat {
    const struct policy_reader *r;
    const char *at; /* path of the entry in the text */
    const struct tee_facts *fact;
    struct measurement_value *list;
    size_t count;
};

/* Registers that nothing extends in some machines; elsewhere zeros mean debug mode. */
static bool
may_be_zero(const struct tee_facts *fact, const char *claim)
{
    for (const char *const *z = fact->zeros; z != NULL && *z != NULL; z++)
        if (strcmp(*z, claim) == 0)
            return true;
    return false;
}

static enum selfsame_code
value_parse(const struct policy_reader *r, const json_t *j, const char *path,
    bool zero_ok, struct selfsame_bytes *ret)
{
    uint8_t buf[VALUE_MAX];
    size_t len;

    if (!json_is_string(j))
        return policy_bad(r, path, "expected a hex string or a list of them");
    if (!hex_decode(
            json_string_value(j), json_string_length(j), buf, sizeof(buf), &len) ||
        len == 0)
        return policy_bad(r, path, "expected 1 to %d bytes as hex, got \"%.24s\"",
            (int)VALUE_MAX, json_string_value(j));
    if (bytes_is_zero(BYTES(buf, len)) && !zero_ok)
        return policy_bad(r, path, "all-zero values mean debug mode and are refused");
    if (!arena_dup(r->arena, BYTES(buf, len), ret))
        return policy_nomem(r);
    return SELFSAME_OK;
}

static enum selfsame_code
number_parse(
    const struct policy_reader *r, const json_t *j, const char *path, uint64_t *ret)
{
    if (!json_is_integer(j) || json_integer_value(j) < 0)
        return policy_bad(
            r, path, "expected whole numbers, 0 or more, and nothing else beside them");
    *ret = (uint64_t)json_integer_value(j);
    return SELFSAME_OK;
}

/* The first says what all are. */
static enum selfsame_code
values_parse(const struct flat *f, const json_t *j, const char *path,
    struct measurement_value *ret)
{
    const struct policy_reader *r = f->r;
    const bool zero_ok = may_be_zero(f->fact, ret->path);
    const bool list = json_is_array(j);
    const size_t n = list ? json_array_size(j) : 1;
    const bool numbers = json_is_integer(list ? json_array_get(j, 0) : j);

    if (n == 0)
        return policy_bad(r, path, "expected at least one value, got an empty list");
    struct selfsame_bytes *v = ARENA_NEW(r->arena, struct selfsame_bytes, n);
    uint64_t *number = ARENA_NEW(r->arena, uint64_t, n);
    if (v == NULL || number == NULL)
        return policy_nomem(r);
    for (size_t i = 0; i < n; i++) {
        const char *where = list ? arena_printf(r->arena, "%s[%zu]", path, i) : path;
        const json_t *one = list ? json_array_get(j, i) : j;

        if (where == NULL)
            return policy_nomem(r);
        TRY(numbers ? number_parse(r, one, where, &number[i])
                    : value_parse(r, one, where, zero_ok, &v[i]));
    }
    ret->values = numbers ? NULL : v;
    ret->numbers = numbers ? number : NULL;
    ret->count = n;
    return SELFSAME_OK;
}

/* "min_isv_svn" is about isv_svn; the last part of the path says so. */
static enum selfsame_code
minimum_parse(
    const struct policy_reader *r, const char *path, struct measurement_value *v)
{
    static const char mark[] = "min_";
    const char *dot = strrchr(v->path, '.');
    const char *last = dot != NULL ? dot + 1 : v->path;

    v->claim = v->path;
    if (strncmp(last, mark, sizeof(mark) - 1) != 0)
        return SELFSAME_OK;
    if (v->numbers == NULL || v->count != 1)
        return policy_bad(r, path, "expected one whole number, 0 or more");
    v->minimum = true;
    v->claim = arena_printf(
        r->arena, "%.*s%s", (int)(last - v->path), v->path, last + sizeof(mark) - 1);
    return v->claim != NULL ? SELFSAME_OK : policy_nomem(r);
}

/* `path` names the member in the text, `prefix` the claim so far ("" or "pcr."). */
static enum selfsame_code
flatten(struct flat *f, const json_t *object, const char *prefix, int depth)
{
    const struct policy_reader *r = f->r;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *claim = arena_printf(r->arena, "%s%s", prefix, key);
        const char *path = arena_printf(r->arena, "%s.%s%s", f->at, prefix, key);

        if (claim == NULL || path == NULL)
            return policy_nomem(r);
        if (strcmp(claim, "tee") == 0)
            continue;
        if (*key == '\0' || strlen(key) > NAME_LEN || strpbrk(key, ".[]") != NULL)
            return policy_bad(
                r, f->at, "the name \"%.24s\" is not one of a claim", key);
        if (json_is_object(value)) {
            const char *inner = arena_printf(r->arena, "%s.", claim);

            if (inner == NULL)
                return policy_nomem(r);
            if (depth >= DEPTH_MAX || json_object_size(value) == 0)
                return policy_bad(r, path, "expected values in it");
            TRY(flatten(f, value, inner, depth + 1));
            continue;
        }
        if (f->count == PATHS_MAX)
            return policy_bad(r, path, "more than %d values", (int)PATHS_MAX);
        struct measurement_value *v = &f->list[f->count++];

        *v = (struct measurement_value){ .path = claim };
        TRY(values_parse(f, value, path, v));
        TRY(minimum_parse(r, path, v));
    }
    return SELFSAME_OK;
}

static bool
names(const void *ctx, const char *claim)
{
    const struct flat *f = ctx;

    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->list[i].path, claim) == 0)
            return true;
    return false;
}

/* "pcr.0, pcr.1", or "measurement; or id_key_digest, family_id" */
static const char *
pins_text(const char *const *pins, struct arena *arena)
{
    const char *all = "", *before = "";

    for (; *pins != NULL && all != NULL; pins++) {
        if (strcmp(*pins, PINS_OR) == 0) {
            before = "; or ";
            continue;
        }
        all = arena_printf(arena, "%s%s%s", all, before, *pins);
        before = ", ";
    }
    return all != NULL ? all : "more";
}

enum selfsame_code
refvalue_parse(const struct policy_reader *r, const json_t *entry, const char *path,
    struct measurement *ret)
{
    struct measurement_value paths[PATHS_MAX];
    struct flat f = { .r = r, .at = path, .list = paths };

    if (!json_is_object(entry))
        return policy_bad(r, path, "expected an object with \"tee\" and its values");
    const char *name = json_string_value(json_object_get(entry, "tee"));
    if (name == NULL)
        return policy_bad(r, path, "the member \"tee\" is mandatory here");
    const struct tee_facts *fact = policy_fact(r, name);
    if (fact == NULL)
        return policy_bad(
            r, path, "TEE \"%.24s\" is not one of: %s", name, policy_known_tees(r));
    const char *source = arena_printf(r->arena, "%s: %s", r->source, path);
    if (source == NULL)
        return policy_nomem(r);
    f.fact = fact;
    TRY(flatten(&f, entry, "", 0));
    if (!pins_named(fact->pins, names, &f))
        return policy_bad(r, path, "%s entries must name %s", fact->name,
            pins_text(fact->pins, r->arena));
    struct measurement_value *list = ARENA_NEW(
        r->arena, struct measurement_value, f.count + 1);
    if (list == NULL)
        return policy_nomem(r);
    memcpy(list, paths, f.count * sizeof(*list));
    *ret = (struct measurement){
        .tee = fact->name,
        .source = source,
        .paths = list,
        .count = f.count,
    };
    return SELFSAME_OK;
}

enum selfsame_code
refvalues_parse(const struct policy_reader *r, const json_t *array, const char *path,
    struct policy *p)
{
    if (!json_is_array(array))
        return policy_bad(r, path, "expected a list of measurements");
    const size_t n = json_array_size(array), old = p->measurement_count;
    struct measurement *all = ARENA_NEW(r->arena, struct measurement, old + n);

    if (all == NULL)
        return policy_nomem(r);
    if (old > 0)
        memcpy(all, p->measurements, old * sizeof(*all));
    for (size_t i = 0; i < n; i++) {
        const char *where = arena_printf(r->arena, "%s[%zu]", path, i);

        if (where == NULL)
            return policy_nomem(r);
        TRY(refvalue_parse(r, json_array_get(array, i), where, &all[old + i]));
    }
    p->measurements = all;
    p->measurement_count = old + n;
    return SELFSAME_OK;
}

/* ---- what releases promise ---- */

static enum selfsame_code
parse_object(const struct policy_reader *r, struct selfsame_bytes text, json_t **ret)
{
    TRY(json_parse(text, r->source, ret, r->e));
    return json_is_object(*ret) ? SELFSAME_OK : policy_bad(r, "", "expected an object");
}

enum selfsame_code
policy_add_reference(struct policy *p, struct selfsame_bytes entry,
    struct selfsame_bytes options, const char *source, const struct identity *identity,
    const struct tee_facts *facts, size_t fact_count, struct arena *arena,
    struct selfsame_err *e)
{
    const struct policy_reader r = {
        .text = entry,
        .source = source,
        .facts = facts,
        .fact_count = fact_count,
        .arena = arena,
        .e = e,
    };
    auto_json *j = NULL, *o = NULL;
    const size_t n = p->measurement_count;
    struct measurement *all = ARENA_NEW(arena, struct measurement, n + 1);
    struct tee_demands *d = ARENA_NEW(arena, struct tee_demands, 1);

    if (all == NULL || d == NULL)
        return policy_nomem(&r);
    TRY(parse_object(&r, entry, &j));
    TRY(parse_object(&r, options, &o));
    TRY(refvalue_parse(&r, j, "", &all[n]));
    const struct tee_facts *fact = policy_fact(&r, all[n].tee);
    *d = (struct tee_demands){
        .tee = fact->name, .rules = fact->rules, .rule_count = fact->rule_count
    };
    TRY(rules_parse(&r, o, d));
    if (n > 0)
        memcpy(all, p->measurements, n * sizeof(*all));
    all[n].source = source;
    all[n].demands = d;
    all[n].identity = identity;
    p->measurements = all;
    p->measurement_count = n + 1;
    return SELFSAME_OK;
}
