/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy would do, before it does: POST …/policies/NAME?dry_run=1 takes the policy,
 * or {"policy":…, "evidence":…, …}, and then says what the verdict would be. Nothing is
 * written, signed or used up.
 */
#include "verifier/front_admin.h"

#include "verifier/front.h"
#include "verifier/vouch.h"

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

/* ---- lint ---- */

static enum selfsame_code
advice_of(struct admin *a, const struct selfsame_policy *p, json_t **ret)
{
    auto_json *list = json_array();
    const char **advice;
    size_t count;

    TRY(policy_all_advice(&p->policy, &a->arena, &advice, &count, a->e));
    for (size_t i = 0; list != NULL && i < count; i++)
        if (json_array_append_new(list, json_string(advice[i])) != 0)
            FAIL(a->e, SELFSAME_NOMEM, "no memory for advice");
    if (list == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory for advice");
    *ret = list;
    list = NULL;
    return SELFSAME_OK;
}

enum selfsame_code
admin_warnings(struct admin *a, struct selfsame_bytes policy, json_t **ret)
{
    auto_policy *p = NULL;

    TRY(selfsame_policy_parse(policy, &p, a->e));
    return advice_of(a, p, ret);
}

/* ---- what is asked ---- */

struct trial {
    struct selfsame_bytes policy;
    struct ask ask; /* evidence absent: lint alone */
};

static enum selfsame_code
text_of(struct admin *a, const json_t *v, struct selfsame_bytes *ret)
{
    char *text = json_is_string(v) ? NULL : json_compact(v);
    const struct selfsame_bytes in = bytes_str(json_is_string(v) ? json_string_value(v)
                                               : text != NULL    ? text
                                                                 : "");
    const bool kept = arena_dup(&a->arena, in, ret);

    free(text);
    if (!kept)
        FAIL(a->e, SELFSAME_NOMEM, "no memory for a policy");
    return SELFSAME_OK;
}

static enum selfsame_code
bytes_of(struct admin *a, const json_t *j, const char *name, struct selfsame_bytes *ret)
{
    const json_t *v = json_object_get(j, name);

    if (v != NULL && !json_is_string(v) && !json_is_null(v))
        FAIL(a->e, SELFSAME_USAGE, "%s: expected a text", name);
    return front_bytes(json_string_value(v), name, &a->arena, ret, a->e);
}

static enum selfsame_code
collateral_of(struct admin *a, const json_t *j, struct ask *ret)
{
    const json_t *list = json_object_get(j, "collateral");
    const size_t count = json_array_size(list);
    struct selfsame_bytes *out = ARENA_NEW(&a->arena, struct selfsame_bytes, count + 1);

    if (list != NULL && (!json_is_array(list) || count > PIECES_MAX))
        FAIL(a->e, SELFSAME_USAGE, "collateral: expected a list of at most 32 pieces");
    if (out == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory for collateral");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        TRY(front_bytes(
            text != NULL ? text : "", "collateral", &a->arena, &out[i], a->e));
    }
    ret->collateral = out;
    ret->collateral_count = count;
    return SELFSAME_OK;
}

static enum selfsame_code
check_members(struct admin *a, json_t *j)
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
            FAIL(a->e, SELFSAME_USAGE, "no such member: %.60s", name);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_form(struct admin *a, json_t *j, struct trial *ret)
{
    const json_t *evidence = json_object_get(j, "evidence");

    TRY(check_members(a, j));
    TRY(text_of(a, json_object_get(j, "policy"), &ret->policy));
    if (json_is_array(evidence) || json_is_object(evidence))
        TRY(text_of(a, evidence, &ret->ask.evidence));
    else
        TRY(bytes_of(a, j, "evidence", &ret->ask.evidence));
    TRY(bytes_of(a, j, "nonce", &ret->ask.nonce));
    TRY(bytes_of(a, j, "key", &ret->ask.key));
    TRY(bytes_of(a, j, "report_data", &ret->ask.report_data));
    return collateral_of(a, j, &ret->ask);
}

static enum selfsame_code
read_trial(struct admin *a, struct trial *ret)
{
    const struct selfsame_bytes body = httpd_body(a->c->r);
    auto_json *j = NULL;

    enum selfsame_code code = json_parse(body, "the request", &j, a->e);
    if (code == SELFSAME_MALFORMED)
        code = a->e->code = SELFSAME_USAGE;
    TRY(code);
    if (json_object_get(j, "policy") == NULL) {
        ret->policy = body; /* lines in errors are those of the file */
        return SELFSAME_OK;
    }
    code = read_form(a, j, ret);
    if (code == SELFSAME_MALFORMED)
        code = a->e->code = SELFSAME_USAGE;
    return code;
}

/* ---- the verdict that would be ---- */

static enum selfsame_code
make_request(const struct admin *a, const struct ask *k, struct selfsame_request **ret)
{
    TRY(selfsame_request_new(ret, a->e));
    selfsame_request_set_time(*ret, a->c->now_ms);
    if (k->nonce.len > 0)
        selfsame_request_set_nonce(*ret, k->nonce);
    if (k->key.len > 0)
        selfsame_request_expect_key(*ret, k->key);
    if (k->report_data.len > 0)
        selfsame_request_expect_report_data(*ret, k->report_data);
    return SELFSAME_OK;
}

static enum selfsame_code
try_evidence(
    struct admin *a, struct selfsame_policy *p, const struct ask *k, json_t **ret)
{
    struct registry_object *list;
    auto_request *q = NULL;
    auto_result *r = NULL;
    char *text = NULL;
    size_t count, left_out;

    TRY(registry_list(a->c->registry, a->tenant, REGISTRY_RELEASE, true, &a->arena,
        &list, &count, a->e));
    TRY(releases_open_for(p, list, count, a->c->now_ms, &left_out, a->e));
    TRY(make_request(a, k, &q));
    enum selfsame_code code = judge_verify(a->c, k, p, q, &r, a->e);
    if (r == NULL) {
        if (code == SELFSAME_NOMEM || code == SELFSAME_IO)
            return code;
        return admin_refuse(a, 422, code != SELFSAME_OK ? code : SELFSAME_MALFORMED,
            "evidence: %.140s", err_text(a->e));
    }
    TRY(selfsame_result_json(r, &text, a->e));
    code = json_parse(bytes_str(text), "a verdict", ret, a->e);
    selfsame_free(text);
    return code;
}

enum selfsame_code
admin_dry_run(struct admin *a)
{
    struct registry_object now,
        o = { .tenant = a->tenant, .kind = REGISTRY_POLICY, .name = a->name };
    auto_json *warnings = NULL, *verdict = NULL;
    struct trial t = { .policy = BYTES_NONE };
    auto_policy *p = NULL;

    if (httpd_query(a->c->r, "dry_run") == NULL)
        return admin_refuse(
            a, 400, SELFSAME_USAGE, "POST tries a policy: say ?dry_run=1, or PUT it");
    TRY(admin_need_tenant(a));
    TRY(read_trial(a, &t));
    o.body = t.policy;
    TRY(object_check(&o, a->e));
    TRY(selfsame_policy_parse(t.policy, &p, a->e));
    TRY(advice_of(a, p, &warnings));
    if (t.ask.evidence.len > 0)
        TRY(try_evidence(a, p, &t.ask, &verdict));
    TRY(admin_current(a, &now));
    return admin_answer(a, 200, NULL,
        json_pack("{s:s,s:O,s:b,s:O?}", "result", "ok", "warnings", warnings, "changes",
            (int)(now.name == NULL || !bytes_eq(now.body, t.policy)), "verdict",
            verdict));
}
