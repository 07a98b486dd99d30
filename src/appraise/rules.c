/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a TEE: read from `"tee": {"snp": {...}}` and applied to claims, both by
 * the rules that the TEE declares as data (base/rules.h).
 */
#include "appraise/internal.h"

#include <inttypes.h>

enum { VALUES_MAX = 1024, HEX_MAX = 64, DEPTH_MAX = 4 };

/* ---- reading ---- */

struct reading {
    const struct policy_reader *r;
    struct tee_demands *d;
};

static const struct tee_rule *
rule_find(const struct tee_demands *d, const char *option)
{
    for (size_t i = 0; i < d->rule_count; i++)
        if (strcmp(d->rules[i].option, option) == 0)
            return &d->rules[i];
    return NULL;
}

/* Is this a group of options, as "min_tcb" of "min_tcb.snp"? */
static bool
is_group(const struct tee_demands *d, const char *option)
{
    const size_t len = strlen(option);

    for (size_t i = 0; i < d->rule_count; i++)
        if (strncmp(d->rules[i].option, option, len) == 0 &&
            d->rules[i].option[len] == '.')
            return true;
    return false;
}

static const char *
options_of(const struct reading *x)
{
    const char *all = NULL;

    for (size_t i = 0; i < x->d->rule_count; i++) {
        const char *option = x->d->rules[i].option;
        const char *next = arena_printf(x->r->arena, "%s%s%s", all != NULL ? all : "",
            all != NULL ? ", " : "", option);

        if (next == NULL || strlen(next) > 90)
            return all != NULL ? all : "(none)";
        all = next;
    }
    return all != NULL ? all : "(none)";
}

static enum selfsame_code
hex_value(const struct policy_reader *r, const json_t *j, const char *path,
    struct selfsame_bytes *ret)
{
    uint8_t buf[HEX_MAX];
    size_t len = 0;

    if (!json_is_string(j) ||
        !hex_decode(
            json_string_value(j), json_string_length(j), buf, sizeof(buf), &len) ||
        len == 0)
        return policy_bad(
            r, path, "expected 1 to %d bytes as hex in lower case", (int)HEX_MAX);
    if (bytes_is_zero(BYTES(buf, len)))
        return policy_bad(r, path, "all-zero values mean \"none\" and are refused");
    return arena_dup(r->arena, BYTES(buf, len), ret) ? SELFSAME_OK : policy_nomem(r);
}

static enum selfsame_code
one_value(const struct policy_reader *r, const struct tee_rule *rule, const json_t *j,
    const char *path, uint64_t *number, struct selfsame_bytes *bytes)
{
    switch (rule->kind) {
    case RULE_MIN:
    case RULE_ONE_OF_UINT:
        if (!json_is_integer(j) || json_integer_value(j) < 0)
            return policy_bad(r, path, "expected a whole number, 0 or more");
        *number = (uint64_t)json_integer_value(j);
        return SELFSAME_OK;
    case RULE_ALLOW:
    case RULE_REQUIRE:
        if (!json_is_boolean(j))
            return policy_bad(r, path, "expected true or false");
        *number = json_is_true(j);
        return SELFSAME_OK;
    case RULE_ONE_OF_TEXT:
        if (!json_is_string(j) || json_string_length(j) == 0)
            return policy_bad(r, path, "expected a string or a list of them");
        return arena_dup(r->arena, bytes_str(json_string_value(j)), bytes)
                   ? SELFSAME_OK
                   : policy_nomem(r);
    case RULE_ONE_OF_HEX: return hex_value(r, j, path, bytes);
    }
    return policy_bad(r, path, "this build has no such rule");
}

static bool
takes_list(enum rule_kind kind)
{
    return kind == RULE_ONE_OF_UINT || kind == RULE_ONE_OF_TEXT ||
           kind == RULE_ONE_OF_HEX;
}

