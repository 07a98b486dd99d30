/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a TEE (rules_parse.c), applied to claims. */
#include "appraise/internal.h"

#include <inttypes.h>

const struct ruling *
ruling_of(const struct tee_demands *d, const struct tee_rule *rule)
{
    for (size_t i = 0; i < d->set_count; i++)
        if (d->set[i].rule == rule)
            return &d->set[i];
    return NULL;
}

struct ruling
ruling_default(
    const struct tee_rule *rule, struct selfsame_bytes store[static RULE_DEFAULTS])
{
    struct ruling r = {
        .rule = rule, .numbers = &rule->value, .bytes = store, .count = 1
    };

    store[0] = rule->hex;
    if (rule->text == NULL)
        return r;
    for (r.count = 0; r.count < RULE_DEFAULTS && rule->text[r.count] != NULL; r.count++)
        store[r.count] = bytes_str(rule->text[r.count]);
    return r;
}

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

/* ---- one claim ---- */

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

/* Every byte of both is in the relation; other lengths are in none. */
static bool
bytewise(struct selfsame_bytes got, struct selfsame_bytes limit, enum rule_kind kind)
{
    for (size_t i = 0; i < got.len && got.len == limit.len; i++)
        if (kind == RULE_MIN_HEX ? got.ptr[i] < limit.ptr[i]
                                 : (got.ptr[i] & ~limit.ptr[i]) != 0)
            return false;
    return got.len == limit.len;
}

static bool
masked(struct selfsame_bytes got, struct selfsame_bytes value_mask)
{
    const size_t n = value_mask.len / 2;

    for (size_t i = 0; i < got.len && got.len == n; i++)
        if ((got.ptr[i] & value_mask.ptr[n + i]) != value_mask.ptr[i])
            return false;
    return got.len == n;
}

static bool
is_since(const struct ruling *ruling, const struct claim *c)
{
    char text[TIME_TEXT];
    int64_t date_s;

    if (c->bytes.len >= sizeof(text))
        return false;
    memcpy(text, c->bytes.ptr, c->bytes.len);
    text[c->bytes.len] = '\0';
    return time_parse(text, &date_s) && date_s >= 0 &&
           (uint64_t)date_s >= ruling->numbers[0];
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
        [RULE_MIN_DATE] = CLAIM_TEXT,
        [RULE_MIN_HEX] = CLAIM_BYTES,
        [RULE_WITHIN_HEX] = CLAIM_BYTES,
        [RULE_MASKED_HEX] = CLAIM_BYTES,
        [RULE_EACH_OF_TEXT] = CLAIM_TEXT,
        [RULE_NONE_OF_TEXT] = CLAIM_TEXT,
        [RULE_EXCUSE_MAX] = CLAIM_UINT,
        [RULE_EXCUSE_TRUE] = CLAIM_BOOL,
    };
    const enum rule_kind kind = ruling->rule->kind;

    if (c == NULL || kind < RULE_MIN || kind > RULE_EXCUSE_TRUE ||
        c->kind != wants[kind])
        return false;
    switch (kind) {
    case RULE_MIN: return c->number >= ruling->numbers[0];
    case RULE_ALLOW: return c->number == 0 || ruling->numbers[0] != 0;
    case RULE_REQUIRE: return c->number != 0 || ruling->numbers[0] == 0;
    case RULE_ONE_OF_UINT:
    case RULE_ONE_OF_TEXT:
    case RULE_EACH_OF_TEXT: return one_of(ruling, c);
    case RULE_ONE_OF_HEX:
        return ruling->bytes[0].len == 0 ? bytes_is_zero(c->bytes) : one_of(ruling, c);
    case RULE_NONE_OF_TEXT: return !one_of(ruling, c);
    case RULE_MIN_DATE: return is_since(ruling, c);
    case RULE_MIN_HEX:
    case RULE_WITHIN_HEX: return bytewise(c->bytes, ruling->bytes[0], kind);
    case RULE_MASKED_HEX: return masked(c->bytes, ruling->bytes[0]);
    case RULE_EXCUSE_MAX: return c->number <= ruling->numbers[0];
    case RULE_EXCUSE_TRUE: return c->number != 0 && ruling->numbers[0] != 0;
    }
    return false;
}

/* Where nothing is demanded, a claim need not be there. */
static bool
demands_nothing(const struct ruling *ruling, const struct claim *c)
{
    const enum rule_kind kind = ruling->rule->kind;

    if (c != NULL && c->kind != CLAIM_NULL)
        return false;
    return (kind == RULE_ALLOW && ruling->numbers[0] != 0) ||
           (kind == RULE_REQUIRE && ruling->numbers[0] == 0) ||
           (kind == RULE_ONE_OF_HEX && ruling->bytes[0].len == 0) ||
           (c != NULL && c->shape == CLAIM_EACH &&
               (kind == RULE_EACH_OF_TEXT || kind == RULE_NONE_OF_TEXT));
}

/* ---- a breach, for people ---- */

