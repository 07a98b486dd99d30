/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/publisher.h"

#include "codec/json.h"
#include "fetch/fetch.h"
#include "os/os.h"
#include "service/key_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    TRUST_LIMIT = 1 << 20,
    TRIES = 5,
    PATIENCE_S = 120, /* one answer: batch, quorum */
    RETRY_MAX_S = 30,
};

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "publishing: out of memory");
}

/* ---- the key ---- */

enum selfsame_code
publisher_key(struct cli *c, const char *path, struct key **ret, struct selfsame_err *e)
{
    (void)c;
    if (path == NULL)
        FAIL(e, SELFSAME_USAGE, "--key FILE is mandatory: who publishes this?");
    TRY(key_file_read(path, ret, e));
    if (key_type_of(*ret) == KEY_ED25519)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "%s: expected an Ed25519 key, got another", path);
    err_remedy(e, "Make one with `selfsame keygen --out FILE`.");
    return SELFSAME_UNSUPPORTED;
}

/* ---- the log ---- */

enum selfsame_code
publisher_trust(struct cli *c, struct log_policy *ret, struct selfsame_err *e)
{
    const char *path = cli_value(c, "trust");
    struct selfsame_bytes text;

    if (path == NULL)
        FAIL(e, SELFSAME_USAGE,
            "--trust FILE is mandatory: what a log says is verified before it is "
            "believed");
    TRY(file_read(path, TRUST_LIMIT, cli_arena(c), &text, e));
    TRY_WHILE(e, log_policy_parse(text, cli_arena(c), ret, e), "%s", path);
    return SELFSAME_OK;
}

enum selfsame_code
publisher_log(struct cli *c, const struct log_policy *trust, const char **ret,
    struct selfsame_err *e)
{
    const char *url = cli_value(c, "log");
    size_t known = 0;

    for (size_t i = 0; i < trust->log_count && url == NULL; i++)
        if (trust->log_urls[i].len > 0)
            known++;
    if (url == NULL && known != 1)
        FAIL(e, SELFSAME_USAGE,
            "--log URL is mandatory: the trust policy has %zu logs with a URL", known);
    for (size_t i = 0; i < trust->log_count && url == NULL; i++)
        if (trust->log_urls[i].len > 0)
            url = arena_str(cli_arena(c), trust->log_urls[i]);
    size_t n = url != NULL ? strlen(url) : 0;
    while (n > 0 && url[n - 1] == '/')
        n--;
    *ret = url != NULL ? arena_printf(cli_arena(c), "%.*s", (int)n, url) : NULL;
    return *ret != NULL ? SELFSAME_OK : nomem(e);
}

/* {"error": {"class", "message"}}, or what a log of another make says. */
static void
message_of(const struct answer *a, char *ret, size_t cap)
{
    struct selfsame_err ignored;
    auto_json *j = NULL;
    const char *text = NULL;

    if (json_parse(a->body, "answer", &j, &ignored) == SELFSAME_OK)
        text = json_string_value(
            json_object_get(json_object_get(j, "error"), "message"));
    int n = a->body.len < 100 ? (int)a->body.len : 100;
    if (text != NULL)
        (void)snprintf(ret, cap, "%.*s", (int)cap - 1, text);
    else
        (void)snprintf(ret, cap, "%.*s", n, (const char *)a->body.ptr);
    text_clean(ret);
}

static enum selfsame_code
refused(const char *url, const struct answer *a, struct selfsame_err *e)
{
    char text[160];

    message_of(a, text, sizeof(text));
    (void)err_set(e, a->status == 403 ? SELFSAME_DENIED : SELFSAME_IO, __FILE__,
        __LINE__, "%s", text); /* its own frame, so that it has room */
    (void)err_wrap(e, a->status == 403 ? SELFSAME_DENIED : SELFSAME_IO, __FILE__,
        __LINE__, "the log answered %ld", a->status);
    err_remedy(e, a->status == 403
                      ? "The log's operator has to add the publisher's public key."
                      : "Look at the log's own messages, or ask again later: an entry "
                        "is kept once.");
    return err_wrap(e, a->status == 403 ? SELFSAME_DENIED : SELFSAME_IO, __FILE__,
        __LINE__, "%.100s", url);
}

/* Busy, or no quorum yet: the entry is kept once, so asking again does no harm. */
static enum selfsame_code
submit(struct cli *c, const char *url, struct selfsame_bytes envelope,
    struct answer *ret, struct selfsame_err *e)
{
    const struct http_query q = {
        .url = url,
        .post = true,
        .body = envelope,
        .type = "application/json",
        .timeout_s = PATIENCE_S,
    };

    for (int i = 1;; i++) {
        *ret = (struct answer){ 0 };
        TRY(http_call(&q, cli_arena(c), ret, e));
        if (ret->status == 200)
            return SELFSAME_OK;
        if ((ret->status != 503 && ret->status != 429) || i == TRIES)
            return refused(url, ret, e);
        int64_t wait = ret->retry_after_s > 0 ? ret->retry_after_s : i;
        if (wait > RETRY_MAX_S)
            wait = RETRY_MAX_S;
        (void)nanosleep(&(struct timespec){ .tv_sec = (time_t)wait }, NULL);
    }
}

/* What the log says holds only when it proves it. */
static enum selfsame_code
check_proof(struct cli *c, const struct log_policy *trust,
    struct selfsame_bytes envelope, struct log_proof *p, struct selfsame_err *e)
{
    struct checkpoint checkpoint;
    uint8_t leaf[LOG_HASH];
    uint64_t witnesses;

    TRY(log_policy_open(
        trust, p->checkpoint, cli_arena(c), &checkpoint, &witnesses, NULL, e));
    if (!merkle_leaf(envelope, leaf))
        return nomem(e);
    return merkle_check_inclusion(
        p->index, checkpoint.size, leaf, p->path, checkpoint.root, e);
}

enum selfsame_code
publisher_open_proof(struct cli *c, const struct log_policy *trust,
    struct selfsame_bytes in, struct selfsame_bytes *ret_envelope,
    struct selfsame_err *e)
{
    struct log_proof p;

    TRY(proof_parse(in, cli_arena(c), &p, e));
    if (!p.has_extra)
        FAIL(e, SELFSAME_MALFORMED,
            "proof: expected the release beside it (\"extra\"), got none");
    TRY(check_proof(c, trust, p.extra, &p, e));
    *ret_envelope = p.extra;
    return SELFSAME_OK;
}

enum selfsame_code
publish_envelope(struct cli *c, struct selfsame_bytes envelope, const char **ret_proof,
    struct log_proof *ret, struct selfsame_err *e)
{
    struct log_policy trust;
    struct answer a;
    const char *base, *url;

    TRY(publisher_trust(c, &trust, e));
    TRY(publisher_log(c, &trust, &base, e));
    url = arena_printf(cli_arena(c), "%s/add", base);
    if (url == NULL)
        return nomem(e);
    TRY(submit(c, url, envelope, &a, e));
    TRY_WHILE(e, proof_parse(a.body, cli_arena(c), ret, e), "the log's answer");
    TRY_WHILE(e, check_proof(c, &trust, envelope, ret, e), "the log's answer");
    ret->has_extra = true;
    ret->extra = envelope;
    *ret_proof = proof_text(ret, cli_arena(c));
    return *ret_proof != NULL ? SELFSAME_OK : nomem(e);
}
