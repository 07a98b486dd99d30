/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TESTS_TEE_DCAP_JUDGE_H
#define SELFSAME_TESTS_TEE_DCAP_JUDGE_H

#include "tee_dcap.h"

/* What tee_dcap_verify_test.c, _tcb_test.c and _sweep_test.c share: verdicts on worlds. */

/* ---- judging ---- */

struct judgement {
    enum selfsame_code code;
    struct selfsame_err err;
    struct checks checks;
    struct dcap_found found;
    struct arena arena;
};

static inline enum selfsame_code
any_body(const struct dcap_quote *q, struct selfsame_err *e)
{
    (void)q;
    (void)e;
    return SELFSAME_OK;
}

static const struct dcap_kind sgx_kind = { DCAP_SGX, "SGX", "test", any_body },
                              tdx_kind = { DCAP_TDX, "TDX", "test", any_body };

static inline struct judgement
judge_by(const struct dcap_kind *kind, struct selfsame_bytes quote,
    const struct tee_trust *trust, long fail_at)
{
    struct judgement j = { .arena = arena_new((size_t)4 << 20) };

    j.arena.fail_at = fail_at;
    j.code = dcap_verify(kind, quote, trust, &j.arena, &j.checks, &j.found, &j.err);
    return j;
}

static inline struct judgement
judge(struct dcap_world *w)
{
    const struct tee_trust trust = world_trust(w);

    return judge_by(
        w->quote_spec.tee == DCAP_TDX ? &tdx_kind : &sgx_kind, w->quote, &trust, 0);
}

static inline enum selfsame_code
class_of(struct dcap_world *w)
{
    struct judgement j = judge(w);

    arena_free(&j.arena);
    return j.code;
}

/* ---- one thing wrong at a time ---- */

static inline void
assert_judged(const char *what, const char *world, struct judgement *j,
    enum selfsame_code code, enum check_name check, const char *says)
{
    if (j->code != code)
        fail_msg("%s (%s): expected %s, got %s: %s", what, world,
            selfsame_code_name(code), selfsame_code_name(j->code), err_text(&j->err));
    if (code != SELFSAME_OK) {
        enum check_name first = CHECK_COUNT;

        for (size_t i = CHECK_COUNT; i-- > 0;)
            if (j->checks.at[i].outcome == CHECK_FAIL)
                first = (enum check_name)i;
        if (first != check)
            fail_msg("%s (%s): expected to fail at %s, got %s: %s", what, world,
                check_word(check), first < CHECK_COUNT ? check_word(first) : "none",
                err_text(&j->err));
        if (says != NULL && strstr(err_text(&j->err), says) == NULL)
            fail_msg("%s (%s): expected \"%s\" in: %s", what, world, says,
                err_text(&j->err));
    }
    arena_free(&j->arena);
}

enum { SGX_3 = 1, SGX_4 = 2, SGX_5 = 4, TDX_4 = 8, TDX_10 = 16, TDX_15 = 32 };
enum { SGX = SGX_3 | SGX_4 | SGX_5, TDX = TDX_4 | TDX_10 | TDX_15, ALL = SGX | TDX };
static const struct world_kind {
    unsigned bit;
    const char *name;
    enum dcap_tee tee;
    uint16_t version;
    int body;
} worlds[] = {
    { SGX_3, "SGX 3", DCAP_SGX, 3, DCAP_BODY_SGX },
    { SGX_4, "SGX 4", DCAP_SGX, 4, DCAP_BODY_SGX },
    { SGX_5, "SGX 5", DCAP_SGX, 5, DCAP_BODY_SGX },
    { TDX_4, "TDX 4", DCAP_TDX, 4, DCAP_BODY_TD10 },
    { TDX_10, "TDX 5, 1.0", DCAP_TDX, 5, DCAP_BODY_TD10 },
    { TDX_15, "TDX 5, 1.5", DCAP_TDX, 5, DCAP_BODY_TD15 },
};

struct row {
    const char *what;
    void (*before)(struct dcap_world *w); /* it is made and signed */
    void (*after)(struct dcap_world *w);
    enum selfsame_code code; /* OK: that of most */
    const char *says;
    unsigned worlds; /* 0: all */
};

static inline void
try_rows(const struct row *rows, size_t count, enum selfsame_code code,
    enum check_name check)
{
    for (size_t k = 0; k < COUNT(worlds); k++)
        for (size_t i = 0; i < count; i++) {
            const struct row *r = &rows[i];

            if (r->worlds != 0 && (r->worlds & worlds[k].bit) == 0)
                continue;
            struct dcap_world *w = world_new_of(
                worlds[k].tee, worlds[k].version, worlds[k].body);
            if (r->before != NULL) {
                r->before(w);
                world_make(w);
            }
            if (r->after != NULL)
                r->after(w);
            struct judgement j = judge(w);
            assert_judged(r->what, worlds[k].name, &j,
                r->code != SELFSAME_OK ? r->code : code, check, r->says);
            world_free(w);
        }
}

#endif