static enum selfsame_code
ruling_parse(const struct reading *x, const struct tee_rule *rule, const json_t *j,
    const char *path)
{
    const bool list = json_is_array(j) && takes_list(rule->kind);
    const size_t n = list ? json_array_size(j) : 1;
    uint64_t *numbers = ARENA_NEW(x->r->arena, uint64_t, n + 1);
    struct selfsame_bytes *bytes = ARENA_NEW(x->r->arena, struct selfsame_bytes, n + 1);

    if (n == 0 || n > VALUES_MAX)
        return policy_bad(
            x->r, path, "expected 1 to %d values, got %zu", (int)VALUES_MAX, n);
    if (numbers == NULL || bytes == NULL)
        return policy_nomem(x->r);
    for (size_t i = 0; i < n; i++) {
        const char *where = list ? arena_printf(x->r->arena, "%s[%zu]", path, i) : path;

        if (where == NULL)
            return policy_nomem(x->r);
        TRY(one_value(x->r, rule, list ? json_array_get(j, i) : j, where, &numbers[i],
            &bytes[i]));
    }
    x->d->set[x->d->set_count++] = (struct ruling){
        .rule = rule, .numbers = numbers, .bytes = bytes, .count = n
    };
    return SELFSAME_OK;
}

static enum selfsame_code
options_walk(
    const struct reading *x, const json_t *object, const char *prefix, int depth)
{
    const struct policy_reader *r = x->r;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *option = arena_printf(r->arena, "%s%s", prefix, key);
        const char *path = option == NULL
                               ? NULL
                               : arena_printf(r->arena, "tee.%s.%s", x->d->tee, option);
        const struct tee_rule *rule = NULL;

        if (path == NULL)
            return policy_nomem(r);
        if (strchr(key, '.') == NULL)
            rule = rule_find(x->d, option);
        if (rule == NULL && json_is_object(value) && depth < DEPTH_MAX &&
            is_group(x->d, option)) {
            const char *inner = arena_printf(r->arena, "%s.", option);

            if (inner == NULL)
                return policy_nomem(r);
            TRY(options_walk(x, value, inner, depth + 1));
            continue;
        }
        if (rule == NULL)
            return policy_bad(r, path,
                is_group(x->d, option) ? "expected an object, in %s: %s"
                                       : "%s has no such option; it has %s",
                x->d->tee, options_of(x));
        TRY(ruling_parse(x, rule, value, path));
    }
    return SELFSAME_OK;
}

enum selfsame_code
rules_parse(const struct policy_reader *r, const json_t *options, struct tee_demands *d)
{
    const struct reading x = { .r = r, .d = d };

    d->set = ARENA_NEW(r->arena, struct ruling, d->rule_count + 1);
    if (d->set == NULL)
        return policy_nomem(r);
    d->set_count = 0;
    return options_walk(&x, options, "", 0);
}

/* ---- applying ---- */

struct applying {
    const struct tee_demands *d;
    const char *said_by; /* "policy" */
    const struct selfsame_claims *claims;
    struct arena *arena;
    struct check breach[CHECK_COUNT]; /* the first; outcome CHECK_MISSING: none */
    size_t breaches[CHECK_COUNT];
    bool minimum; /* one of CHECK_TCB was applied */
};

static bool
applies(const struct tee_rule *rule, const struct selfsame_claims *c)
{
    if (rule->is == NULL)
        return true;
    const struct claim *when = claims_find(c, rule->when);
    return when != NULL && when->kind == CLAIM_TEXT &&
           bytes_eq(when->bytes, bytes_str(rule->is));
}

static bool
one_of(const struct ruling *ruling, const struct claim *c)
{
    for (size_t i = 0; i < ruling->count; i++) {
        if (ruling->rule->kind == RULE_ONE_OF_UINT
                ? c->number == ruling->numbers[i]
                : bytes_eq(c->bytes, ruling->bytes[i]))
            return true;
    }
    return false;
}

/* An absent claim, or one of another kind, obeys nothing. */
static bool
obeys(const struct ruling *ruling, const struct claim *c)
{
    static const enum claim_kind wants[] = {
        [RULE_MIN] = CLAIM_UINT,
        [RULE_ONE_OF_UINT] = CLAIM_UINT,
        [RULE_ONE_OF_TEXT] = CLAIM_TEXT,
        [RULE_ONE_OF_HEX] = CLAIM_BYTES,
        [RULE_ALLOW] = CLAIM_BOOL,
        [RULE_REQUIRE] = CLAIM_BOOL,
    };
    const enum rule_kind kind = ruling->rule->kind;

    if (c == NULL || kind < RULE_MIN || kind > RULE_REQUIRE || c->kind != wants[kind])
        return false;
    switch (kind) {
    case RULE_MIN: return c->number >= ruling->numbers[0];
    case RULE_ALLOW: return c->number == 0 || ruling->numbers[0] != 0;
    case RULE_REQUIRE: return c->number != 0 || ruling->numbers[0] == 0;
    case RULE_ONE_OF_UINT:
    case RULE_ONE_OF_TEXT:
    case RULE_ONE_OF_HEX: return one_of(ruling, c);
    }
    return false;
}

