/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checks.h"

#include <assert.h>

static const char *const words[CHECK_COUNT] = {
    [CHECK_PARSE] = "parse",
    [CHECK_CHAIN] = "chain",
    [CHECK_REVOCATION] = "revocation",
    [CHECK_SIGNATURE] = "signature",
    [CHECK_FRESHNESS] = "freshness",
    [CHECK_BINDING] = "binding",
    [CHECK_DEBUG] = "debug",
    [CHECK_TCB] = "tcb",
    [CHECK_MEASUREMENT] = "measurement",
    [CHECK_RELEASE] = "release",
    [CHECK_LOG_PROOF] = "log-proof",
    [CHECK_POLICY] = "policy",
};

const char *
check_word(enum check_name name)
{
    return name < CHECK_COUNT ? words[name] : "unknown";
}

const char *
check_outcome_word(enum check_outcome o)
{
    switch (o) {
    case CHECK_PASS: return "pass";
    case CHECK_FAIL: return "fail";
    case CHECK_NA: return "na";
    case CHECK_SKIPPED: return "skipped";
    case CHECK_MISSING: break;
    }
    return "missing";
}

void
checks_put(struct checks *c, enum check_name name, struct check check)
{
    assert(name < CHECK_COUNT);
    if (c->at[name].outcome != CHECK_FAIL)
        c->at[name] = check;
}

void
checks_fail(struct checks *c, enum check_name name, const struct selfsame_err *e,
    struct arena *arena)
{
    const char *detail = arena_str(arena, bytes_str(err_text(e)));

    checks_put(c, name,
        (struct check){
            .outcome = CHECK_FAIL,
            .code = e->code,
            .detail = detail != NULL ? detail : "out of memory",
        });
}

void
checks_put_outcome(struct checks *c, enum check_name name, struct check passed,
    enum selfsame_code code, const struct selfsame_err *e, struct arena *arena)
{
    if (code == SELFSAME_OK)
        checks_put(c, name, passed);
    else
        checks_fail(c, name, e, arena);
    c->at[name].spec = passed.spec;
}

enum selfsame_code
checks_code(const struct checks *c, enum check_name *ret_first)
{
    for (enum check_name i = 0; i < CHECK_COUNT; i++) {
        const struct check *k = &c->at[i];

        if (k->outcome != CHECK_FAIL && k->outcome != CHECK_MISSING)
            continue;
        *ret_first = i;
        if (k->outcome == CHECK_FAIL && k->code != SELFSAME_OK)
            return k->code;
        return SELFSAME_INTERNAL;
    }
    return SELFSAME_OK;
}
