/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy would do, before it does. */
#include "verifier/manage_parts.h"

#include "api/advice.h"

#include <stdlib.h>

enum { PIECES_MAX = 32 };

static void
policy_drop(struct selfsame_policy **p)
{
    selfsame_policy_free(*p);
}
#define auto_policy __attribute__((cleanup(policy_drop))) struct selfsame_policy

static void
result_drop(struct selfsame_result **r)
{
    selfsame_result_free(*r);
}
#define auto_result __attribute__((cleanup(result_drop))) struct selfsame_result

static void
request_drop(struct selfsame_request **q)
{
    selfsame_request_free(*q);
}
#define auto_request __attribute__((cleanup(request_drop))) struct selfsame_request

static enum selfsame_code
nomem(struct manage *m)
{
    FAIL(m->e, SELFSAME_NOMEM, "no memory to try a policy");
}

/* ---- lint ---- */

enum selfsame_code
manage_warnings(struct manage *m, const struct selfsame_policy *p, json_t **ret)
{
    auto_json *list = json_array();
    const char **advice;
    size_t count;

    TRY(policy_all_advice(&p->policy, m->arena, &advice, &count, m->e));
    for (size_t i = 0; list != NULL && i < count; i++)
        if (json_array_append_new(list, json_string(advice[i])) != 0)
            return nomem(m);
    if (list == NULL)
        return nomem(m);
    *ret = json_incref(list);
    return SELFSAME_OK;
}

/* ---- what is asked ---- */

static enum selfsame_code
text_of(struct manage *m, const json_t *v, struct selfsame_bytes *ret)
{
    char *text = json_is_string(v) ? NULL : json_compact(v);
    const char *in = json_is_string(v) ? json_string_value(v) : text;
    const bool kept = in != NULL && arena_dup(m->arena, bytes_str(in), ret);

    free(text);
    return kept ? SELFSAME_OK : nomem(m);
}

static enum selfsame_code
bytes_of(
    struct manage *m, const json_t *v, const char *name, struct selfsame_bytes *ret)
{
    const char *text = json_string_value(v);
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out = arena_alloc(m->arena, 1, len + 1);
    size_t got;

    *ret = BYTES_NONE;
    if (v == NULL || json_is_null(v))
        return SELFSAME_OK;
    if (out == NULL)
        return nomem(m);
    if (text == NULL || len == 0 ||
        (!base64_decode(text, len, true, out, len + 1, &got) &&
            !base64_decode(text, len, false, out, len + 1, &got)))
        FAIL(m->e, SELFSAME_USAGE, "%s: expected base64url or base64", name);
    *ret = BYTES(out, got);
    return SELFSAME_OK;
}

static enum selfsame_code
collateral_of(struct manage *m, const json_t *list, struct trial *ret)
{
    const size_t count = json_array_size(list);
    struct selfsame_bytes *out = ARENA_NEW(
        m->arena, struct selfsame_bytes, PIECES_MAX + 1);

    if (list != NULL && (!json_is_array(list) || count > PIECES_MAX))
        FAIL(m->e, SELFSAME_USAGE, "collateral: expected a list of at most 32 pieces");
    if (out == NULL)
        return nomem(m);
    for (size_t i = 0; i < count; i++)
        TRY(bytes_of(m, json_array_get(list, i), "collateral", &out[i]));
    ret->collateral = out;
    ret->collateral_count = count;
    return SELFSAME_OK;
}

static enum selfsame_code
check_members(struct manage *m, json_t *j)
{
    static const char *const known[] = { "policy", "evidence", "nonce", "key",
        "report_data", "collateral" };
    const char *name;
    json_t *v;

    json_object_foreach(j, name, v)
    {
        bool found = false;

        for (size_t i = 0; i < COUNT(known); i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found)
            FAIL(m->e, SELFSAME_USAGE, "no such member: %.60s", name);
    }
    return SELFSAME_OK;
}

enum selfsame_code
manage_trial_read(struct manage *m, struct selfsame_bytes body, struct trial *ret)
{
    struct trial t = { .policy = body };
    auto_json *j = NULL;

    TRY(manage_json(m, body, &j));
    const json_t *evidence = json_object_get(j, "evidence");
    if (json_object_get(j, "policy") != NULL) {
        TRY(check_members(m, j));
        TRY(text_of(m, json_object_get(j, "policy"), &t.policy));
        if (json_is_array(evidence) || json_is_object(evidence))
            TRY(text_of(m, evidence, &t.evidence));
        else
            TRY(bytes_of(m, evidence, "evidence", &t.evidence));
        TRY(bytes_of(m, json_object_get(j, "nonce"), "nonce", &t.nonce));
        TRY(bytes_of(m, json_object_get(j, "key"), "key", &t.key));
        TRY(bytes_of(
            m, json_object_get(j, "report_data"), "report_data", &t.report_data));
        TRY(collateral_of(m, json_object_get(j, "collateral"), &t));
    } /* else lines in errors are those of the file */
    *ret = t;
    return SELFSAME_OK;
}

/* ---- the verdict that would be ---- */

static enum selfsame_code
make_request(struct manage *m, const struct trial *t, struct selfsame_request **ret)
{
    TRY(selfsame_request_new(ret, m->e));
    selfsame_request_set_time(*ret, m->now_ms);
    if (t->nonce.len > 0)
        selfsame_request_set_nonce(*ret, t->nonce);
    if (t->key.len > 0)
        selfsame_request_expect_key(*ret, t->key);
    if (t->report_data.len > 0)
        selfsame_request_expect_report_data(*ret, t->report_data);
    return SELFSAME_OK;
}

static enum selfsame_code
verdict_of(struct manage *m, struct selfsame_policy *p, const struct trial *t,
    const struct trial_verifier *v, json_t **ret)
{
    struct registry_object *list;
    auto_request *q = NULL;
    auto_result *r = NULL;
    char *text = NULL;
    size_t count, left_out;

    TRY(registry_list(
        m->r, m->tenant, REGISTRY_RELEASE, true, m->arena, &list, &count, m->e));
    TRY(releases_open_for(p, list, count, m->now_ms, &left_out, m->e));
    TRY(make_request(m, t, &q));
    TRY_WHILE(m->e, v->verify(v->ctx, t, p, q, &r, m->e), "evidence");
    TRY(selfsame_result_json(r, &text, m->e));
    const enum selfsame_code code = json_parse(bytes_str(text), "a verdict", ret, m->e);
    selfsame_free(text);
    return code;
}

enum selfsame_code
manage_try(struct manage *m, const struct trial *t, const struct trial_verifier *v,
    json_t **ret)
{
    const struct registry_object o = {
        .tenant = m->tenant, .kind = REGISTRY_POLICY, .name = m->name, .body = t->policy
    };
    auto_json *warnings = NULL, *verdict = NULL;
    struct registry_object now;
    auto_policy *p = NULL;

    TRY(manage_need_tenant(m));
    TRY(object_check(&o, m->e));
    TRY(selfsame_policy_parse(t->policy, &p, m->e));
    TRY(manage_warnings(m, p, &warnings));
    if (t->evidence.len > 0)
        TRY(verdict_of(m, p, t, v, &verdict));
    TRY(manage_current(m, &now));
    const bool changes = now.name == NULL || !bytes_eq(now.body, t->policy);
    *ret = json_pack("{s:s,s:O,s:b,s:O?}", "result", "ok", "warnings", warnings,
        "changes", (int)changes, "verdict", verdict);
    return *ret != NULL ? SELFSAME_OK : nomem(m);
}
