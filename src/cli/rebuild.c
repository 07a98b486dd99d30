/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_options.h"
#include "cli/commands.h"
#include "cli/publisher.h"
#include "cli/rebuild_report.h"
#include "cli/release_input.h"
#include "crypto/crypto.h"
#include "log/statement.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct cli_option options[] = {
    { .name = "source",
        .argument = "DIR|FILE",
        .help = "what the release says it was built from" },
    { .name = "image",
        .argument = "FILE|DIR",
        .help = "the released image, output directory or manifest: then each file that "
                "differs is named" },
    { .name = "out",
        .argument = "DIR",
        .help = "where the rebuild and rebuild.json go (default: rebuild)" },
    { .name = "tee",
        .argument = "LIST",
        .help = "images for these (default: those of the release)" },
    { .name = "key",
        .argument = "FILE",
        .help = "of a rebuilder, Ed25519, PEM: also writes rebuild.envelope.json" },
    PUBLISH_OPTIONS,
    BUILD_OPTIONS,
    { 0 },
};

struct job {
    struct cli *c;
    struct arena *arena;
    struct screen *screen;
    struct repro_options build;
    const char *image;
    struct key *key; /* NULL: unsigned */
    struct release_input release;
    struct rebuild_claims claims;
    struct rebuild_outcome outcome;
    struct rebuild_report report;
};

/* ---- before anything is built ---- */

/* What is built must not replace what it is compared with. */
static enum selfsame_code
check_apart(const char *out, const char *path, struct selfsame_err *e)
{
    char *a = realpath(out, NULL), *b = path != NULL ? realpath(path, NULL) : NULL;
    size_t n = a != NULL ? strlen(a) : 0;
    bool inside = a != NULL && b != NULL && strncmp(a, b, n) == 0 &&
                  (b[n] == '/' || b[n] == '\0');

    free(a);
    free(b);
    if (inside)
        FAIL(e, SELFSAME_USAGE,
            "--out %s: expected another directory than that of the release (%s)", out,
            path);
    return SELFSAME_OK;
}

static enum selfsame_code
take_key(struct cli *c, struct job *j, struct selfsame_err *e)
{
    const char *path = cli_value(c, "key");
    const bool publishes = cli_value(c, "log") != NULL || cli_value(c, "trust") != NULL;
    struct log_policy trust;
    const char *log;

    if (path == NULL && publishes)
        FAIL(e, SELFSAME_USAGE, "--trust and --log want --key: who says so?");
    if (path != NULL)
        TRY(publisher_key(c, path, &j->key, e));
    if (!publishes)
        return SELFSAME_OK;
    TRY(publisher_trust(c, &trust, e));
    return publisher_log(c, &trust, &log, e);
}

