/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/publisher.h"
#include "cli/release_input.h"
#include "codec/json.h"
#include "log/export.h"
#include "log/release_make.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_LIMIT = 4 << 20, PARTS = 64, HASH_TEXT = 64 };
static const int64_t DAY_MS = 86400000;

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "publishing: out of memory");
}

/* ---- what is published ---- */

/* A statement with who signed it, if anybody did. */
struct source {
    struct selfsame_bytes payload;  /* complete: to be signed as it is */
    struct selfsame_bytes envelope; /* signed already */
    struct selfsame_bytes build;    /* of a build: incomplete */
    struct statement statement;     /* of payload */
};

/* A proof, an envelope, a complete statement, or that of a build. */
static enum selfsame_code
read_source(struct cli *c, const char *path, struct source *ret, struct selfsame_err *e)
{
    struct selfsame_bytes in;
    struct release_input r;
    struct selfsame_err ignored;
    struct stat st;

    *ret = (struct source){ .statement = { .kind = 0 } };
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        path = arena_printf(cli_arena(c), "%s/statement.json", path);
    if (path == NULL)
        return nomem(e);
    TRY(file_read(path, FILE_LIMIT, cli_arena(c), &in, e));
    if (in.len == 0)
        return file_empty(e, "a statement, an envelope or a proof");
    TRY_WHILE(e, release_input_parse(in, cli_arena(c), &r, e), "%s", path);
    if (r.envelope.ptr != NULL)
        TRY_WHILE(e, statement_parse(r.payload, cli_arena(c), &ret->statement, e), "%s",
            path);
    else if (statement_parse(r.payload, cli_arena(c), &ret->statement, &ignored) !=
             SELFSAME_OK) {
        ret->build = r.payload;
        return SELFSAME_OK;
    }
    ret->payload = r.payload;
    /* What stands in a proof is in a log already: it is signed anew. */
    if (strcmp(r.kind, "envelope") == 0)
        ret->envelope = r.envelope;
    return SELFSAME_OK;
}

/* ---- facts of a release ---- */

/* The hash of a statement: hex, or a file that holds it. */
static enum selfsame_code
statement_hash(struct cli *c, const char *text, uint8_t ret[32], struct selfsame_err *e)
{
    struct source s;
    size_t len = 0;

    if (strlen(text) == HASH_TEXT && hex_decode(text, HASH_TEXT, ret, 32, &len) &&
        len == 32)
        return SELFSAME_OK;
    TRY(read_source(c, text, &s, e));
    if (s.payload.ptr == NULL)
        FAIL(e, SELFSAME_USAGE,
            "%s: expected a published release or the SHA-256 of its statement", text);
    memcpy(ret, s.statement.sha256, 32);
    return SELFSAME_OK;
}

static enum selfsame_code
validity(struct cli *c, int64_t usual_ms, int64_t *ret_from, int64_t *ret_to,
    struct selfsame_err *e)
{
    const char *valid = cli_value(c, "valid");
    int64_t ms = usual_ms, from = os_now_ms() / 1000;

    if (cli_value(c, "not-before") != NULL)
        TRY(cli_time(c, "not-before", &from, e));
    if (valid != NULL && (!duration_parse(valid, &ms) || ms < 1000))
        FAIL(e, SELFSAME_USAGE, "--valid: expected 24h or 90d, got \"%s\"", valid);
    *ret_from = from;
    *ret_to = from + ms / 1000;
    return SELFSAME_OK;
}

static enum selfsame_code
read_supersedes(struct cli *c, struct release_facts *f, struct selfsame_err *e)
{
    const char *list[PARTS];
    size_t n = cli_values(c, "supersedes", list, PARTS);
    uint8_t(*hashes)[32] = arena_alloc(cli_arena(c), 32, n + 1);

    if (hashes == NULL)
        return nomem(e);
    if (n > PARTS)
        FAIL(e, SELFSAME_USAGE, "--supersedes: at most %d", (int)PARTS);
    for (size_t i = 0; i < n; i++)
        TRY_WHILE(e, statement_hash(c, list[i], hashes[i], e), "--supersedes");
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
    TRY(validity(c, 90 * DAY_MS, &f->not_before_s, &f->not_after_s, e));
    TRY(read_supersedes(c, f, e));
    if (cli_value(c, "require") != NULL)
        TRY(file_read(
            cli_value(c, "require"), FILE_LIMIT, cli_arena(c), &f->require, e));
    return SELFSAME_OK;
}

/* ---- signing and writing ---- */

static enum selfsame_code
sign(struct cli *c, struct source *s, struct selfsame_err *e)
{
    auto_key *k = NULL;

    TRY(publisher_key(c, cli_value(c, "key"), &k, e));
    return envelope_make(
        BYTES_LIT(STATEMENT_PAYLOAD), s->payload, k, cli_arena(c), &s->envelope, e);
}

