/* SPDX-License-Identifier: Apache-2.0 */
/* A policy as the file it would be, as sentences, and what is weak about it. */
#include "appraise/internal.h"
#include "appraise/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- JSON ---- */

/* The object that holds the last part of a dotted path; made as needed. */
static json_t *
place_of(json_t *root, const char **path)
{
    char part[64];

    for (size_t len; (*path)[len = strcspn(*path, ".")] == '.'; *path += len + 1) {
        if (len >= sizeof(part))
            return NULL;
        memcpy(part, *path, len);
        part[len] = '\0';
        json_t *inner = json_object_get(root, part);
        if (inner == NULL && json_object_set_new(root, part, json_object()) != 0)
            return NULL;
        root = inner != NULL ? inner : json_object_get(root, part);
    }
    return root;
}

static bool
values_put(json_t *entry, const struct measurement_value *v)
{
    const char *name = v->path;
    json_t *place = place_of(entry, &name), *list = json_array();

    if (json_object_set_new(place, name, list) != 0)
        return false;
    if (v->minimum)
        return json_object_set_new(
                   place, name, json_integer((json_int_t)v->numbers[0])) == 0;
    for (size_t i = 0; i < v->count; i++)
        if (json_array_append_new(
                list, v->values != NULL ? json_hex(v->values[i])
                                        : json_integer((json_int_t)v->numbers[i])) != 0)
            return false;
    return true;
}

static bool
measurements_put(json_t *root, const struct policy *p)
{
    json_t *list = json_array();
    bool good = json_object_set_new(root, "measurements", list) == 0;

    for (size_t i = 0; i < p->measurement_count && good; i++) {
        const struct measurement *m = &p->measurements[i];
        json_t *entry = json_object();

        good = json_array_append_new(list, entry) == 0 &&
               json_object_set_new(entry, "tee", json_string(m->tee)) == 0;
        for (size_t k = 0; k < m->count && good; k++)
            good = values_put(entry, &m->paths[k]);
    }
    return good;
}

static bool
tees_put(json_t *root, const struct policy *p)
{
    json_t *tees = json_object();
    bool good = json_object_set_new(root, "tee", tees) == 0;

    for (size_t i = 0; i < p->tee_count; i++) {
        const struct tee_demands *d = &p->demands[i];
        json_t *options = json_object();

        good = good && json_object_set_new(tees, d->tee, options) == 0;
        for (size_t k = 0; good && k < d->set_count; k++) {
            const char *name = d->set[k].rule->option;
            json_t *place = place_of(options, &name);

            good = json_object_set_new(place, name, ruling_json(&d->set[k])) == 0;
        }
    }
    return good;
}

/* The largest unit that says it exactly, as the parser reads it. */
void
duration_text(int64_t ms, char ret[static 32])
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = { { 86400000, 'd' }, { 3600000, 'h' }, { 60000, 'm' }, { 1, 's' } };
    size_t i = 0;

    while (i + 1 < COUNT(units) && ms % units[i].ms != 0)
        i++;
    if (units[i].unit == 's')
        ms = (ms + 999) / 1000;
    else
        ms /= units[i].ms;
    (void)snprintf(ret, 32, "%" PRId64 "%c", ms, units[i].unit);
}

static bool
freshness_put(json_t *root, const struct policy *p)
{
    json_t *f = json_object();
    char age[32];

    if (!p->nonce && p->max_age_ms <= 0) {
        json_decref(f);
        return true;
    }
    duration_text(p->max_age_ms, age);
    return json_object_set_new(root, "freshness", f) == 0 &&
           (!p->nonce || json_object_set_new(f, "nonce", json_true()) == 0) &&
           (p->max_age_ms <= 0 ||
               json_object_set_new(f, "max_age", json_string(age)) == 0);
}

static bool
insecure_put(json_t *root, const struct policy *p)
{
    json_t *list = json_array();
    bool good = json_object_set_new(root, "insecure", list) == 0;

    for (unsigned bit = 1; bit <= INSECURE_ANY_TCB; bit <<= 1)
        if (p->insecure & bit)
            good = good &&
                   json_array_append_new(list, json_string(insecure_word(bit))) == 0;
    return good;
}

enum selfsame_code
policy_to_json(const struct policy *p, char **ret, struct selfsame_err *e)
{
    auto_json *root = json_object();
    bool good = json_object_set_new(root, "selfsame_policy", json_integer(1)) == 0 &&
                tees_put(root, p) && measurements_put(root, p) &&
                freshness_put(root, p);

    if (good && p->release_count > 0)
        good = releases_put(root, p);
    if (good && p->binding != BINDING_NONE)
        good = json_object_set_new(root, "binding",
                   json_string(p->binding == BINDING_SESSION ? "session" : "key")) == 0;
    char *text = good && insecure_put(root, p) ? json_pretty(root) : NULL;
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the policy as JSON");
    *ret = text;
    return SELFSAME_OK;
}

