/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence explorer (docs/explorer.md): a page of plain files, and what it shows of a
 * tenant. Everything that it draws is a stranger's text, so it may load scripts and styles of
 * this origin, and nothing else.
 */
#include "verifier/page.h"
#include "verifier/service.h"

#include <stdio.h>

#define REVALIDATE "no-cache"
enum { RECENT_MAX = 256, RECENT_USUAL = 50 };

static const struct httpd_header guarded[] = {
    { "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action "
        "'none'" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
};
enum { GUARDS = COUNT(guarded) };

/* ---- files ---- */

/* RFC 9110 §13.1.2: weakly compared, any of a list. Ours have no comma in them. */
static bool
has_tag(const char *header, const char *etag)
{
    return header != NULL && (strcmp(header, "*") == 0 || strstr(header, etag) != NULL);
}

static void
serve_asset(struct call *c, const struct page_asset *a)
{
    struct httpd_header headers[GUARDS + 1];
    const bool same = has_tag(httpd_header(c->r, "if-none-match"), a->etag);

    memcpy(headers, guarded, sizeof(guarded));
    headers[GUARDS] = (struct httpd_header){ "ETag", a->etag };
    const struct call_reply reply = {
        .status = same ? 304 : 200,
        .type = a->type,
        .cache = REVALIDATE,
        .body = same ? BYTES_NONE : a->body,
        .headers = headers,
        .header_count = COUNT(headers),
    };
    call_reply(c, &reply);
}

static void
serve_named(struct call *c, const char *name)
{
    struct selfsame_err e = { 0 };
    const json_t *on = service_setting(c->s, "explorer");

    for (size_t i = 0; i < page_asset_count && !json_is_false(on); i++)
        if (strcmp(page_assets[i].name, name) == 0) {
            serve_asset(c, &page_assets[i]);
            return;
        }
    (void)err_set(
        &e, SELFSAME_USAGE, __FILE__, __LINE__, "there is nothing at this path");
    call_problem(c, 404, &e);
}

static void
serve_index(struct call *c)
{
    serve_named(c, "index.html");
}

static void
serve_assets(struct call *c)
{
    serve_named(c, c->rest);
}

/* ---- a tenant, as whoever asks may see it ---- */

static json_t *
policy_names(const struct snap_tenant *t)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < t->policy_count; i++)
        if (json_array_append_new(list, json_string(t->policies[i].name)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static bool
is_of_service(const struct call *c)
{
    const struct snap_tenant *t = snapshot_tenant(c->snap, "");

    for (size_t i = 0; t != NULL && c->role == ROLE_ADMIN && i < t->key_count; i++)
        if (&t->keys[i] == c->key)
            return true;
    return false;
}

/* Whoever runs the service may look at each of its tenants. */
static json_t *
tenant_names(const struct call *c)
{
    const bool all = is_of_service(c);
    json_t *list = json_array();

    for (size_t i = 0; all && list != NULL && i < c->snap->tenant_count; i++) {
        const char *name = c->snap->tenants[i].name;

        if (name[0] != '\0' && json_array_append_new(list, json_string(name)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* A tenant that is not open and one that is not there look the same from outside. */
static void
serve_tenant(struct call *c)
{
    const struct snap_tenant *t = c->tenant;
    const bool open = t != NULL && (c->key != NULL || t->public);

    call_json(c, 200,
        json_pack("{s:s,s:s,s:s?,s:b,s:s?,s:o,s:s?,s:s?,s:o}", "version",
            SELFSAME_VERSION, "issuer", verifier_issuer(c->s), "tenant",
            open ? t->name : NULL, "public", open && t->public, "policy",
            open ? t->policy : NULL, "policies", open ? policy_names(t) : json_array(),
            "key", c->key != NULL ? c->key->name : NULL, "role",
            c->key != NULL ? role_word(c->role) : NULL, "tenants", tenant_names(c)));
}

/* ---- its verdicts ---- */

static enum selfsame_code
recent(struct call *c, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const char *asked = httpd_query(c->r, "max");
    uint64_t max = RECENT_USUAL;
    struct audit_seen *rows;
    size_t count, size = 0;

    if (asked != NULL &&
        (!uint_parse(asked, strlen(asked), RECENT_MAX, &max) || max == 0))
        FAIL(e, SELFSAME_MALFORMED, "\"max\": expected a number from 1 to %d",
            (int)RECENT_MAX);
    TRY(audit_recent(service_audit(c->s), c->tenant->name, (size_t)max, &c->arena,
        &rows, &count, e));
    for (size_t i = 0; i < count; i++)
        size += strlen(rows[i].json) + 1;
    uint8_t *text = arena_alloc(&c->arena, 1, size + 32);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for rows");
    struct writer w = writer_of(text, size + 32);
    put_bytes(&w, BYTES_LIT("{\"rows\":["));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            put_u8(&w, ',');
        put_bytes(&w, bytes_str(rows[i].json));
    }
    put_bytes(&w, BYTES_LIT("]}\n"));
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

static void
serve_recent(struct call *c)
{
    struct call_reply a = { .status = 200 };
    struct selfsame_err e = { 0 };

    if (recent(c, &a.body, &e) == SELFSAME_OK)
        call_reply(c, &a);
    else
        call_problem(c, e.code == SELFSAME_MALFORMED ? 400 : 503, &e);
}

/* {"ok":[…60],"stale":[…60]}: only classes that there were. */
static json_t *
classes_json(const struct outcomes_hour *h)
{
    json_t *all = json_object();
    bool bad = all == NULL;

    for (size_t k = 0; k < OUTCOMES_CLASSES && !bad; k++) {
        json_t *list = json_array();
        uint64_t sum = 0;

        for (size_t i = 0; i < OUTCOMES_MINUTES; i++) {
            sum += h->minute[i][k];
            bad = bad ||
                  json_array_append_new(list, json_integer(h->minute[i][k])) != 0;
        }
        if (sum > 0 && !bad)
            bad = json_object_set(all, selfsame_code_name(outcomes_class(k)), list) !=
                  0;
        json_decref(list);
    }
    if (!bad)
        return all;
    json_decref(all);
    return NULL;
}

static void
serve_outcomes(struct call *c)
{
    char from[TIME_TEXT];
    struct outcomes_hour h;

    outcomes_read(c->s->outcomes, c->tenant->name, c->now_ms, &h);
    time_format(h.first_minute * 60, from);
    call_json(c, 200,
        json_pack("{s:s,s:i,s:o}", "from", from, "minutes", (int)OUTCOMES_MINUTES,
            "classes", classes_json(&h)));
}

static const struct route routes[] = {
    { "GET", "/", IN_LOOP, ROLE_NONE, serve_index, "getPage" },
    { "GET", "/assets/*", IN_LOOP, ROLE_NONE, serve_assets, "getAsset" },
    { "GET", "/v1/tenant", IN_LOOP, ROLE_NONE, serve_tenant, "getTenant" },
    { "GET", "/v1/recent", IN_WORKER, ROLE_ATTESTER, serve_recent, "getRecent" },
    { "GET", "/v1/outcomes", IN_LOOP, ROLE_ATTESTER, serve_outcomes, "getOutcomes" },
};
const struct route_list page_routes = { routes, COUNT(routes) };
