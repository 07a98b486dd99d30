/* SPDX-License-Identifier: Apache-2.0 */
/* `token check` for relying parties, `token show` for the curious. */
#include <selfsame/token.h>

#include "cli/commands.h"
#include "cli/print.h"
#include "cli/show_print.h"
#include "codec/pem.h"
#include "crypto/x509.h"
#include "fetch/fetch.h"
#include "os/os.h"
#include "show/show.h"
#include "token/token.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TOKEN_LIMIT = 256 << 10,
    KEYS_LIMIT = 1 << 20,
    LISTED = 64,
    LEEWAY_S = 60,
    LEEWAY_LONGEST_S = 86400,
};

static void
keys_cleanup(struct selfsame_token_keys **k)
{
    selfsame_token_keys_free(*k);
}
#define auto_keys __attribute__((cleanup(keys_cleanup))) struct selfsame_token_keys
static void
rules_cleanup(struct selfsame_token_rules **r)
{
    selfsame_token_rules_free(*r);
}
#define auto_rules __attribute__((cleanup(rules_cleanup))) struct selfsame_token_rules
static void
token_cleanup(struct selfsame_token **t)
{
    selfsame_token_free(*t);
}
#define auto_checked __attribute__((cleanup(token_cleanup))) struct selfsame_token

/* ---- keys of an issuer (OpenID Connect Discovery 1.0 §4) ---- */

static enum selfsame_code
get_json(struct cli *c, const char *url, json_t **ret, struct selfsame_err *e)
{
    const struct http_query q = { .url = url };
    struct answer a;

    TRY(http_call(&q, cli_arena(c), &a, e));
    if (a.status != 200)
        FAIL(e, SELFSAME_IO, "%.100s: expected 200, got %ld", url, a.status);
    return json_parse(a.body, "answer", ret, e);
}

/* The document must name the issuer that was asked, byte for byte (§4.3). */
static enum selfsame_code
discover(struct cli *c, const char *issuer, struct selfsame_token_keys *k,
    struct selfsame_err *e)
{
    auto_json *document = NULL, *set = NULL;
    const size_t len = strlen(issuer);
    const bool slash = len > 0 && issuer[len - 1] == '/';
    const char *url = arena_printf(
        cli_arena(c), "%s%s.well-known/openid-configuration", issuer, slash ? "" : "/");

    if (url == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a URL");
    TRY_WHILE(e, get_json(c, url, &document, e), "asking the issuer");
    const char *told = json_string_value(json_object_get(document, "issuer"));
    const char *jwks = json_string_value(json_object_get(document, "jwks_uri"));
    if (told == NULL || strcmp(told, issuer) != 0)
        FAIL(e, SELFSAME_DENIED, "discovery: expected the issuer %.50s, got %.50s",
            issuer, told != NULL ? told : "none");
    if (jwks == NULL)
        FAIL(e, SELFSAME_MALFORMED, "discovery: expected \"jwks_uri\"");
    TRY_WHILE(e, get_json(c, jwks, &set, e), "asking for the issuer's keys");
    char *text = json_compact(set);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for keys");
    enum selfsame_code code = selfsame_token_keys_add(k, bytes_str(text), e);
    free(text);
    return code;
}

static enum selfsame_code
add_files(struct cli *c, const char *option, struct selfsame_token_keys *k,
    struct selfsame_err *e)
{
    const char *path[LISTED];
    const size_t count = cli_values(c, option, path, COUNT(path));
    struct selfsame_bytes file;

