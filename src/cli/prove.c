/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/publisher.h"
#include "cli/release_input.h"
#include "codec/json.h"
#include "fetch/tiles.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_LIMIT = 1 << 20 };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "proving: out of memory");
}

/* The entry, and where an older proof of it says that it stands. */
struct entry {
    struct selfsame_bytes envelope;
    uint8_t leaf[LOG_HASH];
    bool has_index;
    uint64_t index;
};

static enum selfsame_code
read_entry(struct cli *c, const char *path, struct entry *ret, struct selfsame_err *e)
{
    struct selfsame_bytes in;
    struct release_input r;
    struct log_proof p;

    TRY(file_read(path, FILE_LIMIT, cli_arena(c), &in, e));
    TRY_WHILE(e, release_input_parse(in, cli_arena(c), &r, e), "%s", path);
    if (r.envelope.ptr == NULL)
        FAIL(e, SELFSAME_USAGE,
            "%s: expected an envelope or a proof, got a statement that nobody signed",
            path);
    *ret = (struct entry){ .envelope = r.envelope };
    if (strcmp(r.kind, "proof") == 0) {
        TRY(proof_parse(in, cli_arena(c), &p, e));
        ret->has_index = true;
        ret->index = p.index;
    }
    if (cli_value(c, "index") != NULL) {
        TRY(cli_uint(c, "index", 0, INT64_MAX, &ret->index, e));
        ret->has_index = true;
    }
    return merkle_leaf(r.envelope, ret->leaf) ? SELFSAME_OK : nomem(e);
}

/* The checkpoint as it is now, by the log's key and its witnesses. */
static enum selfsame_code
believe(struct cli *c, struct tiles *t, struct selfsame_bytes *ret_note,
    struct selfsame_err *e)
{
    struct log_policy trust;
    struct checkpoint checkpoint;
    uint64_t witnesses;

    TRY(publisher_trust(c, &trust, e));
    TRY(tiles_checkpoint(t, cli_arena(c), ret_note, e));
    TRY(log_policy_open(
        &trust, *ret_note, cli_arena(c), &checkpoint, &witnesses, NULL, e));
    return tiles_believe(t, &checkpoint, e);
}

/* From the newest: what was published lately is asked for most. */
static enum selfsame_code
find(struct cli *c, struct tiles *t, struct entry *x, struct selfsame_err *e)
{
    const struct merkle_source source = tiles_source(t);
    const uint64_t size = tiles_size(t);
    auto_progress p;

    (void)c;
    progress_begin(&p, "looking for the entry", size);
    for (uint64_t i = size; i > 0; i--) {
        uint8_t hash[LOG_HASH];

        if (!source.node(source.ctx, 0, i - 1, hash))
            FAIL(e, SELFSAME_LOG, "the log does not show its entry %llu",
                (unsigned long long)(i - 1));
        progress_add(&p, 1);
        if (!bytes_eq(BYTES_ARR(hash), BYTES_ARR(x->leaf)))
            continue;
        x->index = i - 1;
        x->has_index = true;
        return SELFSAME_OK;
    }
    (void)err_set(e, SELFSAME_LOG, __FILE__, __LINE__,
        "expected the entry among the %llu of the log, found none",
        (unsigned long long)size);
    err_remedy(e, "Publish it first: selfsame publish FILE.");
    return SELFSAME_LOG;
}

static enum selfsame_code
prove(struct cli *c, struct tiles *t, struct entry *x, const char **ret,
    struct selfsame_err *e)
{
    uint8_t *hashes = arena_alloc(cli_arena(c), LOG_HASH, LOG_PATH_MAX);
    struct checkpoint checkpoint;
    struct log_proof p = { .has_extra = true, .extra = x->envelope };
    struct note n;

    if (hashes == NULL)
        return nomem(e);
    TRY(believe(c, t, &p.checkpoint, e));
    if (!x->has_index)
        TRY(find(c, t, x, e));
    TRY(tiles_inclusion(t, x->index, hashes, &p.path.count, e));
    p.index = x->index;
    p.path.hashes = hashes;
    TRY(note_parse(p.checkpoint, cli_arena(c), &n, e));
    TRY(checkpoint_parse(n.text, &checkpoint, e));
    TRY_WHILE(e,
        merkle_check_inclusion(
            p.index, checkpoint.size, x->leaf, p.path, checkpoint.root, e),
        "entry %llu of the log is another one", (unsigned long long)p.index);
    *ret = proof_text(&p, cli_arena(c));
    return *ret != NULL ? SELFSAME_OK : nomem(e);
}

static const struct cli_option options[] = {
    PUBLISH_OPTIONS,
    { .name = "index",
        .argument = "N",
        .help = "which entry it is (default: looked for, or as in the old proof)" },
    { .name = "out",
        .argument = "FILE",
        .help = "where the proof goes (default: standard output)" },
    { 0 },
};

static enum selfsame_code
where_of(struct cli *c, const char **ret, struct selfsame_err *e)
{
    struct log_policy trust;

    *ret = cli_value(c, "log");
    if (*ret != NULL)
        return SELFSAME_OK;
    TRY(publisher_trust(c, &trust, e));
    return publisher_log(c, &trust, ret, e);
}

static enum selfsame_code
print(struct cli *c, const char *out, const struct entry *x, struct selfsame_err *e)
{
    auto_json *j = json_pack(
        "{s:s, s:s, s:I}", "result", "ok", "file", out, "index", (json_int_t)x->index);
    char *text = j != NULL ? json_compact(j) : NULL;

    if (text == NULL)
        return nomem(e);
    if (cli_json(c))
        (void)puts(text);
    else
        (void)printf("%s\n  entry %llu of its log, cosigned\n", out,
            (unsigned long long)x->index);
    free(text);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    const char *where, *text, *out = cli_value(c, "out");
    auto_tiles *t = NULL;
    struct entry x;

    if (cli_json(c) && out == NULL)
        FAIL(e, SELFSAME_USAGE, "--json wants --out: the proof is no JSON");
    TRY(read_entry(c, cli_operand(c, 0), &x, e));
    TRY(where_of(c, &where, e));
    TRY(tiles_open(where, &t, e));
    TRY(prove(c, t, &x, &text, e));
    TRY(file_write(out != NULL ? out : "-", bytes_str(text), false, e));
    return out != NULL ? print(c, out, &x, e) : SELFSAME_OK;
}

const struct cli_command prove_command = {
    .name = "prove",
    .operands = "FILE",
    .summary = "a fresh proof that an entry is in a log, made from its tiles",
    .story =
        "FILE is an envelope or an older proof. The log's files are read and checked\n"
        "against its checkpoint; no proof of its making is believed.\n"
        "Example:\n"
        "  selfsame prove example.com-hello-1.0.0.tlog-proof --trust trust.txt \\\n"
        "      --out example.com-hello-1.0.0.tlog-proof",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
