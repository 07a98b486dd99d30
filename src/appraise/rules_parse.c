/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a TEE: read from `"tee": {"snp": {...}}` by the rules that the TEE declares
 * as data (base/rules.h), and written back. rules.c applies them to claims.
 */
#include "appraise/internal.h"

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

/* ---- one value ---- */

static enum selfsame_code
hex_value(const struct policy_reader *r, const struct tee_rule *rule, const json_t *j,
    const char *path, struct selfsame_bytes *ret)
{
    uint8_t buf[HEX_MAX];
    size_t len = 0;

    if (!json_is_string(j) ||
        !hex_decode(
            json_string_value(j), json_string_length(j), buf, sizeof(buf), &len) ||
        len == 0)
        return policy_bad(
            r, path, "expected 1 to %d bytes as hex in lower case", (int)HEX_MAX);
    if (!rule->zero_ok && bytes_is_zero(BYTES(buf, len)))
        return policy_bad(r, path, "all-zero values mean \"none\" and are refused");
    return arena_dup(r->arena, BYTES(buf, len), ret) ? SELFSAME_OK : policy_nomem(r);
}

/*
 * "value/mask", as many bytes each; no bit of value outside mask, and a mask of zeros
 * would look at nothing. Kept one behind the other.
 */
static enum selfsame_code
masked_value(const struct policy_reader *r, const json_t *j, const char *path,
    struct selfsame_bytes *ret)
{
    const char *text = json_is_string(j) ? json_string_value(j) : "";
    const char *slash = strchr(text, '/');
    uint8_t buf[2 * HEX_MAX];
    size_t n = 0, m = 0;
    bool good = slash != NULL &&
                hex_decode(text, (size_t)(slash - text), buf, HEX_MAX, &n) && n > 0 &&
                hex_decode(slash + 1, strlen(slash + 1), buf + n, HEX_MAX, &m) &&
                m == n && !bytes_is_zero(BYTES(buf + n, n));

    for (size_t i = 0; good && i < n; i++)
        good = (buf[i] & ~buf[n + i]) == 0;
    if (!good)
        return policy_bad(r, path,
            "expected \"value/mask\", hex of one length, value within mask, mask not "
            "zero");
    return arena_dup(r->arena, BYTES(buf, 2 * n), ret) ? SELFSAME_OK : policy_nomem(r);
}

/* "UpToDate, OutOfDate" */
static const char *
words_of(const struct policy_reader *r, const char *const *words)
{
    const char *all = "";

    for (size_t i = 0; words[i] != NULL && all != NULL; i++)
        all = arena_printf(r->arena, "%s%s%s", all, i > 0 ? ", " : "", words[i]);
    return all != NULL ? all : "another word";
}

static enum selfsame_code
text_value(const struct policy_reader *r, const struct tee_rule *rule, const json_t *j,
    const char *path, struct selfsame_bytes *ret)
{
    bool known = rule->words == NULL;

    if (!json_is_string(j) || json_string_length(j) == 0)
        return policy_bad(r, path, "expected a string or a list of them");
    for (size_t i = 0; !known && rule->words[i] != NULL; i++)
        known = strcmp(rule->words[i], json_string_value(j)) == 0;
    if (!known)
        return policy_bad(r, path,
            "\"%.40s\" can never be accepted here; there are: %s", json_string_value(j),
            words_of(r, rule->words));
    return arena_dup(r->arena, bytes_str(json_string_value(j)), ret) ? SELFSAME_OK
                                                                     : policy_nomem(r);
}

static enum selfsame_code
date_value(const struct policy_reader *r, const struct tee_rule *rule, const json_t *j,
    const char *path, uint64_t *number, struct selfsame_bytes *bytes)
{
    int64_t date_s = 0;

    if (!json_is_string(j) || !time_parse(json_string_value(j), &date_s) || date_s < 0)
        return policy_bad(r, path, "expected a time such as \"2026-01-02T03:04:05Z\"");
    *number = (uint64_t)date_s;
    return text_value(r, rule, j, path, bytes);
}

static enum selfsame_code
one_value(const struct policy_reader *r, const struct tee_rule *rule, const json_t *j,
    const char *path, uint64_t *number, struct selfsame_bytes *bytes)
{
    switch (rule->kind) {
    case RULE_MIN:
    case RULE_ONE_OF_UINT:
    case RULE_EXCUSE_MAX:
        if (!json_is_integer(j) || json_integer_value(j) < 0)
            return policy_bad(r, path, "expected a whole number, 0 or more");
        *number = (uint64_t)json_integer_value(j);
        return SELFSAME_OK;
    case RULE_ALLOW:
    case RULE_REQUIRE:
    case RULE_EXCUSE_TRUE:
        if (!json_is_boolean(j))
            return policy_bad(r, path, "expected true or false");
        *number = json_is_true(j);
        return SELFSAME_OK;
    case RULE_ONE_OF_TEXT:
    case RULE_EACH_OF_TEXT:
    case RULE_NONE_OF_TEXT: return text_value(r, rule, j, path, bytes);
    case RULE_MIN_DATE: return date_value(r, rule, j, path, number, bytes);
    case RULE_ONE_OF_HEX:
    case RULE_MIN_HEX:
    case RULE_WITHIN_HEX: return hex_value(r, rule, j, path, bytes);
    case RULE_MASKED_HEX: return masked_value(r, j, path, bytes);
    }
    return policy_bad(r, path, "this build has no such rule");
}

static bool
takes_list(enum rule_kind kind)
{
    return kind == RULE_ONE_OF_UINT || kind == RULE_ONE_OF_TEXT ||
           kind == RULE_ONE_OF_HEX || kind == RULE_EACH_OF_TEXT ||
           kind == RULE_NONE_OF_TEXT;
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

/* ---- writing back ---- */

static json_t *
masked_json(struct selfsame_bytes b)
{
    char hex[4 * HEX_MAX + 1];
    const size_t digits = b.len; /* of each half */

    hex_encode(b, hex);
    return json_sprintf("%.*s/%s", (int)digits, hex, hex + digits);
}

static json_t *
value_json(const struct ruling *ruling, size_t i)
{
    switch (ruling->rule->kind) {
    case RULE_MIN:
    case RULE_ONE_OF_UINT:
    case RULE_EXCUSE_MAX: return json_integer((json_int_t)ruling->numbers[i]);
    case RULE_ALLOW:
    case RULE_REQUIRE:
    case RULE_EXCUSE_TRUE: return json_boolean(ruling->numbers[i] != 0);
    case RULE_ONE_OF_TEXT:
    case RULE_EACH_OF_TEXT:
    case RULE_NONE_OF_TEXT:
    case RULE_MIN_DATE:
        return json_stringn((const char *)ruling->bytes[i].ptr, ruling->bytes[i].len);
    case RULE_ONE_OF_HEX:
    case RULE_MIN_HEX:
    case RULE_WITHIN_HEX:
        /* Empty is a default's alone: it means zeros. */
        return ruling->bytes[i].len == 0 ? json_string("zero")
                                         : json_hex(ruling->bytes[i]);
    case RULE_MASKED_HEX: return masked_json(ruling->bytes[i]);
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
