/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_CLAIMS_H
#define SELFSAME_DCAP_CLAIMS_H

#include "tee/shared/dcap.h"

/* What SGX and TDX say in the same words, and the options about it. */

struct dcap_claims {
    struct claim *at;
    size_t count, room;
};
/* Room for `own` claims and the common ones. NOMEM. */
MUST enum selfsame_code dcap_claims_new(const struct dcap_found *f, size_t own,
    struct arena *arena, struct dcap_claims *ret, struct selfsame_err *e);
void dcap_add_bytes(struct dcap_claims *l, const char *path, struct selfsame_bytes b);
void dcap_add_text(struct dcap_claims *l, const char *path, const char *text);
void dcap_add_uint(struct dcap_claims *l, const char *path, uint64_t n);
void dcap_add_bool(struct dcap_claims *l, const char *path, bool b);
struct dcap_bit {
    const char *path;
    unsigned at;
};
void dcap_add_bits(
    struct dcap_claims *l, const struct dcap_bit *bits, size_t count, uint64_t from);
/* Platform, statuses, advisories, dates. */
MUST enum selfsame_code dcap_add_found(struct dcap_claims *l,
    const struct dcap_found *f, int64_t now_s, struct arena *arena,
    struct selfsame_err *e);

extern const char
    *const dcap_statuses[]; /* that a policy may accept; NULL-terminated */
extern const char *const dcap_up_to_date[];

#define DCAP_PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define DCAP_RULE(name, what, path, sentence)                                         \
    {                                                                                 \
        .option = name, .kind = what, .check = CHECK_POLICY, .code = SELFSAME_DENIED, \
        .paths = DCAP_PATHS(path), .help = sentence                                   \
    }
#define DCAP_RULE_DEFAULT(name, what, path, number, sentence)                         \
    {                                                                                 \
        .option = name, .kind = what, .check = CHECK_POLICY, .code = SELFSAME_DENIED, \
        .paths = DCAP_PATHS(path), .has_default = true, .value = number,              \
        .help = sentence                                                              \
    }
/* Bytes that are nobody's secret: zeros may be named. */
#define DCAP_RULE_HEX(name, path, sentence)                                  \
    {                                                                        \
        .option = name, .kind = RULE_ONE_OF_HEX, .check = CHECK_POLICY,      \
        .code = SELFSAME_DENIED, .paths = DCAP_PATHS(path), .zero_ok = true, \
        .help = sentence                                                     \
    }
#define DCAP_RULE_ZERO(name, path, sentence)                                 \
    {                                                                        \
        .option = name, .kind = RULE_ONE_OF_HEX, .check = CHECK_POLICY,      \
        .code = SELFSAME_DENIED, .paths = DCAP_PATHS(path), .zero_ok = true, \
        .has_default = true, .help = sentence                                \
    }
#define DCAP_RULE_TCB(name, what, path, sentence)                               \
    {                                                                           \
        .option = name, .kind = what, .check = CHECK_TCB, .code = SELFSAME_TCB, \
        .paths = DCAP_PATHS(path), .help = sentence                             \
    }
enum { DCAP_COMMON_RULES = 12 };
#define DCAP_RULES                                                                     \
    { .option = "tcb_status",                                                          \
        .kind = RULE_ONE_OF_TEXT,                                                      \
        .check = CHECK_TCB,                                                            \
        .code = SELFSAME_TCB,                                                          \
        .paths = DCAP_PATHS("tcb_status"),                                             \
        .has_default = true,                                                           \
        .text = dcap_up_to_date,                                                       \
        .words = dcap_statuses,                                                        \
        .help = "what Intel says of this platform's TCB level",                        \
        .weak = "tcb_status accepts more than UpToDate and no allowed_advisories are " \
                "set: platforms with any known hole of that status pass",              \
        .unless = "allowed_advisories" },                                              \
        { .option = "grace_days",                                                      \
            .kind = RULE_EXCUSE_MAX,                                                   \
            .check = CHECK_TCB,                                                        \
            .code = SELFSAME_TCB,                                                      \
            .paths = DCAP_PATHS("tcb_out_of_date_days"),                               \
            .excuses = "tcb_status",                                                   \
            .help = "days after its level's date that an out-of-date platform may "    \
                    "pass",                                                            \
            .weak = "grace_days is set and no allowed_advisories are: out-of-date "    \
                    "platforms pass that long whatever hole they have",                \
            .unless = "allowed_advisories" },                                          \
        DCAP_RULE_TCB("min_tcb_date", RULE_MIN_DATE, "tcb_date",                       \
            "the level is of this day or later"),                                      \
        DCAP_RULE_TCB("allowed_advisories", RULE_EACH_OF_TEXT, "advisories",           \
            "every advisory of the level is one of these"),                            \
        DCAP_RULE_TCB("denied_advisories", RULE_NONE_OF_TEXT, "advisories",            \
            "no advisory of the level is one of these"),                               \
        DCAP_RULE_TCB("min_tcb_evaluation", RULE_MIN, "tcb_evaluation",                \
            "collateral of this TCB recovery of Intel's or a later one"),              \
        DCAP_RULE("fmspcs", RULE_ONE_OF_HEX, "fmspc", "a platform of these kinds"),    \
        DCAP_RULE(                                                                     \
            "instance_ids", RULE_ONE_OF_HEX, "instance_id", "one of these platforms"), \
        DCAP_RULE("platform.smt_enabled", RULE_ALLOW, "platform.smt_enabled",          \
            "SMT may be on"),                                                          \
        DCAP_RULE("platform.dynamic_platform", RULE_ALLOW,                             \
            "platform.dynamic_platform", "packages may be added to the platform"),     \
        DCAP_RULE("platform.cached_keys", RULE_ALLOW, "platform.cached_keys",          \
            "Intel's registration service may keep the platform's root keys"),         \
        DCAP_RULE("sgx_types", RULE_ONE_OF_UINT, "sgx_type",                           \
            "0 standard, 1 scalable, 2 scalable with integrity")

#endif