static const char *
value_text(const struct ruling *ruling, struct arena *arena)
{
    const char *first = NULL;

    switch (ruling->rule->kind) {
    case RULE_MIN: return arena_printf(arena, "at least %" PRIu64, ruling->numbers[0]);
    case RULE_ALLOW: return "false";
    case RULE_REQUIRE: return "true";
    case RULE_ONE_OF_UINT:
        first = arena_printf(arena, "%" PRIu64, ruling->numbers[0]);
        break;
    case RULE_ONE_OF_TEXT: first = arena_str(arena, ruling->bytes[0]); break;
    case RULE_ONE_OF_HEX: first = hex_dup(arena, ruling->bytes[0]); break;
    }
    return first == NULL || ruling->count == 1
               ? first
               : arena_printf(arena, "%s (or %zu more)", first, ruling->count - 1);
}

static const char *
claim_text(const struct claim *c, struct arena *arena)
{
    if (c == NULL || c->kind == CLAIM_NULL)
        return "nothing of that name";
    switch (c->kind) {
    case CLAIM_TEXT: return arena_str(arena, c->bytes);
    case CLAIM_BYTES: return hex_dup(arena, c->bytes);
    case CLAIM_UINT: return arena_printf(arena, "%" PRIu64, c->number);
    case CLAIM_BOOL: return c->number != 0 ? "true" : "false";
    case CLAIM_NULL: break;
    }
    return "nothing";
}

static void
note_breach(struct applying *a, const struct ruling *ruling, const char *path,
    const struct claim *c, bool by_default)
{
    const struct tee_rule *rule = ruling->rule;
    struct check *k = &a->breach[rule->check];

    if (a->breaches[rule->check]++ > 0)
        return;
    *k = (struct check){
        .outcome = CHECK_FAIL,
        .code = rule->code,
        .expected = value_text(ruling, a->arena),
        .got = claim_text(c, a->arena),
        .source = arena_printf(a->arena, "%s tee.%s.%s",
            by_default ? "default of" : a->said_by, a->d->tee, rule->option),
        .detail = arena_printf(a->arena, "%s: %s", path, rule->help),
    };
}

static void
apply(struct applying *a, const struct ruling *ruling, bool by_default)
{
    const struct tee_rule *rule = ruling->rule;

    if (!applies(rule, a->claims))
        return;
    if (rule->check == CHECK_TCB)
        a->minimum = true;
    for (const char *const *path = rule->paths; *path != NULL; path++) {
        const struct claim *c = claims_find(a->claims, *path);

        if (!obeys(ruling, c))
            note_breach(a, ruling, *path, c, by_default);
    }
}

static const struct ruling *
ruling_of(const struct tee_demands *d, const struct tee_rule *rule)
{
    for (size_t i = 0; i < d->set_count; i++)
        if (d->set[i].rule == rule)
            return &d->set[i];
    return NULL;
}

static void
put_breach(struct applying *a, enum check_name name, struct checks *checks)
{
    struct check k = a->breach[name];

    if (a->breaches[name] == 0 || checks->at[name].outcome == CHECK_SKIPPED)
        return;
    k.spec = checks->at[name].spec;
    if (a->breaches[name] > 1)
        k.detail = arena_printf(
            a->arena, "%s; and %zu more", k.detail, a->breaches[name] - 1);
    checks_put(checks, name, k);
}

static bool
has_minima(const struct tee_demands *d)
{
    for (size_t i = 0; i < d->rule_count; i++)
        if (d->rules[i].check == CHECK_TCB)
            return true;
    return false;
}

const struct tee_demands *
policy_demands(const struct policy *p, const char *tee)
{
    for (size_t i = 0; i < p->tee_count; i++)
        if (strcmp(p->demands[i].tee, tee) == 0)
            return &p->demands[i];
    return NULL;
}

