/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/publish_statement.h"
#include "cli/publisher.h"
#include "log/release_make.h"
#include "os/os.h"

#include <stdio.h>

enum { FILE_LIMIT = 4 << 20 };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "publishing: out of memory");
}

static const struct cli_option index_options[] = {
    PUBLISHER_KEY,
    PUBLISH_OPTIONS,
    { .name = "current",
        .argument = "FILE",
        .repeatable = true,
        .help = "proof of a release that may be run" },
    { .name = "revoke",
        .argument = "FILE|HEX=REASON",
        .repeatable = true,
        .help = "a release that must not be run, and why" },
    { .name = "previous",
        .argument = "FILE",
        .help = "proof of the index before: what it revoked stays revoked" },
    { .name = "sequence",
        .argument = "N",
        .help = "of the index (default: one more than the previous)" },
    { .name = "valid", .argument = "DURATION", .help = "at most 7d (default: 7d)" },
    { .name = "not-before", .argument = "TIME", .help = "from then (default: now)" },
    FINISH_OPTIONS,
    { 0 },
};

/* An index while it is put together. */
struct making {
    struct cli *c;
    struct release_index *x;
    struct log_policy trust; /* read when the first file is */
    bool has_trust;
};

/* ---- from proofs, which are verified: clients believe what an index says ---- */

static enum selfsame_code
open_proof(struct making *m, const char *path, struct envelope *ret_envelope,
    struct statement *ret, struct selfsame_err *e)
{
    struct arena *arena = cli_arena(m->c);
    struct selfsame_bytes in, envelope;

    if (!m->has_trust)
        TRY(publisher_trust(m->c, &m->trust, e));
    m->has_trust = true;
    TRY(file_read(path, FILE_LIMIT, arena, &in, e));
    if (!bytes_has_prefix(in, BYTES_LIT("c2sp.org/tlog-proof@"))) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "%s: expected a .tlog-proof, got another file", path);
        err_remedy(e, "Give the proof that publish wrote: what stands in no log may be "
                      "anybody's.");
        return SELFSAME_USAGE;
    }
    TRY_WHILE(e, publisher_open_proof(m->c, &m->trust, in, &envelope, e), "%s", path);
    TRY_WHILE(
        e, statement_of_envelope(envelope, arena, ret_envelope, ret, e), "%s", path);
    return SELFSAME_OK;
}

static enum selfsame_code
open_release(struct making *m, const char *option, const char *path,
    struct statement *ret, struct selfsame_err *e)
{
    struct envelope v;

    TRY_WHILE(e, open_proof(m, path, &v, ret, e), "%s", option);
    if (ret->kind != STATEMENT_RELEASE || strcmp(ret->release.name, m->x->name) != 0)
        FAIL(e, SELFSAME_USAGE, "%s %s: expected a published release of %s", option,
            path, m->x->name);
    return SELFSAME_OK;
}

static enum selfsame_code
add_current(struct making *m, const char *path, struct selfsame_err *e)
{
    struct index_current *one = &m->x->current[m->x->current_count];
    struct statement s;

    TRY(open_release(m, "--current", path, &s, e));
    one->sequence = s.release.sequence;
    memcpy(one->sha256, s.sha256, 32);
    m->x->current_count++;
    return SELFSAME_OK;
}

/* The same release twice is one. */
static struct index_revoked *
revoked_place(struct release_index *x, const uint8_t sha256[32])
{
    for (size_t i = 0; i < x->revoked_count; i++)
        if (bytes_eq(BYTES(x->revoked[i].sha256, 32), BYTES(sha256, 32)))
            return &x->revoked[i];
    memcpy(x->revoked[x->revoked_count].sha256, sha256, 32);
    return &x->revoked[x->revoked_count++];
}

static enum selfsame_code
add_revoked(struct making *m, const char *text, struct selfsame_err *e)
{
    const char *equals = strchr(text, '=');
    uint8_t sha256[32];
    struct statement s;

    if (equals == NULL || equals[1] == '\0' || equals == text)
        FAIL(e, SELFSAME_USAGE,
            "--revoke: expected FILE=REASON or HEX=REASON, got \"%.60s\"", text);
    const char *what = arena_printf(
        cli_arena(m->c), "%.*s", (int)(equals - text), text);
    if (what == NULL)
        return nomem(e);
    if (!publish_is_hash(what, sha256)) {
        TRY(open_release(m, "--revoke", what, &s, e));
        memcpy(sha256, s.sha256, 32);
    }
    struct index_revoked *one = revoked_place(m->x, sha256);
    if (one->reason == NULL) {
        one->reason = equals + 1;
        one->since_s = os_now_ms() / 1000;
    }
    return SELFSAME_OK;
}

/* Anybody whom the log knows can have an index in it: the next one follows one's own. */
static enum selfsame_code
check_own(struct making *m, const struct envelope *v, struct selfsame_err *e)
{
    auto_key *k = NULL;
    struct selfsame_bytes spki;

    TRY(publisher_key(m->c, cli_value(m->c, "key"), &k, e));
    TRY(key_spki(k, cli_arena(m->c), &spki, e));
    return envelope_verify(v, spki, cli_arena(m->c), e);
}