    for (size_t i = 0; i < count; i++) {
        TRY(file_read(path[i], KEYS_LIMIT, cli_arena(c), &file, e));
        TRY_WHILE(e, selfsame_token_keys_add(k, file, e), "%s", path[i]);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_keys(struct cli *c, struct selfsame_token_keys *k, struct selfsame_err *e)
{
    const char *issuer = cli_value(c, "issuer");

    TRY(add_files(c, "jwks", k, e));
    TRY(add_files(c, "key", k, e));
    if (cli_flag(c, "jwks") || cli_flag(c, "key"))
        return SELFSAME_OK;
    if (issuer == NULL)
        FAIL(e, SELFSAME_USAGE,
            "expected keys: --jwks FILE, --key FILE, or --issuer URL to ask it");
    return discover(c, issuer, k, e);
}

/* ---- rules ---- */

static enum selfsame_code
add_claims(struct cli *c, struct selfsame_token_rules *r, struct selfsame_err *e)
{
    const char *claim[LISTED];
    const size_t count = cli_values(c, "claim", claim, COUNT(claim));

    for (size_t i = 0; i < count; i++) {
        const char *is = strchr(claim[i], '=');
        if (claim[i][0] != '/' || is == NULL)
            FAIL(e, SELFSAME_USAGE, "--claim: expected /POINTER=VALUE, got %.60s",
                claim[i]);
        const char *pointer = arena_str(
            cli_arena(c), BYTES((const uint8_t *)claim[i], (size_t)(is - claim[i])));
        if (pointer == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for rules");
        selfsame_token_rules_require_claim(r, pointer, is + 1);
    }
    if (cli_value(c, "release") != NULL)
        selfsame_token_rules_require_release(r, cli_value(c, "release"));
    if (cli_value(c, "measurement") != NULL)
        selfsame_token_rules_require_measurement(r, cli_value(c, "measurement"));
    return SELFSAME_OK;
}

/* PEM of a key or of a certificate. */
static enum selfsame_code
add_bound(struct cli *c, struct selfsame_token_rules *r, struct selfsame_err *e)
{
    static const struct cert_profile foreign = { .foreign = true };
    const char *path = cli_value(c, "bound-key");
    struct selfsame_bytes file, rest, der;
    struct cert cert;

    if (path == NULL)
        return SELFSAME_OK;
    TRY(file_read(path, KEYS_LIMIT, cli_arena(c), &file, e));
    rest = file;
    TRY_WHILE(e, pem_next(&rest, "PUBLIC KEY", cli_arena(c), &der, e), "%s", path);
    if (der.ptr == NULL) {
        rest = file;
        TRY_WHILE(e, pem_next(&rest, "CERTIFICATE", cli_arena(c), &der, e), "%s", path);
        if (der.ptr == NULL)
            FAIL(e, SELFSAME_MALFORMED,
                "%s: expected PEM with a PUBLIC KEY or a CERTIFICATE, got neither",
                path);
        TRY_WHILE(e, cert_parse_as(der, &foreign, &cert, e), "%s", path);
        der = cert.spki;
    }
    selfsame_token_rules_require_key(r, der);
    return SELFSAME_OK;
}

static enum selfsame_code
add_times(struct cli *c, struct selfsame_token_rules *r, struct selfsame_err *e)
{
    struct selfsame_bytes nonce = BYTES_NONE;
    uint64_t leeway = LEEWAY_S;
    int64_t now = os_now_ms() / 1000, age_ms;

    if (cli_value(c, "at") != NULL)
        TRY(cli_time(c, "at", &now, e));
    TRY(cli_uint(c, "leeway", 0, LEEWAY_LONGEST_S, &leeway, e));
    selfsame_token_rules_set_time(r, now, (int64_t)leeway);
    TRY(cli_bytes(c, "nonce", &nonce, e));
    if (nonce.ptr != NULL)
        selfsame_token_rules_require_nonce(r, nonce);
    if (cli_value(c, "max-age") == NULL)
        return SELFSAME_OK;
    if (!duration_parse(cli_value(c, "max-age"), &age_ms) || age_ms < 1000)
        FAIL(e, SELFSAME_USAGE, "--max-age: expected a duration such as 5m, got %.40s",
            cli_value(c, "max-age"));
    selfsame_token_rules_require_max_age(r, age_ms / 1000);
    return SELFSAME_OK;
}

static void
add_weak(struct cli *c, struct selfsame_token_rules *r)
{
    static const struct {
        const char *name;
        void (*call)(struct selfsame_token_rules *r);
    } calls[] = {
        { "accept-warning", selfsame_token_rules_accept_warning },
        { "insecure-any-issuer", selfsame_token_rules_insecure_any_issuer },
        { "insecure-any-audience", selfsame_token_rules_insecure_any_audience },
        { "insecure-any-age", selfsame_token_rules_insecure_any_age },
        { "insecure-simulated", selfsame_token_rules_insecure_simulated },
        { "insecure-debug", selfsame_token_rules_insecure_debug },
    };

    for (size_t i = 0; i < COUNT(calls); i++)
        if (cli_flag(c, calls[i].name))
            calls[i].call(r);
}

static enum selfsame_code
read_rules(struct cli *c, struct selfsame_token_rules *r, struct selfsame_err *e)
{
    if (cli_value(c, "issuer") != NULL && !cli_flag(c, "insecure-any-issuer"))
        selfsame_token_rules_require_issuer(r, cli_value(c, "issuer"));
    if (cli_value(c, "audience") != NULL)
        selfsame_token_rules_require_audience(r, cli_value(c, "audience"));
    add_weak(c, r);
    TRY(add_times(c, r, e));
    TRY(add_bound(c, r, e));
    return add_claims(c, r, e);
}

/* ---- token check ---- */

static enum selfsame_code
read_token(struct cli *c, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const char *path = cli_operand(c, 0);

    TRY(file_read(path, TOKEN_LIMIT, cli_arena(c), ret, e));
    if (ret->len == 0)
        TRY_WHILE(e, file_empty(e, "a token"), "%s", path);
    if (!cwt_recognise(*ret))
        *ret = show_trimmed(*ret);
    return SELFSAME_OK;
}

static void
print_member(struct selfsame_token *t, const char *name, const char *pointer)
{
    const char *value = selfsame_token_claim(t, pointer);
    char *text = value != NULL ? strdup(value) : NULL;

    if (text != NULL) {
        text_clean(text);
        (void)printf("%-14s %s\n", name, text);
    }
    free(text);
}

/* A token that is judged as of another time than now is not called good now. */
static enum selfsame_code
as_of_text(
    struct cli *c, char buf[static TIME_TEXT], const char **ret, struct selfsame_err *e)
{
    int64_t at;

    if (cli_value(c, "at") == NULL)
        return SELFSAME_OK;
    TRY(cli_time(c, "at", &at, e));
    time_format(at, buf);
    *ret = buf;
    return SELFSAME_OK;
}

static enum selfsame_code
print_checked(struct cli *c, struct selfsame_token *t, struct selfsame_err *e)
{
    static const struct {
        const char *name, *pointer;
    } shown[] = {
        { "issuer", "/iss" },
        { "subject", "/sub" },
        { "audience", "/aud" },
        { "tee", "/tee" },
        { "release", "/release_name" },
        { "version", "/release_version" },
        { "measurement", "/measurement" },
    };
    const char *as_of = NULL;
    char when[TIME_TEXT];

    TRY(as_of_text(c, when, &as_of, e));
    if (cli_json(c)) {
        struct selfsame_err ignored;
        auto_json *claims = NULL;
        const char *text = selfsame_token_json(t);

        if (text == NULL ||
            json_parse(bytes_str(text), "claims", &claims, &ignored) != SELFSAME_OK)
            FAIL(e, SELFSAME_NOMEM, "no memory for the claims");
        auto_json *said = json_pack("{s:s,s:s,s:o,s:s,s:O}", "result", "ok", "status",
            selfsame_token_status(t), "as_of",
            as_of != NULL ? json_string(as_of) : json_null(), "key",
            selfsame_token_key(t), "claims", claims);
        return print_json_line(said, e);
    }
    (void)printf("%-14s %s\n", "status", selfsame_token_status(t));
    if (as_of != NULL)
        (void)printf("%-14s %s\n", "as of", as_of);
    for (size_t i = 0; i < COUNT(shown); i++)
        print_member(t, shown[i].name, shown[i].pointer);
    (void)printf("%-14s %s\n", "key", selfsame_token_key(t));
    return print_flush(e);
}

static enum selfsame_code
check(struct cli *c, struct selfsame_err *e)
{
    auto_keys *keys = NULL;
    auto_rules *rules = NULL;
    auto_checked *token = NULL;
    struct selfsame_bytes text;

    TRY(read_token(c, &text, e));
    TRY(selfsame_token_rules_new(&rules, e));
    TRY(read_rules(c, rules, e));
    TRY(selfsame_token_keys_new(&keys, e));
    TRY(read_keys(c, keys, e));
    TRY(selfsame_token_check(text, keys, rules, &token, e));
    return print_checked(c, token, e);
}

static const struct cli_option check_options[] = {
    { .name = "jwks",
        .argument = "FILE",
        .repeatable = true,
        .help = "keys of the verifier: a JWKS or a JWK" },
    { .name = "key",
        .argument = "FILE",
        .repeatable = true,
        .help = "one key: PEM public key, or JWK" },
    { .name = "issuer",
        .argument = "URL",
        .help = "who must have issued it; without keys it is asked for them" },
    { .name = "audience", .argument = "TEXT", .help = "whom it must be meant for" },
    { .name = "nonce", .argument = "HEX|B64", .help = "what it must answer" },
    { .name = "max-age",
        .argument = "DURATION",
        .help = "issued at most so long ago: 90s, 5m, 1h" },
    { .name = "at", .argument = "TIME", .help = "judge as of this time" },
    { .name = "leeway",
        .argument = "SECONDS",
        .help = "by how much clocks may differ (default 60)" },
    { .name = "release", .argument = "NAME", .help = "which release it must name" },
    { .name = "measurement",
        .argument = "HEX",
        .help = "which measurement it must name" },
    { .name = "claim",
        .argument = "POINTER=VALUE",
        .repeatable = true,
        .help = "a claim that it must have, by its JSON pointer" },
    { .name = "bound-key",
        .argument = "FILE",
        .help = "the key that the evidence must be about: PEM key or certificate" },
    { .name = "accept-warning", .help = "take the status \"warning\", too" },
    { .name = "insecure-any-issuer", .help = "take it whoever issued it" },
    { .name = "insecure-any-audience", .help = "take it whomever it is meant for" },
    { .name = "insecure-any-age", .help = "demand neither nonce nor maximum age" },
    { .name = "insecure-simulated", .help = "take evidence of the simulator" },
    { .name = "insecure-debug", .help = "take evidence in debug mode" },
    { 0 },
};

const struct cli_command token_check_command = {
    .name = "token check",
    .operands = "FILE|-",
    .summary = "check a token of a verifier (EAR as JWT or CWT)",
    .story =
        "The token's signature, issuer, audience, times, nonce and status: only "
        "\"affirming\"\n"
        "is taken unless said otherwise. Evidence itself is not looked at again.\n\n"
        "  selfsame token check token.jwt --issuer https://verifier.example \\\n"
        "      --audience https://api.example --nonce "
        "00112233445566778899aabbccddeeff\n",
    .options = check_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = check,
};

/* ---- token show ---- */

static enum selfsame_code
show(struct cli *c, struct selfsame_err *e)
{
    auto_json *tree = json_object();
    struct selfsame_bytes text;

    if (tree == NULL)
        FAIL(e, SELFSAME_NOMEM, "the output");
    TRY(read_token(c, &text, e));
    TRY_WHILE(e, show_token(text, cli_arena(c), tree, e), "%s", cli_operand(c, 0));
    if (cli_json(c))
        return print_json_line(tree, e);
    show_print(tree);
    return print_flush(e);
}

static const struct cli_option show_options[] = { { 0 } };

const struct cli_command token_show_command = {
    .name = "token show",
    .operands = "FILE|-",
    .summary = "decode a token (JWT or CWT); believe nothing",
    .story = "What is printed is what the token says. `token check` says whether it is "
             "true.",
    .options = show_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = show,
};
