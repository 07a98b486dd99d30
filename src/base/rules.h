/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_RULES_H
#define SELFSAME_RULES_H

#include "base/checks.h"

/*
 * What a policy may demand of one TEE beyond measurements: `"tee": {"snp": {...}}`.
 * A TEE declares its options as data, one rule each; appraise/ reads them from the
 * policy and applies them to claims, so that neither knows the other. An option is
 * named by its dotted path in the policy ("min_tcb.snp"), its claims by theirs.
 */
enum rule_kind {
    RULE_MIN = 1,     /* a number: every claim of `paths` must be at least that */
    RULE_ONE_OF_UINT, /* a number or a list of them: the claim must be one */
    RULE_ONE_OF_TEXT, /* a string or a list */
    RULE_ONE_OF_HEX,  /* bytes in hex, or a list; with a default: all zero */
    RULE_ALLOW,       /* a bool: the claim may be true only where the option is */
    RULE_REQUIRE,     /* a bool: where the option is true the claim must be */
    RULE_MIN_DATE,    /* RFC 3339: the claim, such a text, must not be before */
    RULE_MIN_HEX,     /* bytes in hex: each byte of the claim at least that one */
    RULE_WITHIN_HEX,  /* bytes in hex: the claim has no bit that they have not */
    RULE_MASKED_HEX, /* "value/mask" in hex: the claim has value's bits where mask is set */
    RULE_EACH_OF_TEXT, /* of a list claim: everything in it must be listed */
    RULE_NONE_OF_TEXT, /* of a list claim: nothing in it may be listed */
    /* These demand nothing: where they hold, a breach of the rule `excuses` is none. */
    RULE_EXCUSE_MAX,  /* a number: the claim is there and at most that */
    RULE_EXCUSE_TRUE, /* a bool: it and the claim are true */
};

struct tee_rule {
    const char *option;
    enum rule_kind kind;
    enum check_name check;   /* CHECK_TCB or CHECK_POLICY: where a breach is reported */
    enum selfsame_code code; /* its class: SELFSAME_TCB, SELFSAME_DENIED */
    const char *const *paths; /* of the claims, NULL-terminated; all must obey */
    /*
     * Where the policy does not say: the rule is applied with `value` (numbers, and
     * 0 or 1 for bools), `text` or `hex` when has_default, else it is not applied.
     */
    bool has_default;
    uint64_t value;
    const char *const *text; /* at most RULE_DEFAULTS, NULL-terminated */
    struct selfsame_bytes hex;
    const char *const *words; /* the only texts that the option takes, or NULL */
    bool zero_ok;             /* RULE_ONE_OF_HEX: zeros may be named */
    const char *excuses;      /* of RULE_EXCUSE_x: the option of the other rule */
    /* Applied only to evidence whose text claim `when` is `is`; `is` NULL: to all. */
    const char *when, *is;
    const char
        *help; /* a sentence for `policy explain` and docs: "may have been migrated" */
    /* Said by `policy lint` where the option is set to more than its default, unless the
     * option `unless` is set as well. */
    const char *weak, *unless;
};
enum { RULE_DEFAULTS = 4 };

/* Said by `policy lint` of an entry of measurements that names none of `paths`. */
struct tee_advice {
    const char *const *paths;
    const char *text;
};

#endif