/* Nothing that was revoked is forgotten; what was current stays so unless it is said anew. */
static enum selfsame_code
add_previous(struct making *m, const char *path, bool current, struct selfsame_err *e)
{
    struct release_index *x = m->x;
    struct statement s;
    struct envelope v;

    TRY_WHILE(e, open_proof(m, path, &v, &s, e), "--previous");
    const struct release_index *old = &s.index;
    if (s.kind != STATEMENT_INDEX || strcmp(old->name, x->name) != 0)
        FAIL(
            e, SELFSAME_USAGE, "--previous %s: expected an index of %s", path, x->name);
    TRY_WHILE(e, check_own(m, &v, e), "--previous %s", path);
    for (size_t i = 0; i < old->revoked_count; i++)
        *revoked_place(x, old->revoked[i].sha256) = old->revoked[i];
    for (size_t i = 0; current && i < old->current_count; i++)
        x->current[x->current_count++] = old->current[i];
    x->sequence = old->sequence + 1;
    return SELFSAME_OK;
}

/* A revoked release is not current. */
static void
drop_revoked(struct release_index *x)
{
    size_t n = 0;

    for (size_t i = 0; i < x->current_count; i++) {
        bool revoked = false;

        for (size_t k = 0; k < x->revoked_count && !revoked; k++)
            revoked = bytes_eq(
                BYTES(x->revoked[k].sha256, 32), BYTES(x->current[i].sha256, 32));
        if (!revoked)
            x->current[n++] = x->current[i];
    }
    x->current_count = n;
}

static enum selfsame_code
index_of(struct cli *c, struct release_index *x, struct selfsame_err *e)
{
    const char *current[PUBLISH_PARTS], *revoke[PUBLISH_PARTS],
        *previous = cli_value(c, "previous");
    size_t n = cli_values(c, "current", current, PUBLISH_PARTS);
    size_t m = cli_values(c, "revoke", revoke, PUBLISH_PARTS);

    if (n > PUBLISH_PARTS || m > PUBLISH_PARTS)
        FAIL(e, SELFSAME_USAGE, "--current, --revoke: at most %d each",
            (int)PUBLISH_PARTS);
    x->current = ARENA_NEW(
        cli_arena(c), struct index_current, STATEMENT_LIST + PUBLISH_PARTS);
    x->revoked = ARENA_NEW(
        cli_arena(c), struct index_revoked, STATEMENT_LIST + PUBLISH_PARTS);
    if (x->current == NULL || x->revoked == NULL)
        return nomem(e);
    struct making making = { .c = c, .x = x };
    x->sequence = previous == NULL ? 1 : 0;
    if (previous != NULL)
        TRY(add_previous(&making, previous, n == 0, e));
    const uint64_t least = x->sequence;
    TRY(cli_uint(c, "sequence", 1, (UINT64_C(1) << 53) - 1, &x->sequence, e));
    if (x->sequence < least)
        FAIL(e, SELFSAME_USAGE,
            "--sequence: expected %llu or more, after that of the previous index",
            (unsigned long long)least);
    for (size_t i = 0; i < n; i++)
        TRY(add_current(&making, current[i], e));
    for (size_t i = 0; i < m; i++)
        TRY(add_revoked(&making, revoke[i], e));
    const size_t all = x->current_count;
    drop_revoked(x);
    if (n > 0 && x->current_count < all)
        FAIL(e, SELFSAME_USAGE,
            "--current: expected releases that are not revoked, got one that is");
    if (previous == NULL && !cli_json(c))
        (void)fprintf(stderr,
            "selfsame: an index without --previous revokes nothing that an earlier one "
            "did\n");
    return publish_validity(
        c, 7 * PUBLISH_DAY_MS, &x->not_before_s, &x->not_after_s, e);
}

static enum selfsame_code
index_run(struct cli *c, struct selfsame_err *e)
{
    struct release_index x = { .name = cli_operand(c, 0) };
    struct publish_source s = { .statement = { .kind = 0 } };

    if (!release_name_ok(x.name))
        FAIL(
            e, SELFSAME_USAGE, "expected the name of a release, got \"%.60s\"", x.name);
    TRY(index_of(c, &x, e));
    TRY(index_make(&x, cli_arena(c), &s.payload, e));
    TRY(statement_parse(s.payload, cli_arena(c), &s.statement, e));
    s.made = true;
    return publish_finish(c, &s, e);
}

const struct cli_command publish_index_command = {
    .name = "publish index",
    .operands = "NAME",
    .summary = "say which releases are current and which are revoked",
    .story =
        "Clients whose policy has \"max_index_age\" accept only what a recent index\n"
        "lists; publish one at least every few days.\n"
        "FILEs are proofs, and verified with --trust; the previous index is one of\n"
        "this key.\n"
        "Example:\n"
        "  selfsame publish index example.com/hello --key publisher.key \\\n"
        "      --trust trust.txt --current example.com-hello-1.0.0.tlog-proof",
    .options = index_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = index_run,
};