static const char *
value_text(const struct ruling *ruling, struct arena *arena)
{
    const char *first = NULL;

    switch (ruling->rule->kind) {
    case RULE_MIN: return arena_printf(arena, "at least %" PRIu64, ruling->numbers[0]);
    case RULE_ALLOW: return "false";
    case RULE_REQUIRE:
    case RULE_EXCUSE_TRUE: return "true";
    case RULE_EXCUSE_MAX:
        return arena_printf(arena, "at most %" PRIu64, ruling->numbers[0]);
    case RULE_ONE_OF_UINT:
        first = arena_printf(arena, "%" PRIu64, ruling->numbers[0]);
        break;
    case RULE_ONE_OF_TEXT:
    case RULE_EACH_OF_TEXT:
    case RULE_NONE_OF_TEXT:
    case RULE_MIN_DATE: first = arena_str(arena, ruling->bytes[0]); break;
    case RULE_ONE_OF_HEX:
    case RULE_MIN_HEX:
    case RULE_WITHIN_HEX:
    case RULE_MASKED_HEX:
        first = ruling->bytes[0].len == 0 ? "zero" : hex_dup(arena, ruling->bytes[0]);
        break;
    }
    if (first != NULL && ruling->count > 1)
        first = arena_printf(arena, "%s (or %zu more)", first, ruling->count - 1);
    if (first == NULL)
        return NULL;
    switch (ruling->rule->kind) {
    case RULE_NONE_OF_TEXT: return arena_printf(arena, "not %s", first);
    case RULE_MIN_DATE: return arena_printf(arena, "%s or later", first);
    case RULE_MIN_HEX: return arena_printf(arena, "each byte at least %s", first);
    case RULE_WITHIN_HEX: return arena_printf(arena, "no bit outside %s", first);
    case RULE_MASKED_HEX: return arena_printf(arena, "value and mask %s", first);
    default: return first;
    }
}

const char *
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

/* ---- one rule ---- */

static bool
is_excuse(const struct tee_rule *rule)
{
    return rule->kind == RULE_EXCUSE_MAX || rule->kind == RULE_EXCUSE_TRUE;
}

/* Only by an option that the policy sets: no breach is excused by default. */
static bool
is_excused(const struct applying *a, const struct tee_rule *rule)
{
    for (size_t i = 0; i < a->d->set_count; i++) {
        const struct ruling *x = &a->d->set[i];

        if (is_excuse(x->rule) && strcmp(x->rule->excuses, rule->option) == 0 &&
            obeys(x, claims_find(a->claims, x->rule->paths[0])))
            return true;
    }
    return false;
}

/* Of a list claim every one is looked at. */
static const struct claim *
breach_of(const struct applying *a, const struct ruling *ruling, const char *path,
    bool *ret_obeys)
{
    const struct claim *c = claims_find(a->claims, path);

    *ret_obeys = demands_nothing(ruling, c) || obeys(ruling, c);
    while (*ret_obeys && c != NULL && c->shape == CLAIM_EACH && c->kind != CLAIM_NULL) {
        const struct claim *next = claims_next(a->claims, c);

        if (next == NULL)
            break;
        c = next;
        *ret_obeys = obeys(ruling, c);
    }
    return c;
}

static void
apply(struct applying *a, const struct ruling *ruling, bool by_default)
{
    const struct tee_rule *rule = ruling->rule;

    if (is_excuse(rule) || !applies(rule, a->claims))
        return;
    if (rule->check == CHECK_TCB)
        a->minimum = true;
    for (const char *const *path = rule->paths; *path != NULL; path++) {
        bool good;
        const struct claim *c = breach_of(a, ruling, *path, &good);

        if (!good && !is_excused(a, rule))
            note_breach(a, ruling, *path, c, by_default);
    }
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
    for (size_t i = 0; i < d->rule_count; i++)
        if (d->rules[i].check == CHECK_TCB && !is_excuse(&d->rules[i]) &&
            (d->rules[i].has_default || ruling_of(d, &d->rules[i]) != NULL))
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
        struct selfsame_bytes store[RULE_DEFAULTS];
        const struct ruling silent = ruling_default(rule, store);

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
        if (a->d->set[i].rule->check == CHECK_TCB && !is_excuse(a->d->set[i].rule)) {
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

/* ---- what is weak ---- */

/* Does it accept what the default does not? */
static bool
is_wider(const struct ruling *ruling)
{
    struct selfsame_bytes store[RULE_DEFAULTS];
    const struct ruling usual = ruling_default(ruling->rule, store);

    if (ruling->rule->kind != RULE_ONE_OF_TEXT)
        return ruling->numbers[0] != 0;
    for (size_t i = 0; i < ruling->count; i++) {
        const struct claim c = { .kind = CLAIM_TEXT, .bytes = ruling->bytes[i] };

        if (!one_of(&usual, &c))
            return true;
    }
    return false;
}

static bool
is_set(const struct tee_demands *d, const char *option)
{
    for (size_t i = 0; i < d->set_count; i++)
        if (strcmp(d->set[i].rule->option, option) == 0)
            return true;
    return false;
}

const char *
rules_advice(const struct tee_demands *d, size_t *i)
{
    for (size_t k = 0; k < d->set_count; k++) {
        const struct tee_rule *rule = d->set[k].rule;

        if (rule->weak != NULL && is_wider(&d->set[k]) &&
            (rule->unless == NULL || !is_set(d, rule->unless)) && (*i)-- == 0)
            return rule->weak;
    }
    return NULL;
}
