/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/publish_statement.h"

#include "cli/publisher.h"
#include "cli/release_input.h"
#include "codec/json.h"
#include "log/export.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_LIMIT = 4 << 20, HASH_TEXT = 64 };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "publishing: out of memory");
}

/* ---- what comes ---- */

/* A build says no validity: that is for who publishes. */
static bool
is_of_build(struct selfsame_bytes payload)
{
    struct selfsame_err ignored;
    auto_json *j = NULL;

    return json_parse(payload, "statement", &j, &ignored) == SELFSAME_OK &&
           json_object_get(json_object_get(j, "predicate"), "validity") == NULL;
}

enum selfsame_code
publish_read(
    struct cli *c, const char *path, struct publish_source *ret, struct selfsame_err *e)
{
    struct selfsame_bytes in;
    struct release_input r;
    struct stat st;

    *ret = (struct publish_source){ .statement = { .kind = 0 } };
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
    else if (is_of_build(r.payload)) {
        ret->build = r.payload;
        return SELFSAME_OK;
    } else
        TRY_WHILE(e, statement_parse(r.payload, cli_arena(c), &ret->statement, e), "%s",
            path);
    ret->payload = r.payload;
    /* What stands in a proof is in a log already: it is signed anew. */
    if (strcmp(r.kind, "envelope") == 0)
        ret->envelope = r.envelope;
    return SELFSAME_OK;
}

bool
publish_is_hash(const char *text, uint8_t ret[32])
{
    size_t len = 0;

    return strlen(text) == HASH_TEXT && hex_decode(text, HASH_TEXT, ret, 32, &len) &&
           len == 32;
}

enum selfsame_code
publish_hash(struct cli *c, const char *text, uint8_t ret[32], struct selfsame_err *e)
{
    struct publish_source s;

    if (publish_is_hash(text, ret))
        return SELFSAME_OK;
    TRY(publish_read(c, text, &s, e));
    if (s.payload.ptr == NULL)
        FAIL(e, SELFSAME_USAGE,
            "%s: expected a published release or the SHA-256 of its statement", text);
    memcpy(ret, s.statement.sha256, 32);
    return SELFSAME_OK;
}

enum selfsame_code
publish_validity(struct cli *c, int64_t usual_ms, int64_t *ret_from, int64_t *ret_to,
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

/* ---- signing and writing ---- */

static enum selfsame_code
sign(struct cli *c, struct publish_source *s, struct selfsame_err *e)
{
    auto_key *k = NULL;

    TRY(publisher_key(c, cli_value(c, "key"), &k, e));
    enum selfsame_code code = envelope_make(
        BYTES_LIT(STATEMENT_PAYLOAD), s->payload, k, cli_arena(c), &s->envelope, e);
    if (code != SELFSAME_USAGE || s->statement.kind != STATEMENT_INDEX)
        return code;
    err_remedy(e,
        "Begin an index without --previous, of the next --sequence, and revoke "
        "in it only what has not expired; shorter reasons leave more room.");
    return err_wrap(e, code, __FILE__, __LINE__,
        "an index of %zu current and %zu revoked releases is too large for a log",
        s->statement.index.current_count, s->statement.index.revoked_count);
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

/*
 * Another publisher's proof of the same release has the same usual name, and who signs
 * second has the first one's file at hand. A name that was given may be replaced.
 */
static enum selfsame_code
check_place(struct cli *c, const char *path, struct selfsame_bytes envelope,
    struct selfsame_err *e)
{
    const char *out = cli_value(c, "out");
    struct selfsame_bytes in;
    struct release_input there;
    struct selfsame_err ignored;
    struct stat st;

    if ((out != NULL && strcmp(out, path) == 0) || stat(path, &st) != 0)
        return SELFSAME_OK;
    TRY_WHILE(e, file_read(path, FILE_LIMIT, cli_arena(c), &in, e),
        "looking at what would be replaced");
    if (release_input_parse(in, cli_arena(c), &there, &ignored) != SELFSAME_OK ||
        there.envelope.ptr == NULL || bytes_eq(there.envelope, envelope))
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "%s is there already, and of another envelope", path);
    err_remedy(e, "Name another file with --out, or this one to replace it.");
    return SELFSAME_USAGE;
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
write_corim(struct cli *c, const struct publish_source *s, struct selfsame_err *e)
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

/* What was signed is kept until there is a proof: asked again, it is the same entry. */
static enum selfsame_code
log_it(struct cli *c, const struct publish_source *s, const char *path,
    const char *pending, struct selfsame_err *e)
{
    const char *text = NULL;
    struct log_proof p;

    if (s->made)
        TRY(file_write(pending, s->envelope, false, e));
    const enum selfsame_code code = publish_envelope(c, s->envelope, &text, &p, e);
    if (code != SELFSAME_OK && s->made)
        return err_wrap(e, code, __FILE__, __LINE__,
            "what was signed is in %.90s; ask again the same way", pending);
    TRY(code);
    TRY(file_write(path, bytes_str(text), false, e));
    if (s->made)
        (void)unlink(pending);
    return print(c, path, &s->statement, &p, e);
}

enum selfsame_code
publish_finish(struct cli *c, struct publish_source *s, struct selfsame_err *e)
{
    const bool sign_only = cli_flag(c, "sign-only");
    const char *path = NULL, *pending;
    bool resumed = false;

    TRY(place_of(
        c, &s->statement, sign_only ? ".envelope.json" : ".tlog-proof", &path, e));
    pending = sign_only ? path : arena_printf(cli_arena(c), "%s.envelope.json", path);
    if (pending == NULL)
        return nomem(e);
    /* A name that was given may be replaced; what stands there under ours may not. */
    const char *out = cli_value(c, "out");
    const bool given = out != NULL && strcmp(out, path) == 0;
    if (s->made && !sign_only)
        TRY(publish_resume(c, pending, true, s, &resumed, e));
    if (s->made && !resumed)
        TRY(publish_resume(c, path, !given, s, &resumed, e));
    if (s->envelope.ptr == NULL)
        TRY(sign(c, s, e));
    TRY(check_place(c, path, s->envelope, e));
    TRY(write_corim(c, s, e));
    if (!sign_only)
        return log_it(c, s, path, pending, e);
    TRY(file_write(path, s->envelope, false, e));
    return print(c, path, &s->statement, NULL, e);
}
