/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/attest.h>

#include "cli/commands.h"
#include "codec/json.h"
#include "crypto/envelope.h"
#include "fetch/fetch.h"
#include "os/os.h"

#include <stdlib.h>
#include <sys/stat.h>

/* Inside the TEE: a fresh key, evidence about it, and what a verifier gives for that. */

enum { SECRET_ARENA = 16 << 20, NONCE_MAX = 64, KEY_FILE_MAX = 4096 };

static const struct cli_option options[] = {
    { .name = "policy",
        .argument = "NAME",
        .help = "the verifier's policy (default: the tenant's)" },
    { .name = "tenant",
        .argument = "NAME",
        .help = "whose secret (default: the key's)" },
    { .name = "api-key",
        .argument = "FILE",
        .help = "an API key of the verifier, in a file that its owner alone may read" },
    { .name = "ca",
        .argument = "FILE",
        .help = "PEM file of who vouches for the verifier (default: the system's)" },
    { .name = "out",
        .argument = "FILE",
        .help = "where to write the secret, mode 0600 (default: standard output)" },
    { .name = "device",
        .argument = "PATH",
        .help = "the TEE's device (default: found)" },
    { 0 },
};

struct getting {
    struct cli *c;
    struct arena *arena;
    const char *url, *name;
    const char *bearer; /* a header, or NULL */
    struct agree_key *key;
    struct selfsame_bytes spki, nonce, evidence;
    struct selfsame_err *e;
};

static void
attester_cleanup(struct selfsame_attester **a)
{
    selfsame_attester_close(*a);
}

/* ---- the verifier's answers ---- */

/* What a problem (RFC 9457) says, with its class. */
static enum selfsame_code
refused(const struct getting *g, const struct answer *a)
{
    struct selfsame_err ignored = { 0 };
    auto_json *j = NULL;
    enum selfsame_code code = SELFSAME_DENIED;
    const char *word = NULL, *detail = NULL;

    if (json_parse(a->body, "answer", &j, &ignored) == SELFSAME_OK) {
        word = json_string_value(json_object_get(j, "class"));
        detail = json_string_value(json_object_get(j, "detail"));
    }
    for (int i = SELFSAME_USAGE; word != NULL && i <= SELFSAME_INTERNAL; i++)
        if (strcmp(selfsame_code_name((enum selfsame_code)i), word) == 0)
            code = (enum selfsame_code)i;
    FAIL(g->e, code, "the verifier answers %ld: %.120s", a->status,
        detail != NULL ? detail : "no reason that can be read");
}

static enum selfsame_code
call(const struct getting *g, const char *path, const char *body, json_t **ret)
{
    const char *tenant = cli_value(g->c, "tenant");
    const char *url = arena_printf(g->arena, "%s%s%s%s", g->url, path,
        tenant != NULL ? "?tenant=" : "", tenant != NULL ? tenant : "");
    const char *const headers[] = { g->bearer, NULL };
    const struct http_query q = { .url = url,
        .post = body != NULL,
        .body = bytes_str(body != NULL ? body : ""),
        .type = "application/json",
        .headers = headers,
        .ca = cli_value(g->c, "ca") };
    struct answer a;

    if (url == NULL)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a request");
    TRY(http_call(&q, g->arena, &a, g->e));
    if (a.status != 200)
        return refused(g, &a);
    return json_parse(a.body, "the verifier's answer", ret, g->e);
}

static enum selfsame_code
member(const struct getting *g, const json_t *j, const char *name,
    struct selfsame_bytes *ret)
{
    const char *text = json_string_value(json_object_get(j, name));
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out = arena_alloc(g->arena, 1, len + 1);
    size_t n = 0;

    if (out == NULL)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for an answer");
    if (text == NULL || !base64_decode(text, len, true, out, len + 1, &n))
        FAIL(g->e, SELFSAME_MALFORMED,
            "the verifier's answer: expected base64url as \"%s\"", name);
    *ret = BYTES(out, n);
    return SELFSAME_OK;
}