/* "example.com/hello" 1.0 → "example.com-hello-1.0" */
static char *
usual_name(const struct statement *s, struct arena *arena)
{
    char *name = NULL;

    if (s->kind == STATEMENT_RELEASE)
        name = arena_printf(arena, "%s-%s", s->release.name, s->release.version);
    else if (s->kind == STATEMENT_INDEX)
        name = arena_printf(arena, "%s-index-%llu", s->index.name,
            (unsigned long long)s->index.sequence);
    else {
        char hex[17];

        hex_encode(BYTES(s->rebuild.statement, 8), hex);
        name = arena_printf(arena, "rebuild-of-%s", hex);
    }
    for (char *at = name; at != NULL && *at != '\0'; at++)
        if (*at == '/')
            *at = '-';
    return name;
}

static enum selfsame_code
place_of(struct cli *c, const struct statement *s, const char *suffix, const char **ret,
    struct selfsame_err *e)
{
    const char *out = cli_value(c, "out");
    const char *usual = usual_name(s, cli_arena(c));
    struct stat st;

    if (usual == NULL)
        return nomem(e);
    if (out == NULL)
        *ret = arena_printf(cli_arena(c), "%s%s", usual, suffix);
    else if (stat(out, &st) == 0 && S_ISDIR(st.st_mode))
        *ret = arena_printf(cli_arena(c), "%s/%s%s", out, usual, suffix);
    else
        *ret = out;
    return *ret != NULL ? SELFSAME_OK : nomem(e);
}

static enum selfsame_code
print(struct cli *c, const char *path, const struct statement *s,
    const struct log_proof *p, struct selfsame_err *e)
{
    char hex[65];

    hex_encode(BYTES(s->sha256, 32), hex);
    if (!cli_json(c)) {
        if (p == NULL)
            (void)printf(
                "%s\n  signed, not yet in any log\n  statement %s\n", path, hex);
        else
            (void)printf("%s\n  entry %llu of its log, cosigned\n  statement %s\n",
                path, (unsigned long long)p->index, hex);
        return SELFSAME_OK;
    }
    auto_json *j = json_pack(
        "{s:s, s:s, s:s}", "result", "ok", "file", path, "statement", hex);
    if (j != NULL && p != NULL &&
        json_object_set_new(j, "index", json_integer((json_int_t)p->index)) != 0)
        return nomem(e);
    char *text = j != NULL ? json_compact(j) : NULL;
    if (text == NULL)
        return nomem(e);
    (void)puts(text);
    free(text);
    return SELFSAME_OK;
}

/* The same reference values for those who read CoRIM, signed by the same key. */
static enum selfsame_code
write_corim(struct cli *c, const struct source *s, struct selfsame_err *e)
{
    const char *path = cli_value(c, "corim"), *key = cli_value(c, "key");
    auto_key *k = NULL;
    struct selfsame_bytes corim;

    if (path == NULL)
        return SELFSAME_OK;
    if (s->statement.kind != STATEMENT_RELEASE)
        FAIL(e, SELFSAME_USAGE, "--corim: only a release has reference values");
    if (key != NULL)
        TRY(publisher_key(c, key, &k, e));
    TRY_WHILE(
        e, corim_of_release(&s->statement, k, cli_arena(c), &corim, e), "--corim");
    return file_write(path, corim, false, e);
}

static enum selfsame_code
finish(struct cli *c, struct source *s, struct selfsame_err *e)
{
    const bool sign_only = cli_flag(c, "sign-only");
    const char *path, *text = NULL;
    struct log_proof p;

    if (s->envelope.ptr == NULL)
        TRY(sign(c, s, e));
    TRY(write_corim(c, s, e));
    TRY(place_of(
        c, &s->statement, sign_only ? ".envelope.json" : ".tlog-proof", &path, e));
    if (sign_only) {
        TRY(file_write(path, s->envelope, false, e));
        return print(c, path, &s->statement, NULL, e);
    }
    TRY(publish_envelope(c, s->envelope, &text, &p, e));
    TRY(file_write(path, bytes_str(text), false, e));
    return print(c, path, &s->statement, &p, e);
}

/* ---- publish ---- */

#define FINISH_OPTIONS                                                          \
    { .name = "sign-only",                                                      \
        .help = "sign, and write the envelope; another machine publishes it" }, \
    {                                                                           \
        .name = "out", .argument = "FILE|DIR",                                  \
        .help = "where the proof goes (default: NAME-VERSION.tlog-proof here)"  \
    }

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

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    struct source s;
    struct release_facts facts;

    TRY(read_source(c, cli_operand(c, 0), &s, e));
    if (s.build.ptr != NULL) {
        TRY(read_facts(c, &facts, e));
        TRY_WHILE(e, release_make(s.build, &facts, cli_arena(c), &s.payload, e), "%s",
            cli_operand(c, 0));
        TRY(statement_parse(s.payload, cli_arena(c), &s.statement, e));
    }
    return finish(c, &s, e);
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

