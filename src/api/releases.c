/* SPDX-License-Identifier: Apache-2.0 */
/* Releases: the files that a policy refers to, and what a result leaves behind. */
#include "api/releases.h"

#include <selfsame/log.h>

#include "log/sigstore.h"

/* ---- what a policy refers to ---- */

/* Those of its texts that are in files, in order; false past the last. */
static bool
text_at(const struct selfsame_policy *p, size_t i, struct policy_text **ret)
{
    struct release_demand *d = i / 2 < p->policy.release_count
                                   ? &p->policy.releases[i / 2]
                                   : NULL;

    if (d == NULL)
        return false;
    *ret = i % 2 == 0 ? &d->trust : &d->trusted_root;
    return true;
}

const char *
selfsame_policy_file_wanted(const struct selfsame_policy *p, size_t i)
{
    struct policy_text *t;

    for (size_t k = 0; text_at(p, k, &t); k++)
        if (t->name != NULL && t->text.ptr == NULL && i-- == 0)
            return t->name;
    return NULL;
}

static enum selfsame_code
read_trust(
    struct selfsame_policy *p, const struct release_demand *d, struct selfsame_err *e)
{
    struct log_policy ignored;
    const struct sigstore_root *root;

    if (d->trust.text.ptr != NULL)
        TRY_WHILE(e, log_policy_parse(d->trust.text, &p->arena, &ignored, e),
            "the trust policy of release %.60s", d->name);
    if (d->trusted_root.text.ptr != NULL)
        TRY_WHILE(e, sigstore_root_parse(d->trusted_root.text, &p->arena, &root, e),
            "the trusted root of release %.60s", d->name);
    return SELFSAME_OK;
}

enum selfsame_code
releases_check_texts(struct selfsame_policy *p, struct selfsame_err *e)
{
    for (size_t i = 0; i < p->policy.release_count; i++)
        TRY(read_trust(p, &p->policy.releases[i], e));
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_policy_give_file(struct selfsame_policy *p, const char *name,
    struct selfsame_bytes text, struct selfsame_err *err)
{
    struct policy_text *t;
    struct selfsame_bytes copy;

    if (text.len == 0 || text.len > API_TEXT_MAX)
        FAIL(err, SELFSAME_USAGE, "%.80s: expected 1 byte to %d, got %zu", name,
            (int)API_TEXT_MAX, text.len);
    if (!arena_dup(&p->arena, text, &copy))
        FAIL(err, SELFSAME_NOMEM, "no room for %.80s", name);
    for (size_t k = 0; text_at(p, k, &t); k++)
        if (t->name != NULL && strcmp(t->name, name) == 0)
            t->text = copy;
    TRY_WHILE(err, releases_check_texts(p, err), "%.80s", name);
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_policy_add_releases(
    struct selfsame_policy *p, struct selfsame_bytes json, struct selfsame_err *err)
{
    TRY(policy_add_releases(&p->policy, json, "releases", &p->arena, err));
    return releases_check_texts(p, err);
}

/* ---- what a result says and leaves behind ---- */

const struct selfsame_release *
selfsame_result_release(const struct selfsame_result *r)
{
    return r->verdict.accepted && r->verdict.identity != NULL ? &r->release : NULL;
}

/* Another request learned meanwhile what this one did not know. */
static enum selfsame_code
take_back(struct selfsame_result *r, enum release_error x, const char *text,
    struct selfsame_err *e)
{
    const struct policy p = { .insecure = r->verdict.insecure };
    struct check *k = &r->verdict.checks.at[CHECK_RELEASE];

    (void)release_error_set(&r->verdict.err, x, text);
    *k = (struct check){
        .outcome = CHECK_FAIL,
        .code = release_error_code(x),
        .got = release_error_word(x),
        .source = "what was remembered meanwhile",
        .spec = k->spec,
        .detail = arena_str(&r->released, bytes_str(err_text(&r->verdict.err))),
    };
    verdict_finish(&r->verdict, &p);
    result_finish(r);
    *e = r->verdict.err;
    return release_error_code(x);
}

/* Does what is stored by now refuse the release that this result accepted? */
static enum selfsame_code
check_again(
    struct selfsame_result *r, const struct memory *stored, struct selfsame_err *e)
{
    const struct identity *id = r->verdict.identity;
    const struct memory_entry *learned = id != NULL ? id->learned : NULL;

    if (!r->verdict.accepted || learned == NULL)
        return SELFSAME_OK;
    const struct memory_entry *known = memory_find(
        stored, learned->name, learned->trust);
    if (known == NULL)
        return SELFSAME_OK;
    if (known->sequence > id->sequence)
        return take_back(
            r, RELEASE_ROLLBACK, "a later release was accepted meanwhile", e);
    for (size_t i = 0; i < known->revoked_count; i++)
        if (bytes_eq(BYTES(known->revoked[i], 32), BYTES_ARR(id->sha256)))
            return take_back(
                r, RELEASE_REVOKED, "an index that was seen meanwhile revokes it", e);
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_result_remember(struct selfsame_result *r, struct selfsame_bytes memory,
    char **ret, struct selfsame_err *err)
{
    auto_arena arena = arena_new(API_MEMORY_ARENA);
    const struct identity *id = r->verdict.identity;
    struct memory m;
    bool changed = false;

    *ret = NULL;
    if (r->verdict.as_of || r->learned_count == 0)
        return SELFSAME_OK;
    TRY(memory_parse(memory, &arena, &m, err));
    const enum selfsame_code code = check_again(r, &m, err);
    for (size_t i = 0; i < r->learned_count; i++) {
        struct memory_entry x = r->learned[i];

        if (r->verdict.accepted && id != NULL && id->learned == &r->learned[i])
            x.sequence = id->sequence;
        TRY(memory_learn(&m, &x, &arena, &changed, err));
    }
    if (changed)
        TRY(memory_text(&m, ret, err));
    return code;
}
