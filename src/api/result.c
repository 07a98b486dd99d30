/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include <stdlib.h>

/* Claims point into the evidence, so the result keeps its own copy. */
struct selfsame_result *
result_new(struct selfsame_bytes evidence)
{
    struct selfsame_result *r = calloc(1, sizeof(*r));
    /* What is too long to be looked at is not copied either; its length is told. */
    const size_t keep = evidence.len <= API_EVIDENCE_MAX ? evidence.len : 0;

    if (r == NULL)
        return NULL;
    r->evidence.ptr = malloc(keep + 1);
    if (r->evidence.ptr == NULL) {
        free(r);
        return NULL;
    }
    if (keep > 0)
        memcpy(r->evidence.ptr, evidence.ptr, keep);
    r->evidence.len = evidence.len;
    r->arena = arena_new(API_ARENA + API_ROOM * keep);
    r->released = arena_new(API_RELEASE_ARENA);
    return r;
}

void
result_finish(struct selfsame_result *r)
{
    const struct identity *id = r->verdict.identity;

    if (id != NULL)
        r->release = (struct selfsame_release){
            .name = id->release,
            .version = id->version,
            .sequence = id->sequence,
            .source = id->source,
            .statement = id->statement,
        };
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        const struct check *k = &r->verdict.checks.at[i];

        r->checks[i] = (struct selfsame_check){
            .name = check_word((enum check_name)i),
            .outcome = check_outcome_word(k->outcome),
            .error_class = k->outcome == CHECK_FAIL ? selfsame_code_name(k->code)
                                                    : NULL,
            .expected = k->expected,
            .got = k->got,
            .source = k->source,
            .spec = k->spec,
            .detail = k->detail,
        };
    }
}

void
selfsame_result_free(struct selfsame_result *r)
{
    if (r == NULL)
        return;
    arena_free(&r->arena);
    arena_free(&r->released);
    free(r->evidence.ptr);
    free(r);
}

enum selfsame_code
selfsame_result_code(const struct selfsame_result *r)
{
    return verdict_code(&r->verdict);
}

const char *
selfsame_result_status(const struct selfsame_result *r)
{
    return verdict_status(&r->verdict);
}

size_t
selfsame_result_check_count(const struct selfsame_result *r)
{
    (void)r;
    return CHECK_COUNT;
}

const struct selfsame_check *
selfsame_result_check(const struct selfsame_result *r, size_t i)
{
    return i < CHECK_COUNT ? &r->checks[i] : NULL;
}

const struct selfsame_need *
selfsame_result_need(const struct selfsame_result *r, size_t i)
{
    return i < r->need_count ? &r->needs[i] : NULL;
}

struct selfsame_bytes
selfsame_result_claim(const struct selfsame_result *r, const char *path)
{
    const struct selfsame_claims *c = &r->verdict.claims;
    const struct claim *found = c->authentic ? claims_find(c, path) : NULL;

    if (found == NULL || (found->kind != CLAIM_BYTES && found->kind != CLAIM_TEXT))
        return BYTES_NONE;
    return found->bytes;
}

enum selfsame_code
selfsame_result_json(
    const struct selfsame_result *r, char **ret, struct selfsame_err *err)
{
    struct verdict v = r->verdict;

    v.needs = r->needs;
    v.need_count = r->need_count;
    return verdict_json(&v, ret, err);
}

enum selfsame_code
selfsame_result_text(
    const struct selfsame_result *r, bool explain, char **ret, struct selfsame_err *err)
{
    return verdict_text(&r->verdict, explain, ret, err);
}

enum selfsame_code
selfsame_result_html(
    const struct selfsame_result *r, char **ret, struct selfsame_err *err)
{
    return verdict_html(&r->verdict, ret, err);
}
