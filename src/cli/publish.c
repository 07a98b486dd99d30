/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"
#include "cli/commands.h"
#include "cli/publish_statement.h"
#include "cli/publisher.h"
#include "log/release_make.h"
#include "os/os.h"

enum { FILE_LIMIT = 4 << 20 };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "publishing: out of memory");
}

/* ---- facts of a release ---- */

static enum selfsame_code
read_supersedes(struct cli *c, struct release_facts *f, struct selfsame_err *e)
{
    const char *list[PUBLISH_PARTS];
    size_t n = cli_values(c, "supersedes", list, PUBLISH_PARTS);
    uint8_t(*hashes)[32] = arena_alloc(cli_arena(c), 32, n + 1);

    if (hashes == NULL)
        return nomem(e);
    if (n > PUBLISH_PARTS)
        FAIL(e, SELFSAME_USAGE, "--supersedes: at most %d", (int)PUBLISH_PARTS);
    for (size_t i = 0; i < n; i++)
        TRY_WHILE(e, publish_hash(c, list[i], hashes[i], e), "--supersedes");
    f->supersedes = (const uint8_t(*)[32])hashes;
    f->supersedes_count = n;
    return SELFSAME_OK;
}

static enum selfsame_code
read_facts(struct cli *c, struct release_facts *f, struct selfsame_err *e)
{
    *f = (struct release_facts){
        .name = cli_value(c, "name"),
        .version = cli_value(c, "version"),
        .channel = cli_value(c, "channel"),
        .source_uri = cli_value(c, "source"),
        .git_commit = cli_value(c, "commit"),
        .git_tree = cli_value(c, "git-tree"),
        .source_sha256 = cli_value(c, "source-sha256"),
    };
    if (cli_value(c, "sequence") == NULL)
        FAIL(e, SELFSAME_USAGE,
            "--sequence N is mandatory: one more than that of the last release");
    if (f->source_uri == NULL || (f->git_commit == NULL && f->source_sha256 == NULL)) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "expected --source URI and --commit HEX (or --source-sha256 HEX): a "
            "release says what it was built from");
        err_remedy(e, "For example --source git+https://example.com/hello --commit "
                      "$(git rev-parse HEAD).");
        return SELFSAME_USAGE;
    }
    TRY(cli_uint(c, "sequence", 1, (UINT64_C(1) << 53) - 1, &f->sequence, e));
    TRY(publish_validity(c, 90 * PUBLISH_DAY_MS, &f->not_before_s, &f->not_after_s, e));
    TRY(read_supersedes(c, f, e));
    if (cli_value(c, "require") != NULL)
        TRY(file_read(
            cli_value(c, "require"), FILE_LIMIT, cli_arena(c), &f->require, e));
    return SELFSAME_OK;
}

/* ---- what clients make of it ---- */

/*
 * A client passes over a measurement that it cannot use: what is demanded of it would
 * keep everybody out, and nobody would be told before the release is in the log.
 */
static enum selfsame_code
check_usable(struct cli *c, const struct release *r, struct selfsame_err *e)
{
    static const struct identity nobody = { .release = NULL };
    struct tee_facts facts[API_TEES];
    const size_t fact_count = api_tee_facts(facts);
    struct policy scratch = { .tee_count = 0 };

    for (size_t i = 0; i < r->reference_count; i++) {
        const struct release_reference *ref = &r->references[i];
        bool known = false;

        for (size_t k = 0; k < fact_count; k++)
            known = known || strcmp(facts[k].name, ref->tee) == 0;
        if (!known)
            continue;
        if (ref->unusable != NULL)
            FAIL(e, SELFSAME_USAGE, "%s: %s: no client could use this release",
                ref->tee, ref->unusable);
        TRY_WHILE(e,
            policy_add_reference(&scratch, ref->entry, ref->options, "--require",
                &nobody, facts, fact_count, cli_arena(c), e),
            "%s: no client could use this release", ref->tee);
    }
    return SELFSAME_OK;
}

/* ---- publish ---- */

static const struct cli_option options[] = {
    PUBLISHER_KEY,
    PUBLISH_OPTIONS,
    { .name = "sequence",
        .argument = "N",
        .help = "grows with every release of this name; clients never go back" },
    { .name = "source", .argument = "URI", .help = "where the source is" },
    { .name = "commit", .argument = "HEX", .help = "its git commit" },
    { .name = "git-tree", .argument = "HEX", .help = "its git tree" },
    { .name = "source-sha256",
        .argument = "HEX",
        .help = "SHA-256 of its canonical archive" },
    { .name = "name", .argument = "NAME", .help = "instead of the recipe's" },
    { .name = "version", .argument = "VERSION", .help = "instead of the recipe's" },
    { .name = "channel", .argument = "WORD", .help = "stable, beta, ..." },
    { .name = "valid",
        .argument = "DURATION",
        .help = "how long it may be run: at most 400d (default: 90d)" },
    { .name = "not-before", .argument = "TIME", .help = "from then (default: now)" },
    { .name = "supersedes",
        .argument = "HEX|FILE",
        .repeatable = true,
        .help = "an earlier release: its proof or the hash of its statement" },
    { .name = "require",
        .argument = "FILE",
        .help =
            "JSON of further demands by TEE: {\"amd-sev-snp\": {\"minTcb\": ...}}" },
    { .name = "corim",
        .argument = "FILE",
        .help = "also write the reference values as a signed CoRIM" },
    FINISH_OPTIONS,
    { 0 },
};

/* What is complete is signed as it is: options that would say otherwise are mistakes. */
static enum selfsame_code
check_unused(struct cli *c, struct selfsame_err *e)
{
    static const char *const facts[] = { "sequence", "source", "commit", "git-tree",
        "source-sha256", "name", "version", "channel", "valid", "not-before",
        "supersedes", "require" };

    for (size_t i = 0; i < COUNT(facts); i++)
        if (cli_value(c, facts[i]) != NULL)
            FAIL(e, SELFSAME_USAGE, "--%s is for what `build` wrote: %.60s is complete",
                facts[i], cli_operand(c, 0));
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    struct publish_source s;
    struct release_facts facts;

    TRY(publish_read(c, cli_operand(c, 0), &s, e));
    if (s.build.ptr != NULL) {
        TRY(read_facts(c, &facts, e));
        TRY_WHILE(e, release_make(s.build, &facts, cli_arena(c), &s.payload, e), "%s",
            cli_operand(c, 0));
        TRY(statement_parse(s.payload, cli_arena(c), &s.statement, e));
        s.made = true;
        TRY(check_usable(c, &s.statement.release, e));
    } else
        TRY(check_unused(c, e));
    return publish_finish(c, &s, e);
}

const struct cli_command publish_command = {
    .name = "publish",
    .operands = "DIR|FILE",
    .summary = "sign a release, put it into a transparency log, get its proof",
    .story =
        "DIR is what `build` wrote. FILE is a statement.json, an envelope (published\n"
        "as it is), or the proof of another publisher's release: then the same\n"
        "statement is signed with this key, too.\n"
        "Example:\n"
        "  selfsame publish out --key publisher.key --trust trust.txt --sequence 1 "
        "\\\n"
        "      --source git+https://example.com/hello --commit $(git rev-parse HEAD)",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
