/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release is stated once. What was signed stays beside where its proof goes until a log
 * has it, and asking again finds it there, or in the proof: a second statement of the same
 * version, only a minute younger, would look like an attack to every monitor.
 */
#include "cli/publish_statement.h"

#include "cli/publisher.h"
#include "cli/release_input.h"
#include "codec/json.h"
#include "os/os.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_LIMIT = 4 << 20 };

/* ---- the same facts ---- */

/* Without the times of the run that made it. */
static bool
strip(json_t *root)
{
    json_t *predicate = json_object_get(root, "predicate");
    json_t *revoked = json_object_get(predicate, "revoked");

    if (json_object_del(predicate, "validity") != 0)
        return false;
    for (size_t i = 0; i < json_array_size(revoked); i++)
        (void)json_object_del(json_array_get(revoked, i), "since");
    return true;
}

static enum selfsame_code
is_same(
    struct selfsame_bytes a, struct selfsame_bytes b, bool *ret, struct selfsame_err *e)
{
    auto_json *x = NULL, *y = NULL;

    TRY(json_parse(a, "statement", &x, e));
    TRY(json_parse(b, "statement", &y, e));
    *ret = strip(x) && strip(y) && json_equal(x, y);
    return SELFSAME_OK;
}

/* Another name, version or sequence is another matter. */
static bool
is_about_the_same(const struct statement *a, const struct statement *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == STATEMENT_RELEASE)
        return strcmp(a->release.name, b->release.name) == 0 &&
               strcmp(a->release.version, b->release.version) == 0;
    return a->kind == STATEMENT_INDEX && strcmp(a->index.name, b->index.name) == 0 &&
           a->index.sequence == b->index.sequence;
}

/* ---- what is there ---- */

struct found {
    struct selfsame_bytes payload, envelope;
    struct statement statement;
    bool ours; /* signed by --key */
};

/* Nothing there, or nothing of ours, is nothing. */
static enum selfsame_code
look(struct cli *c, const char *path, struct found *ret, bool *ret_there,
    struct selfsame_err *e)
{
    struct selfsame_err ignored;
    struct selfsame_bytes in, spki;
    struct release_input r;
    struct envelope v;
    struct stat st;
    auto_key *k = NULL;

    *ret_there = false;
    if (stat(path, &st) != 0)
        return SELFSAME_OK;
    TRY(file_read(path, FILE_LIMIT, cli_arena(c), &in, e));
    if (in.len == 0 ||
        release_input_parse(in, cli_arena(c), &r, &ignored) != SELFSAME_OK ||
        r.envelope.ptr == NULL ||
        statement_of_envelope(
            r.envelope, cli_arena(c), &v, &ret->statement, &ignored) != SELFSAME_OK)
        return SELFSAME_OK;
    TRY(publisher_key(c, cli_value(c, "key"), &k, e));
    TRY(key_spki(k, cli_arena(c), &spki, e));
    ret->ours = envelope_verify(&v, spki, cli_arena(c), &ignored) == SELFSAME_OK;
    ret->payload = v.payload;
    ret->envelope = r.envelope;
    *ret_there = true;
    return SELFSAME_OK;
}

enum selfsame_code
publish_resume(struct cli *c, const char *path, bool strict, struct publish_source *s,
    bool *ret, struct selfsame_err *e)
{
    struct found there;
    bool is_there, same = false;

    *ret = false;
    TRY(look(c, path, &there, &is_there, e));
    if (!is_there || !there.ours || !is_about_the_same(&there.statement, &s->statement))
        return SELFSAME_OK;
    TRY(is_same(there.payload, s->payload, &same, e));
    if (!same && !strict)
        return SELFSAME_OK;
    if (!same) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "%.80s: this key signed another statement of the same version already",
            path);
        err_remedy(e, "Publish that file as it is, or give the next release another "
                      "version and sequence.");
        return SELFSAME_USAGE;
    }
    s->payload = there.payload;
    s->envelope = there.envelope;
    s->statement = there.statement;
    *ret = true;
    return SELFSAME_OK;
}
