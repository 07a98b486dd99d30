/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore_internal.h"

#include <inttypes.h>

/* One entry of a Rekor log: promised (v1), and included under a signed checkpoint. */

const struct sigstore_log *
sigstore_log_of(const struct sigstore_root *root, const struct sigstore_entry *n)
{
    for (size_t i = 0; i < root->log_count; i++)
        if (bytes_eq(root->logs[i].id, n->log_id))
            return &root->logs[i];
    return NULL;
}

static enum selfsame_code
find_log(const struct sigstore_work *w, const struct sigstore_entry *n,
    const struct sigstore_log **ret, struct selfsame_err *e)
{
    const struct sigstore_log *log = sigstore_log_of(w->root, n);
    char id[SJ_BRIEF];

    hex_encode(BYTES(n->log_id.ptr, n->log_id.len < 8 ? n->log_id.len : 8), id);
    if (log == NULL)
        FAIL(e, SELFSAME_LOG,
            "log entry: expected a log of the trusted root, got the id %s...", id);
    if (log->key.alg == SIG_NONE)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "log entry: the key of its log %s is of an unknown kind",
            sj_brief(log->host, id));
    *ret = log;
    return SELFSAME_OK;
}

enum selfsame_code
sigstore_check_promise(
    struct sigstore_work *w, const struct sigstore_entry *n, struct selfsame_err *e)
{
    const struct sigstore_log *log = NULL;

    if (n->promise.ptr == NULL)
        return SELFSAME_OK; /* and then its time is nobody's word */
    TRY(find_log(w, n, &log, e));
    char *id = hex_dup(w->arena, n->log_id);
    char *text = id == NULL ? NULL
                            : arena_printf(w->arena,
                                  "{\"body\":\"%.*s\",\"integratedTime\":%" PRIu64
                                  ",\"logID\":\"%s\",\"logIndex\":%" PRIu64 "}",
                                  (int)n->body_text.len, (const char *)n->body_text.ptr,
                                  n->integrated_s, id, n->index);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "log entry: out of memory");
    TRY(sigstore_signed(
        &log->key, bytes_str(text), n->promise, "signed entry timestamp", e));
    TRY(sigstore_period_check(
        &log->valid, (int64_t)n->integrated_s, "key of the log", e));
    return sigstore_add_time(w, (int64_t)n->integrated_s, "log entry", e);
}

/* ---- checkpoints ---- */

/* Rekor v1: "host - tree id"; v2: the host. */
static bool
origin_fits(struct selfsame_bytes origin, struct selfsame_bytes host)
{
    if (!bytes_has_prefix(origin, host))
        return false;
    return origin.len == host.len ||
           bytes_has_prefix(
               BYTES(origin.ptr + host.len, origin.len - host.len), BYTES_LIT(" - "));
}

static enum selfsame_code
open_checkpoint(const struct sigstore_log *log, struct selfsame_bytes envelope,
    struct arena *arena, struct checkpoint *ret, struct selfsame_err *e)
{
    bool ed25519 = log->key.alg == SIG_ED25519;
    char want[SJ_BRIEF], got[SJ_BRIEF];
    struct note_key key;
    struct note note;
    uint64_t good;

    TRY(note_key_public(log->host, ed25519 ? NOTE_ED25519 : NOTE_ECDSA,
        ed25519 ? log->key.key : log->key.spki, &key, e));
    TRY(note_parse(envelope, arena, &note, e));
    TRY(checkpoint_parse(note.text, ret, e));
    TRY(note_verify(&note, &key, 1, &good, NULL, e));
    if (!origin_fits(ret->origin, log->host))
        FAIL(e, SELFSAME_LOG, "checkpoint: expected the origin %.50s, got %.50s",
            sj_brief(log->host, want), sj_brief(ret->origin, got));
    return SELFSAME_OK;
}

/*
 * What the proof says of itself nobody signed; where it says more than the checkpoint, it
 * must say the same. A proof of v1 counts within its shard, one of v2 within the log.
 */
static enum selfsame_code
check_inclusion(
    const struct sigstore_entry *n, const struct checkpoint *c, struct selfsame_err *e)
{
    uint8_t leaf[LOG_HASH];

    if (n->root.ptr != NULL && !bytes_eq(n->root, BYTES_ARR(c->root)))
        FAIL(e, SELFSAME_LOG,
            "inclusion proof: expected the root hash of its checkpoint, got another");
    if (n->proof_size != c->size && n->proof_size != 0)
        FAIL(e, SELFSAME_LOG,
            "inclusion proof: expected the size %" PRIu64
            " of its checkpoint, got %" PRIu64,
            c->size, n->proof_size);
    if (sigstore_entry_is_v2(n) && n->proof_index != n->index)
        FAIL(e, SELFSAME_LOG,
            "inclusion proof: expected the index %" PRIu64
            " of its entry, got %" PRIu64,
            n->index, n->proof_index);
    if (!merkle_leaf(n->body, leaf))
        FAIL(e, SELFSAME_NOMEM, "inclusion proof: out of memory");
    return merkle_check_inclusion(n->proof_index, c->size, leaf, n->path, c->root, e);
}

enum selfsame_code
sigstore_check_entry(
    struct sigstore_work *w, const struct sigstore_entry *n, struct selfsame_err *e)
{
    const struct sigstore_log *log = NULL;
    struct checkpoint c;

    TRY(find_log(w, n, &log, e));
    for (size_t i = 0; i < w->time_count; i++)
        TRY(sigstore_period_check(&log->valid, w->time_s[i], "key of the log", e));
    /* v0.1 alone, which has a promise then. */
    if (n->checkpoint.ptr == NULL)
        return SELFSAME_OK;
    TRY(sigstore_as_log(open_checkpoint(log, n->checkpoint, w->arena, &c, e),
        "verifying the checkpoint", e));
    return sigstore_as_log(check_inclusion(n, &c, e), "verifying the inclusion", e);
}