/* ---- publish index ---- */

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

static enum selfsame_code
add_current(
    struct cli *c, const char *path, struct release_index *x, struct selfsame_err *e)
{
    struct source s;

    TRY(read_source(c, path, &s, e));
    if (s.payload.ptr == NULL || s.statement.kind != STATEMENT_RELEASE ||
        strcmp(s.statement.release.name, x->name) != 0)
        FAIL(e, SELFSAME_USAGE, "--current %s: expected a published release of %s",
            path, x->name);
    struct index_current *one = &x->current[x->current_count++];
    one->sequence = s.statement.release.sequence;
    memcpy(one->sha256, s.statement.sha256, 32);
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
add_revoked(
    struct cli *c, const char *text, struct release_index *x, struct selfsame_err *e)
{
    const char *equals = strrchr(text, '=');
    uint8_t sha256[32];

    if (equals == NULL || equals[1] == '\0' || equals == text)
        FAIL(e, SELFSAME_USAGE,
            "--revoke: expected FILE=REASON or HEX=REASON, got \"%.60s\"", text);
    const char *what = arena_printf(cli_arena(c), "%.*s", (int)(equals - text), text);
    if (what == NULL)
        return nomem(e);
    TRY_WHILE(e, statement_hash(c, what, sha256, e), "--revoke");
    struct index_revoked *one = revoked_place(x, sha256);
    if (one->reason == NULL) {
        one->reason = equals + 1;
        one->since_s = os_now_ms() / 1000;
    }
    return SELFSAME_OK;
}

/* Nothing that was revoked is forgotten; what was current stays so unless it is said anew. */
static enum selfsame_code
add_previous(struct cli *c, const char *path, struct release_index *x, bool current,
    struct selfsame_err *e)
{
    struct source s;

    TRY(read_source(c, path, &s, e));
    const struct release_index *old = &s.statement.index;
    if (s.payload.ptr == NULL || s.statement.kind != STATEMENT_INDEX ||
        strcmp(old->name, x->name) != 0)
        FAIL(
            e, SELFSAME_USAGE, "--previous %s: expected an index of %s", path, x->name);
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
    const char *current[PARTS], *revoke[PARTS], *previous = cli_value(c, "previous");
    size_t n = cli_values(c, "current", current, PARTS);
    size_t m = cli_values(c, "revoke", revoke, PARTS);

    if (n > PARTS || m > PARTS)
        FAIL(e, SELFSAME_USAGE, "--current, --revoke: at most %d each", (int)PARTS);
    x->current = ARENA_NEW(cli_arena(c), struct index_current, STATEMENT_LIST + PARTS);
    x->revoked = ARENA_NEW(cli_arena(c), struct index_revoked, STATEMENT_LIST + PARTS);
    if (x->current == NULL || x->revoked == NULL)
        return nomem(e);
    x->sequence = previous == NULL ? 1 : 0;
    if (previous != NULL)
        TRY(add_previous(c, previous, x, n == 0, e));
    TRY(cli_uint(c, "sequence", 1, (UINT64_C(1) << 53) - 1, &x->sequence, e));
    for (size_t i = 0; i < n; i++)
        TRY(add_current(c, current[i], x, e));
    for (size_t i = 0; i < m; i++)
        TRY(add_revoked(c, revoke[i], x, e));
    drop_revoked(x);
    return validity(c, 7 * DAY_MS, &x->not_before_s, &x->not_after_s, e);
}

static enum selfsame_code
index_run(struct cli *c, struct selfsame_err *e)
{
    struct release_index x = { .name = cli_operand(c, 0) };
    struct source s = { .statement = { .kind = 0 } };

    if (!release_name_ok(x.name))
        FAIL(
            e, SELFSAME_USAGE, "expected the name of a release, got \"%.60s\"", x.name);
    TRY(index_of(c, &x, e));
    TRY(index_make(&x, cli_arena(c), &s.payload, e));
    TRY(statement_parse(s.payload, cli_arena(c), &s.statement, e));
    return finish(c, &s, e);
}

const struct cli_command publish_index_command = {
    .name = "publish index",
    .operands = "NAME",
    .summary = "say which releases are current and which are revoked",
    .story =
        "Clients whose policy has \"max_index_age\" accept only what a recent index\n"
        "lists; publish one at least every few days.\n"
        "Example:\n"
        "  selfsame publish index example.com/hello --key publisher.key \\\n"
        "      --trust trust.txt --current hello-1.0.0.tlog-proof",
    .options = index_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = index_run,
};
