/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify_options.h"

#include "api/api.h"
#include "codec/pem.h"
#include "os/os.h"
#include "tee/tee.h"

#include <unistd.h>

enum { POLICY_LIMIT = 4 << 20, ANCHOR_LIMIT = 1 << 20, FILES = 16 };

void
policy_cleanup(struct selfsame_policy **p)
{
    selfsame_policy_free(*p);
    *p = NULL;
}

void
verifier_cleanup(struct selfsame_verifier **v)
{
    selfsame_verifier_free(*v);
    *v = NULL;
}

void
result_cleanup(struct selfsame_result **r)
{
    selfsame_result_free(*r);
    *r = NULL;
}

static void
apply_insecure(const struct cli *c, struct selfsame_policy *p)
{
    static const struct {
        const char *flag;
        void (*set)(struct selfsame_policy *);
    } flags[] = {
        { "insecure-any-measurement", selfsame_policy_insecure_any_measurement },
        { "insecure-any-age", selfsame_policy_insecure_any_age },
        { "insecure-unbound", selfsame_policy_insecure_unbound },
        { "insecure-debug", selfsame_policy_insecure_debug },
        { "insecure-no-revocation", selfsame_policy_insecure_no_revocation },
        { "insecure-simulated", selfsame_policy_insecure_simulated },
        { "insecure-any-tcb", selfsame_policy_insecure_any_tcb },
    };

    for (size_t i = 0; i < COUNT(flags); i++)
        if (cli_flag(c, flags[i].flag))
            flags[i].set(p);
}

static enum selfsame_code
add_measurements(struct cli *c, struct selfsame_policy *p, struct selfsame_err *e)
{
    const char *files[FILES];
    size_t n = cli_values(c, "measurements", files, FILES);

    if (n > FILES)
        FAIL(e, SELFSAME_USAGE, "--measurements: at most %d files", FILES);
    for (size_t i = 0; i < n; i++) {
        struct selfsame_bytes text;

        TRY(file_read(files[i], POLICY_LIMIT, cli_arena(c), &text, e));
        TRY_WHILE(e, selfsame_policy_add_measurements(p, text, e), "%s", files[i]);
    }
    return SELFSAME_OK;
}

/* The policy of the flags alone: as strict as a file that says nothing. */
static enum selfsame_code
one_off(struct cli *c, struct selfsame_policy **ret, struct selfsame_err *e)
{
    auto_policy *p = NULL;
    const char *tee = cli_value(c, "tee");

    TRY(selfsame_policy_new(&p, e));
    if (tee == NULL) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "neither --policy nor --tee: nothing says which hardware to trust");
        err_remedy(e, "Give --policy FILE, or --tee nitro with --measurements FILE.");
        return SELFSAME_USAGE;
    }
    TRY(selfsame_policy_accept_tee(p, tee, e));
    if (cli_value(c, "max-age") == NULL && !cli_flag(c, "insecure-any-age"))
        selfsame_policy_require_nonce(p);
    if (!cli_flag(c, "insecure-unbound"))
        selfsame_policy_require_key(p);
    *ret = p;
    p = NULL;
    return SELFSAME_OK;
}

enum selfsame_code
verify_options_policy(
    struct cli *c, struct selfsame_policy **ret, struct selfsame_err *e)
{
    auto_policy *p = NULL;
    const char *file = cli_value(c, "policy"), *age = cli_value(c, "max-age");
    struct selfsame_bytes text;
    int64_t ms;

    if (file != NULL) {
        TRY(file_read(file, POLICY_LIMIT, cli_arena(c), &text, e));
        TRY_WHILE(e, selfsame_policy_parse(text, &p, e), "%s", file);
        if (cli_value(c, "tee") != NULL)
            TRY_WHILE(e, policy_only_tee(&p->policy, cli_value(c, "tee"), e), "--tee");
    } else {
        TRY(one_off(c, &p, e));
    }
    TRY(add_measurements(c, p, e));
    TRY(releases_policy(c, file, p, e));
    if (age != NULL) {
        if (!duration_parse(age, &ms) || ms <= 0)
            FAIL(e, SELFSAME_USAGE,
                "--max-age: expected 90s, 5m, 24h or 7d, got \"%s\"", age);
        selfsame_policy_require_max_age(p, ms);
    }
    apply_insecure(c, p);
    *ret = p;
    p = NULL;
    return SELFSAME_OK;
}

/* A root replaces the pinned ones of --tee, else of every TEE the policy may accept. */
static enum selfsame_code
add_anchor(struct cli *c, struct selfsame_verifier *v, struct selfsame_bytes der,
    struct selfsame_err *e)
{
    const struct tee_verifier *t;

    if (cli_value(c, "tee") != NULL)
        return selfsame_verifier_add_anchor(v, cli_value(c, "tee"), der, e);
    for (size_t i = 0; (t = tee_verifier_at(i)) != NULL; i++)
        TRY(selfsame_verifier_add_anchor(v, t->name, der, e));
    return SELFSAME_OK;
}

static enum selfsame_code
add_anchor_file(struct cli *c, struct selfsame_verifier *v, const char *path,
    struct selfsame_err *e)
{
    struct selfsame_bytes file, der;
    size_t count = 0;

    TRY(file_read(path, ANCHOR_LIMIT, cli_arena(c), &file, e));
    if (file.len == 0)
        return file_empty(e, "certificates (PEM or DER)");
    if (!pem_looks_like(file))
        return add_anchor(c, v, file, e);
    for (;;) {
        TRY(pem_next(&file, "CERTIFICATE", cli_arena(c), &der, e));
        if (der.ptr == NULL)
            break;
        TRY(add_anchor(c, v, der, e));
        count++;
    }
    if (count == 0)
        FAIL(
            e, SELFSAME_MALFORMED, "expected a CERTIFICATE block, got PEM without one");
    return SELFSAME_OK;
}

enum selfsame_code
verify_options_verifier(
    struct cli *c, struct selfsame_verifier **ret, struct selfsame_err *e)
{
    auto_verifier *v = NULL;
    const char *files[FILES];
    size_t n = cli_values(c, "trust-anchor", files, FILES);

    if (n > FILES)
        FAIL(e, SELFSAME_USAGE, "--trust-anchor: at most %d files", FILES);
    TRY(selfsame_verifier_new(&v, e));
    for (size_t i = 0; i < n; i++)
        TRY_WHILE(e, add_anchor_file(c, v, files[i], e), "trust anchor %s", files[i]);
    TRY(collateral_files(c, v, e));
    *ret = v;
    v = NULL;
    return SELFSAME_OK;
}

static void
string_cleanup(char **s)
{
    selfsame_free(*s);
}

enum selfsame_code
verify_options_print(
    struct cli *c, const struct selfsame_result *r, int out_fd, struct selfsame_err *e)
{
    __attribute__((cleanup(string_cleanup))) char *text = NULL;
    __attribute__((cleanup(string_cleanup))) char *page = NULL;
    const char *report = cli_value(c, "report");

    if (report != NULL) {
        TRY(selfsame_result_html(r, &page, e));
        TRY(file_write(report, bytes_str(page), false, e));
    }
    if (cli_json(c))
        TRY(selfsame_result_json(r, &text, e));
    else
        TRY(selfsame_result_text(r, cli_flag(c, "explain"), &text, e));
    TRY(fd_write_all(out_fd, bytes_str(text), "the result", e));
    if (cli_json(c))
        TRY(fd_write_all(out_fd, BYTES_LIT("\n"), "the result", e));
    *e = (struct selfsame_err){ 0 };
    return selfsame_result_code(r);
}