/* ---- what is weak ---- */

static const struct {
    unsigned bit;
    const char *text;
} weak[] = {
    { INSECURE_ANY_MEASUREMENT, "any-measurement: any code at all is accepted" },
    { INSECURE_ANY_AGE, "any-age: old evidence can be replayed" },
    { INSECURE_UNBOUND, "unbound: evidence of another machine can be relayed" },
    { INSECURE_DEBUG, "debug: the operator may read and change everything inside" },
    { INSECURE_NO_REVOCATION, "no-revocation: keys known to be stolen are accepted" },
    { INSECURE_SIMULATED,
        "simulated: anybody can make such evidence, without hardware" },
    { INSECURE_ANY_TCB, "any-tcb: firmware with known holes is accepted" },
};

static bool
measures(const struct policy *p, const char *tee)
{
    for (size_t i = 0; i < p->measurement_count; i++)
        if (strcmp(p->measurements[i].tee, tee) == 0)
            return true;
    return false;
}

/* Of the entries of one TEE: whether one names none of these paths. */
static bool
one_lacks(const struct policy *p, const char *tee, const char *const *paths)
{
    for (size_t i = 0; i < p->measurement_count; i++) {
        const struct measurement *m = &p->measurements[i];
        bool named = strcmp(m->tee, tee) != 0;

        for (size_t k = 0; k < m->count; k++)
            for (const char *const *path = paths; *path != NULL; path++)
                named = named || strcmp(m->paths[k].path, *path) == 0;
        if (!named)
            return true;
    }
    return false;
}

static const char *
tee_advice(const struct policy *p, size_t *i)
{
    for (size_t t = 0; t < p->tee_count; t++) {
        const struct tee_demands *d = &p->demands[t];
        const char *said = rules_advice(d, i);

        if (said != NULL)
            return said;
        for (size_t k = 0; k < d->advice_count; k++)
            if (one_lacks(p, d->tee, d->advice[k].paths) && (*i)-- == 0)
                return d->advice[k].text;
    }
    return NULL;
}

const char *
policy_advice(const struct policy *p, size_t i)
{
    const bool any = p->insecure & INSECURE_ANY_MEASUREMENT;
    bool unmeasured = false, unlisted = false, no_minimum = false;

    for (size_t t = 0; t < p->tee_count; t++) {
        unmeasured = unmeasured || !measures(p, p->tees[t]);
        no_minimum = no_minimum || !demands_minimum(&p->demands[t]);
    }
    for (size_t m = 0; m < p->measurement_count; m++)
        unlisted = unlisted || !policy_accepts_tee(p, p->measurements[m].tee);
    if (p->tee_count == 0 && i-- == 0)
        return "no TEE is accepted, so all evidence is refused: add \"tee\"";
    if (unmeasured && !any && p->release_count == 0 && i-- == 0)
        return "an accepted TEE has no measurement, so all its evidence is refused";
    if (unlisted && i-- == 0)
        return "a measurement is of a TEE that \"tee\" does not list: it is never used";
    if (p->release_count > 0 && p->measurement_count > 0 && i-- == 0)
        return "measurements stand beside releases: evidence that matches one of them "
               "passes without any log";
    const char *of_tee = tee_advice(p, &i);
    if (of_tee != NULL)
        return of_tee;
    for (size_t n = 0; n < p->release_count; n++) {
        const char *said = release_advice(&p->releases[n], &i);

        if (said != NULL)
            return said;
    }
    if (!p->nonce && p->max_age_ms > 86400000 && i-- == 0)
        return "max_age is over a day and no nonce is demanded: replays live that long";
    if (p->binding == BINDING_KEY && i-- == 0)
        return "binding \"key\": whoever gets the key can pose as the service; "
               "\"session\" is stronger";
    if (no_minimum && !(p->insecure & INSECURE_ANY_TCB) && i-- == 0)
        return "an accepted TEE has firmware levels and no minimum is set: add "
               "\"min_tcb\", or old firmware with known holes passes";
    for (size_t w = 0; w < COUNT(weak); w++)
        if ((p->insecure & weak[w].bit) && i-- == 0)
            return weak[w].text;
    return NULL;
}

/* ---- sentences ---- */