/* ---- the exchange ---- */

static enum selfsame_code
read_api_key(struct getting *g)
{
    const char *path = cli_value(g->c, "api-key");
    struct selfsame_bytes file;
    struct stat st;

    if (path == NULL)
        return SELFSAME_OK;
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        FAIL(g->e, SELFSAME_USAGE,
            "--api-key %.80s: expected a file that its owner alone may read", path);
    TRY_WHILE(g->e, file_read(path, KEY_FILE_MAX, g->arena, &file, g->e), "--api-key");
    while (file.len > 0 && file.ptr[file.len - 1] <= ' ')
        file.len--;
    for (size_t i = 0; i < file.len; i++)
        if (file.ptr[i] <= ' ' || file.ptr[i] > '~')
            FAIL(g->e, SELFSAME_USAGE, "--api-key %.80s: expected one key", path);
    g->bearer = arena_printf(
        g->arena, "Authorization: Bearer %.*s", (int)file.len, (const char *)file.ptr);
    secret_wipe((void *)(uintptr_t)file.ptr, file.len);
    if (g->bearer == NULL)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a key");
    return SELFSAME_OK;
}

/* RFC 8410 §4 */
static enum selfsame_code
new_key(struct getting *g)
{
    static const uint8_t head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
        0x6e, 0x03, 0x21, 0x00 };
    uint8_t *spki = arena_alloc(g->arena, 1, sizeof(head) + HPKE_ENC);

    TRY(agree_generate(AGREE_X25519, &g->key, g->e));
    if (spki == NULL)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a key");
    memcpy(spki, head, sizeof(head));
    memcpy(spki + sizeof(head), agree_public(g->key).ptr, HPKE_ENC);
    g->spki = BYTES(spki, sizeof(head) + HPKE_ENC);
    return SELFSAME_OK;
}

static enum selfsame_code
collect(struct getting *g)
{
    __attribute__((cleanup(attester_cleanup))) struct selfsame_attester *a = NULL;
    auto_json *j = NULL;
    uint8_t *cmw;
    size_t len;

    TRY(selfsame_attester_open(cli_value(g->c, "device"), &a, g->e));
    TRY_WHILE(g->e, call(g, "/v1/nonce", NULL, &j), "asking for a nonce");
    TRY(member(g, j, "nonce", &g->nonce));
    if (g->nonce.len < 8 || g->nonce.len > NONCE_MAX)
        FAIL(g->e, SELFSAME_MALFORMED,
            "the verifier's nonce: expected 8 to 64 bytes, got %zu", g->nonce.len);
    TRY(selfsame_attest_key(a, g->nonce, g->spki, &cmw, &len, g->e));
    const bool kept = arena_dup(g->arena, BYTES(cmw, len), &g->evidence);
    selfsame_free(cmw);
    if (!kept)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for evidence");
    return SELFSAME_OK;
}

static char *
base64_of(const struct getting *g, struct selfsame_bytes b, bool url)
{
    char *text = arena_alloc(g->arena, 1, BASE64_SIZE(b.len));

    if (text != NULL)
        (void)base64_encode(b, url, text);
    return text;
}

static enum selfsame_code
ask(const struct getting *g, json_t **ret)
{
    const char *evidence = base64_of(g, g->evidence, false);
    const char *nonce = base64_of(g, g->nonce, true),
               *key = base64_of(g, g->spki, false);
    const char *path = arena_printf(g->arena, "/v1/secret/%s", g->name);
    auto_json *body = json_object();

    if (evidence == NULL || nonce == NULL || key == NULL || path == NULL ||
        json_object_set_new(body, "evidence", json_string(evidence)) != 0 ||
        json_object_set_new(body, "nonce", json_string(nonce)) != 0 ||
        json_object_set_new(body, "key", json_string(key)) != 0 ||
        (cli_value(g->c, "policy") != NULL &&
            json_object_set_new(
                body, "policy", json_string(cli_value(g->c, "policy"))) != 0))
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a request");
    char *text = json_compact(body);
    if (text == NULL)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a request");
    enum selfsame_code code = call(g, path, text, ret);
    free(text);
    return code;
}