static enum selfsame_code
take_release(struct cli *c, struct job *j, struct selfsame_err *e)
{
    const char *path = cli_operand(c, 0);
    struct selfsame_bytes in;
    uint8_t digest[HASH_MAX];
    struct statement s;

    TRY(file_read(path, PROOF_MAX, j->arena, &in, e));
    TRY_WHILE(e, release_input_parse(in, j->arena, &j->release, e), "reading %s", path);
    /* What is published is whole; a bare statement may be that of a build. */
    if (j->release.envelope.ptr != NULL)
        TRY_WHILE(e, statement_parse(j->release.payload, j->arena, &s, e), "reading %s",
            path);
    TRY_WHILE(e, rebuild_read(j->release.payload, j->arena, &j->claims, e),
        "reading %s", path);
    if (!hash_bytes(HASH_SHA256, j->release.payload, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory to rebuild");
    memcpy(j->outcome.sha256, digest, sizeof(j->outcome.sha256));
    j->outcome.released = j->release.payload;
    return SELFSAME_OK;
}

static enum selfsame_code
take_options(struct cli *c, struct job *j, struct selfsame_err *e)
{
    const char *out = cli_value(c, "out"), *tees = cli_value(c, "tee");

    TRY(build_options_take(c, j->screen, &j->build, e));
    j->build.source = cli_value(c, "source");
    j->build.out = out != NULL ? out : "rebuild";
    j->image = cli_value(c, "image");
    if (j->build.source == NULL)
        FAIL(e, SELFSAME_USAGE,
            "--source is missing: expected the source of the release");
    TRY(take_key(c, j, e));
    TRY(take_release(c, j, e));
    j->build.tees = tees != NULL ? tees : j->claims.tees;
    TRY(check_apart(j->build.out, cli_operand(c, 0), e));
    TRY(check_apart(j->build.out, j->image, e));
    if (j->image != NULL)
        TRY(rebuild_check_image(j->release.payload, j->image, j->arena, e));
    return SELFSAME_OK;
}

/* ---- comparing ---- */

/* Tars that hold the same may be other bytes: this is told, and decides nothing. */
static enum selfsame_code
compare_tar(struct job *j, struct selfsame_err *e)
{
    char hex[65];

    j->report.source = "not compared: the release names no tar";
    if (j->claims.source_sha256 == NULL)
        return SELFSAME_OK;
    TRY(rebuild_sha256(j->build.source, hex, e));
    j->report.source = strcmp(hex, j->claims.source_sha256) == 0
                           ? "the tar of the release"
                           : "another file than the release's tar";
    return SELFSAME_OK;
}

static enum selfsame_code
compare_commit(struct job *j, struct repro_diff *d, struct selfsame_err *e)
{
    struct repro_finding f = { .what = "source",
        .name = "git commit",
        .how = "value",
        .a = j->claims.git_commit,
        .hint = "check out the commit that the release names" };

    j->report.source = "not compared: it is no checkout";
    TRY(rebuild_commit(j->build.source, j->arena, &f.b, e));
    if (f.a == NULL)
        j->report.source = "not compared: the release names no commit";
    if (f.a == NULL || f.b == NULL)
        return SELFSAME_OK;
    d->compared++;
    j->report.source = "the commit of the release";
    if (strcmp(f.a, f.b) == 0)
        return SELFSAME_OK;
    j->report.source = "another commit than the release's";
    d->differences++;
    d->found(d->ctx, &f);
    return SELFSAME_OK;
}

static enum selfsame_code
compare_source(struct job *j, struct repro_diff *d, struct selfsame_err *e)
{
    struct stat st;

    if (stat(j->build.source, &st) != 0)
        return file_error(e, "cannot open", j->build.source);
    return S_ISDIR(st.st_mode) ? compare_commit(j, d, e) : compare_tar(j, e);
}

static enum selfsame_code
compare(struct job *j, const struct repro_result *r, struct selfsame_err *e)
{
    struct repro_diff d = { .found = rebuild_report_add, .ctx = &j->report };
    struct repro_diff inside = { .found = rebuild_report_add_inside,
        .ctx = &j->report };

    j->outcome.rebuilt = bytes_str(r->statement);
    j->outcome.sandboxed = r->sandboxed;
    TRY(compare_source(j, &d, e));
    TRY(rebuild_compare(j->outcome.released, j->outcome.rebuilt, &d, j->arena, e));
    j->outcome.result = d.differences == 0 ? "identical" : "different";
    j->report.differences = d.differences;
    j->report.compared = d.compared;
    if (d.differences > 0 && j->image != NULL)
        TRY_WHILE(e,
            rebuild_compare_image(j->image, j->build.out, &inside, j->arena, e),
            "comparing with %s", j->image);
    return rebuild_report_failed(&j->report, e);
}

/* ---- what stays ---- */

static enum selfsame_code
write_text(struct job *j, const char *name, struct selfsame_bytes text,
    const char **ret_path, struct selfsame_err *e)
{
    char *path = arena_printf(j->arena, "%s/%s", j->build.out, name);

    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    TRY(file_write(path, text, false, e));
    *ret_path = path;
    return SELFSAME_OK;
}

static enum selfsame_code
publish(struct job *j, struct selfsame_bytes envelope, struct selfsame_err *e)
{
    struct log_proof p;
    const char *text;

    if (cli_value(j->c, "trust") == NULL)
        return SELFSAME_OK;
    TRY_WHILE(
        e, publish_envelope(j->c, envelope, &text, &p, e), "publishing the result");
    return write_text(
        j, "rebuild.tlog-proof", bytes_str(text), &j->report.proof_path, e);
}

static enum selfsame_code
write_statement(struct job *j, struct selfsame_err *e)
{
    struct selfsame_bytes text, envelope;
    struct statement s;

    TRY(rebuild_statement(&j->outcome, j->arena, &text, e));
    /* Nobody else could read what we cannot. */
    TRY_WHILE(e, statement_parse(text, j->arena, &s, e), "stating the result");
    TRY(dir_make(j->build.out, false, e));
    TRY(write_text(j, "rebuild.json", text, &j->report.statement_path, e));
    if (j->key == NULL)
        return SELFSAME_OK;
    TRY(envelope_make(
        BYTES_LIT(STATEMENT_PAYLOAD), text, j->key, j->arena, &envelope, e));
    TRY(write_text(j, "rebuild.envelope.json", envelope, &j->report.envelope_path, e));
    return publish(j, envelope, e);
}

/* Only what is the source's fault is a result; anything else is no rebuild at all. */
static bool
is_a_result(enum selfsame_code code, bool began)
{
    return began && !os_interrupted() &&
           (code == SELFSAME_USAGE || code == SELFSAME_MALFORMED ||
               code == SELFSAME_UNSUPPORTED);
}

static enum selfsame_code
build_and_compare(struct job *j, struct selfsame_err *e)
{
    struct repro_result r = { 0 };
    struct selfsame_err other = { 0 };
    bool began = false;

    j->build.began = &began;
    os_interruptible();
    enum selfsame_code code = repro_build(&j->build, j->arena, &r, e);
    screen_finish(j->screen);
    if (code == SELFSAME_OK) {
        TRY(compare(j, &r, e));
        return write_statement(j, e);
    }
    if (!is_a_result(code, began))
        return code;
    j->outcome.result = "failed";
    if (write_statement(j, &other) == SELFSAME_OK)
        screen_note(j->screen, "the rebuild failed, and rebuild.json says so");
    else
        screen_note(j->screen, err_text(&other));
    return err_wrap(e, code, __FILE__, __LINE__, "rebuilding %s", j->build.source);
}

static void
job_free(struct job *j)
{
    key_free(&j->key);
    rebuild_report_free(&j->report);
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)2 << 30);
    struct screen screen = { 0 };
    __attribute__((cleanup(
        job_free))) struct job j = { .c = c, .arena = &arena, .screen = &screen };

    TRY(take_options(c, &j, e));
    TRY(rebuild_report_new(&j.report, cli_json(c), e));
    enum selfsame_code code = build_and_compare(&j, e);
    /* A result that could not be published is a result all the same. */
    if (code != SELFSAME_OK && (cli_json(c) || j.report.statement_path == NULL ||
                                   j.outcome.rebuilt.ptr == NULL))
        return code;
    TRY(rebuild_report_print(&j.report, &j.outcome, &j.claims, e));
    TRY(code);
    return j.report.differences == 0 ? SELFSAME_OK : SELFSAME_MISMATCH;
}

const struct cli_command rebuild_command = {
    .name = "rebuild",
    .operands = "RELEASE",
    .summary = "build the source of a release again, and compare",
    .story = "RELEASE is a .tlog-proof, an envelope, or the statement.json of a build; "
             "signatures are not checked\n(`verify --release` does). Exit status: 0 "
             "identical, 19 different.\n\nExample:\n"
             "  selfsame rebuild example.com-hello-1.0.0.tlog-proof --source hello "
             "--key rebuilder.key",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