bool
demands_minimum(const struct tee_demands *d)
{
    for (size_t i = 0; i < d->set_count; i++)
        if (d->set[i].rule->check == CHECK_TCB)
            return true;
    return !has_minima(d);
}

/*
 * Minima are set, and none is about this platform: whoever set them did not mean to
 * take every level of another one.
 */
static void
note_inapplicable(struct applying *a)
{
    a->breaches[CHECK_TCB]++;
    a->breach[CHECK_TCB] = (struct check){
        .outcome = CHECK_FAIL,
        .code = SELFSAME_TCB,
        .expected = "a minimum for this platform",
        .got = "minima for others only",
        .source = arena_printf(a->arena, "%s tee.%s", a->said_by, a->d->tee),
        .detail = "minima are set, but none for this platform",
    };
}

void
rules_appraise(const struct policy *p, const struct selfsame_claims *c,
    struct arena *arena, struct checks *checks)
{
    struct applying a = { .d = policy_demands(p, c->tee),
        .said_by = "policy:",
        .claims = c,
        .arena = arena };
    struct check *tcb = &checks->at[CHECK_TCB];

    if (a.d == NULL) /* the policy check says so already */
        return;
    for (size_t i = 0; i < a.d->rule_count; i++) {
        const struct tee_rule *rule = &a.d->rules[i];
        const struct ruling *set = ruling_of(a.d, rule);
        const struct ruling silent = {
            .rule = rule, .numbers = &rule->value, .count = 1
        };

        if (set != NULL)
            apply(&a, set, false);
        else if (rule->has_default)
            apply(&a, &silent, true);
    }
    if (!a.minimum && has_minima(a.d) && demands_minimum(a.d))
        note_inapplicable(&a);
    put_breach(&a, CHECK_TCB, checks);
    put_breach(&a, CHECK_POLICY, checks);
    if (!a.minimum && has_minima(a.d) && tcb->outcome == CHECK_PASS)
        tcb->detail = arena_printf(arena,
            "%s; the policy demands no minimum, so old firmware passes", tcb->detail);
}

/* ---- what a reference value demands ---- */

static void
apply_set(struct applying *a)
{
    for (size_t i = 0; i < a->d->set_count; i++)
        apply(a, &a->d->set[i], false);
    for (size_t i = 0; i < a->d->set_count && !a->minimum; i++)
        if (a->d->set[i].rule->check == CHECK_TCB) {
            note_inapplicable(a);
            return;
        }
}

bool
demands_hold(const struct measurement *m, const struct selfsame_claims *c)
{
    auto_arena arena = arena_new(64 << 10); /* of texts that nobody reads */
    struct applying a = {
        .d = m->demands, .said_by = "", .claims = c, .arena = &arena
    };

    if (m->demands == NULL)
        return true;
    apply_set(&a);
    return a.breaches[CHECK_TCB] == 0 && a.breaches[CHECK_POLICY] == 0;
}

void
demands_appraise(const struct measurement *m, const struct selfsame_claims *c,
    struct arena *arena, struct checks *checks)
{
    struct applying a = { .d = m->demands, .claims = c, .arena = arena };

    if (m->demands == NULL)
        return;
    a.said_by = arena_printf(arena, "%s:", m->source);
    if (a.said_by == NULL)
        a.said_by = "release:";
    apply_set(&a);
    put_breach(&a, CHECK_TCB, checks);
    put_breach(&a, CHECK_POLICY, checks);
}

/* ---- writing back ---- */

static json_t *
value_json(const struct ruling *ruling, size_t i)
{
    switch (ruling->rule->kind) {
    case RULE_MIN:
    case RULE_ONE_OF_UINT: return json_integer((json_int_t)ruling->numbers[i]);
    case RULE_ALLOW:
    case RULE_REQUIRE: return json_boolean(ruling->numbers[i] != 0);
    case RULE_ONE_OF_TEXT:
        return json_stringn((const char *)ruling->bytes[i].ptr, ruling->bytes[i].len);
    case RULE_ONE_OF_HEX: return json_hex(ruling->bytes[i]);
    }
    return NULL;
}

json_t *
ruling_json(const struct ruling *ruling)
{
    if (!takes_list(ruling->rule->kind))
        return value_json(ruling, 0);
    json_t *list = json_array();
    for (size_t i = 0; i < ruling->count; i++)
        if (json_array_append_new(list, value_json(ruling, i)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}