/* "vmpl = 0 (default): …" for every rule that is applied. */
static void
draw_rules(struct writer *w, const struct tee_demands *d)
{
    for (size_t i = 0; i < d->rule_count; i++) {
        const struct tee_rule *rule = &d->rules[i];
        struct selfsame_bytes store[RULE_DEFAULTS];
        const struct ruling silent = ruling_default(rule, store);
        const struct ruling *ruling = ruling_of(d, rule);

        if (ruling == NULL && rule->has_default)
            ruling = &silent;
        auto_json *value = ruling != NULL ? ruling_json(ruling) : NULL;
        char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
        if (text != NULL) {
            put_str(w, "             ");
            put_str(w, rule->option);
            put_str(w, " = ");
            put_safe_str(w, text);
            put_str(w, ruling == &silent ? " (default): " : ": ");
            put_str(w, rule->help);
            put_str(w, "\n");
        }
        free(text);
    }
}

static void
draw_tees(struct writer *w, const struct policy *p)
{
    put_str(w, "hardware     evidence of ");
    for (size_t i = 0; i < p->tee_count; i++) {
        put_str(w, i > 0 ? ", " : "");
        put_str(w, p->tees[i]);
    }
    put_str(w, p->tee_count == 0 ? "no TEE at all" : "");
    put_str(w, p->insecure & INSECURE_SIMULATED ? "; also simulated\n"
                                                : "; never simulated\n");
    for (size_t i = 0; i < p->tee_count; i++)
        draw_rules(w, &p->demands[i]);
}

static void
draw_value(struct writer *w, const struct measurement_value *v)
{
    for (size_t i = 0; i < v->count; i++) {
        const bool bytes = v->values != NULL;
        const struct claim value = {
            .kind = bytes ? CLAIM_BYTES : CLAIM_UINT,
            .bytes = bytes ? v->values[i] : BYTES_NONE,
            .number = bytes ? 0 : v->numbers[i],
        };

        put_str(w, "               ");
        put_safe_str(w, v->claim);
        put_str(w, i > 0 ? " or " : v->minimum ? " >= " : " = ");
        put_claim(w, &value, false);
        put_str(w, "\n");
    }
}

static void
draw_code(struct writer *w, const struct policy *p)
{
    if (p->insecure & INSECURE_ANY_MEASUREMENT)
        put_str(w, "code         any (insecure)\n");
    else if (p->measurement_count == 0 && p->release_count > 0)
        put_str(w, "code         what these releases promise\n");
    else if (p->measurement_count == 0)
        put_str(w, "code         none is known, so all is refused\n");
    else if (p->release_count > 0)
        put_str(w, "code         one of these, every value of it, or what the releases "
                   "promise\n");
    else
        put_str(w, "code         exactly one of these, every value of it\n");
    for (size_t i = 0; i < p->measurement_count; i++) {
        put_str(w, "             - ");
        put_str(w, p->measurements[i].tee);
        put_str(w, "\n");
        for (size_t k = 0; k < p->measurements[i].count; k++)
            draw_value(w, &p->measurements[i].paths[k]);
    }
    for (size_t i = 0; i < p->release_count; i++)
        release_draw(w, &p->releases[i]);
}

static void
draw_freshness(struct writer *w, const struct policy *p)
{
    char age[32];

    put_str(w, "freshness    ");
    if (p->nonce)
        put_str(w, "it must answer a nonce of this very request");
    if (p->max_age_ms > 0) {
        duration_text(p->max_age_ms, age);
        put_str(w, p->nonce ? ", and it must be at most " : "it must be at most ");
        put_str(w, age);
        put_str(w, " old");
    }
    if (!p->nonce && p->max_age_ms <= 0)
        put_str(w, "none is demanded");
    put_str(w, p->insecure & INSECURE_ANY_AGE ? " (insecure: any age passes)\n" : "\n");
}

static void
draw_binding(struct writer *w, const struct policy *p)
{
    put_str(w, "binding      ");
    if (p->binding == BINDING_SESSION)
        put_str(w, "it must be about this very TLS session");
    else if (p->binding == BINDING_KEY)
        put_str(w, "it must be about the expected key, or this very TLS session");
    else
        put_str(w, "none is demanded");
    put_str(w, p->insecure & INSECURE_UNBOUND ? " (insecure: unbound passes)\n" : "\n");
}

static void
draw(struct writer *w, const void *ctx)
{
    const struct policy *p = ctx;
    const char *advice;

    put_str(w, "A service is accepted when all of this holds:\n");
    draw_tees(w, p);
    draw_code(w, p);
    draw_freshness(w, p);
    draw_binding(w, p);
    put_str(w, p->insecure & INSECURE_DEBUG ? "debug mode   on or off (insecure)\n"
                                            : "debug mode   off\n");
    for (size_t i = 0; (advice = policy_advice(p, i)) != NULL; i++) {
        put_str(w, "warning: ");
        put_str(w, advice);
        put_str(w, "\n");
    }
}

enum selfsame_code
policy_to_text(const struct policy *p, char **ret, struct selfsame_err *e)
{
    return report_render(draw, p, ret, e);
}