/* It was sealed for this request, this evidence and this name, or it does not open. */
static enum selfsame_code
open_answer(const struct getting *g, const json_t *answer, struct selfsame_bytes *ret)
{
    static const char label[] = "selfsame secret v1";
    uint8_t info[sizeof(label) - 1 + NONCE_MAX + 32], digest[HASH_MAX];
    struct writer w = writer_of(info, sizeof(info));
    struct selfsame_bytes enc, sealed;
    auto_hpke h = { .next = 0 };

    TRY(member(g, answer, "enc", &enc));
    TRY(member(g, answer, "ct", &sealed));
    if (!hash_bytes(HASH_SHA256, g->evidence, digest))
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a digest");
    put_bytes(&w, BYTES_LIT(label));
    put_bytes(&w, g->nonce);
    put_bytes(&w, BYTES(digest, 32));
    uint8_t *plain = arena_alloc(g->arena, 1, sealed.len + 1);
    if (plain == NULL)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a secret");
    TRY(hpke_receive(HPKE_AES256_GCM, g->key, enc, writer_bytes(&w), &h, g->e));
    TRY_WHILE(g->e, hpke_open(&h, bytes_str(g->name), sealed, plain, g->e),
        "opening the verifier's answer");
    *ret = BYTES(plain, sealed.len - AEAD_TAG);
    return SELFSAME_OK;
}

static enum selfsame_code
check_words(struct getting *g)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._-~@:/";
    const char *tenant = cli_value(g->c, "tenant");
    size_t len = strlen(g->url);

    while (len > 0 && g->url[len - 1] == '/')
        len--;
    g->url = arena_str(g->arena, BYTES((const uint8_t *)g->url, len));
    if (g->url == NULL)
        FAIL(g->e, SELFSAME_NOMEM, "no memory for a URL");
    if (strspn(g->name, plain) != strlen(g->name) || g->name[0] == '\0' ||
        (tenant != NULL && strspn(tenant, plain) != strlen(tenant)))
        FAIL(g->e, SELFSAME_USAGE,
            "expected names of letters, numbers and ._-~@:/, got \"%.60s\"", g->name);
    return SELFSAME_OK;
}

static enum selfsame_code
get(struct getting *g)
{
    const char *out = cli_value(g->c, "out");
    struct selfsame_bytes plain = BYTES_NONE;
    auto_json *answer = NULL;

    TRY(check_words(g));
    TRY(read_api_key(g));
    TRY(new_key(g));
    TRY(collect(g));
    TRY(ask(g, &answer));
    TRY(open_answer(g, answer, &plain));
    enum selfsame_code code = file_write(out != NULL ? out : "-", plain, true, g->e);
    secret_wipe((void *)(uintptr_t)plain.ptr, plain.len);
    return code;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new(SECRET_ARENA);
    struct getting g = { .c = c,
        .arena = &arena,
        .url = cli_operand(c, 0),
        .name = cli_operand(c, 1),
        .e = e };

    enum selfsame_code code = get(&g);
    if (g.bearer != NULL)
        secret_wipe((void *)(uintptr_t)g.bearer, strlen(g.bearer));
    agree_free(&g.key);
    return code;
}

const struct cli_command secret_command = {
    .name = "secret",
    .operands = "URL NAME",
    .summary = "inside the TEE: get a secret of a verifier for this TEE's evidence",
    .story = "A fresh X25519 key is made, evidence about it collected, and what the "
             "verifier\n"
             "answers is encrypted to that key, which is gone when this ends.\n\n"
             "  selfsame secret https://verifier.example db/password --policy web \\\n"
             "      --api-key key --out /run/password\n",
    .options = options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
