/* SPDX-License-Identifier: Apache-2.0 */
/* The releases of a policy as JSON, as sentences, and what is weak about them. */
#include "appraise/internal.h"
#include "appraise/report.h"
#include "codec/pem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- JSON ---- */

static json_t *
keys_json(const struct selfsame_bytes *keys, size_t count)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < count; i++) {
        char *text = malloc(BASE64_SIZE(keys[i].len));

        if (text != NULL)
            (void)base64_encode(keys[i], false, text);
        int bad = json_array_append_new(list, json_string(text));
        free(text);
        if (bad != 0)
            return NULL;
    }
    return json_incref(list);
}

static bool
put_text(json_t *to, const char *key, const struct policy_text *t)
{
    if (t->name != NULL)
        return json_object_set_new(to, key, json_string(t->name)) == 0;
    return json_object_set_new(
               to, key, json_stringn((const char *)t->text.ptr, t->text.len)) == 0;
}

static bool
put_uint(json_t *to, const char *key, uint64_t n)
{
    return n == 0 || json_object_set_new(to, key, json_integer((json_int_t)n)) == 0;
}

static bool
put_log(json_t *to, const struct release_demand *d)
{
    char age[32];

    duration_text(d->max_index_age_ms, age);
    return json_object_set_new(
               to, "publisher", keys_json(d->publishers, d->publisher_count)) == 0 &&
           put_uint(to, "threshold", d->threshold) &&
           put_text(to, "trust", &d->trust) &&
           (d->max_index_age_ms == 0 ||
               json_object_set_new(to, "max_index_age", json_string(age)) == 0) &&
           put_uint(to, "min_rebuilders", d->min_rebuilders) &&
           (d->rebuilder_count == 0 ||
               json_object_set_new(to, "rebuilders",
                   keys_json(d->rebuilders, d->rebuilder_count)) == 0);
}

static bool
put_sigstore(json_t *to, const struct release_demand *d)
{
    json_t *s = json_pack("{s:s, s:s}", "identity", d->identity, "issuer", d->issuer);

    return json_object_set_new(to, "sigstore", s) == 0 &&
           put_text(s, "trusted_root", &d->trusted_root);
}

bool
releases_put(json_t *root, const struct policy *p)
{
    json_t *list = json_array();
    bool good = json_object_set_new(root, "releases", list) == 0;

    for (size_t i = 0; i < p->release_count && good; i++) {
        const struct release_demand *d = &p->releases[i];
        json_t *one = json_pack("{s:s}", "name", d->name);

        good = json_array_append_new(list, one) == 0 &&
               put_uint(one, "min_sequence", d->min_sequence) &&
               (d->publisher_count == 0 || put_log(one, d)) &&
               (d->identity == NULL || put_sigstore(one, d));
    }
    return good;
}

/* ---- what is weak ---- */

static bool
rebuilds_own(const struct release_demand *d)
{
    for (size_t i = 0; i < d->publisher_count; i++)
        for (size_t k = 0; k < d->rebuilder_count; k++)
            if (bytes_eq(d->publishers[i], d->rebuilders[k]))
                return true;
    return false;
}

const char *
release_advice(const struct release_demand *d, size_t *i)
{
    if (d->max_index_age_ms == 0 && d->publisher_count > 0 && (*i)-- == 0)
        return "a release needs no index: one that was revoked passes until its "
               "validity ends; add \"max_index_age\"";
    if (rebuilds_own(d) && (*i)-- == 0)
        return "a publisher's key stands among the rebuilders: a rebuild vouches for a "
               "release only when somebody else made it";
    if (d->identity != NULL && (d->max_index_age_ms > 0 || d->min_rebuilders > 0) &&
        (*i)-- == 0)
        return "a bundle of Sigstore needs neither index nor rebuilders: \"sigstore\" "
               "beside them lets releases pass without";
    return NULL;
}

/* ---- sentences ---- */

static void
draw_number(struct writer *w, uint64_t n)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, n);
    put_str(w, text);
}

void
release_draw(struct writer *w, const struct release_demand *d)
{
    char age[32];

    put_str(w, "release      ");
    put_safe_str(w, d->name);
    if (d->publisher_count > 0) {
        put_str(w, ": in a log of ");
        put_safe_str(w, d->trust.name != NULL ? d->trust.name : "this policy");
        put_str(w, ", signed by ");
        draw_number(w, d->threshold);
        put_str(w, " of ");
        draw_number(w, d->publisher_count);
        put_str(w, " publishers");
    }
    if (d->identity != NULL) {
        put_str(w, d->publisher_count > 0 ? "; or a Sigstore bundle of "
                                          : ": a Sigstore bundle of ");
        put_safe_str(w, d->identity);
        put_str(w, " by ");
        put_safe_str(w, d->issuer);
    }
    put_str(w, "\n");
    if (d->min_sequence > 0) {
        put_str(w, "             sequence ");
        draw_number(w, d->min_sequence);
        put_str(w, " or later\n");
    }
    if (d->max_index_age_ms > 0) {
        duration_text(d->max_index_age_ms, age);
        put_str(w, "             current in an index that witnesses saw in the last ");
        put_str(w, age);
        put_str(w, "\n");
    }
    if (d->min_rebuilders > 0) {
        put_str(w, "             rebuilt alike by ");
        draw_number(w, d->min_rebuilders);
        put_str(w, " of ");
        draw_number(w, d->rebuilder_count);
        put_str(w, " rebuilders\n");
    }
}
