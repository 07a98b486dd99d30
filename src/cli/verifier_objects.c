/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators say to a verifier: one command for each kind of object, with the same
 * verbs, on the machine of its registry or over HTTP (verifier_admin.h).
 */
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/verifier_admin.h"
#include "codec/pem.h"
#include "os/os.h"
#include "verifier/seal.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVIDENCE = 512 << 10, LIST = 64 };

static enum selfsame_code
nomem(struct place *p)
{
    FAIL(p->e, SELFSAME_NOMEM, "no memory for an object");
}

/* ---- printing ---- */

static const char *
text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));

    return text != NULL ? text : "";
}

/* A line: what it is called, then what is said of it. */
static void
print_item(const json_t *j)
{
    static const char *const more[] = { "role", "type", "policy", "release",
        "release_version" };

    (void)printf("%-40s version %lld  %s  %s", text_of(j, "name"),
        (long long)json_integer_value(json_object_get(j, "version")),
        text_of(j, "created"), text_of(j, "author"));
    for (size_t i = 0; i < COUNT(more); i++)
        if (text_of(j, more[i])[0] != '\0')
            (void)printf("  %s %s", more[i], text_of(j, more[i]));
    (void)printf(
        "%s\n", json_is_true(json_object_get(j, "removed")) ? "  removed" : "");
}

static enum selfsame_code
print_list(struct place *p, const json_t *j, const char *word)
{
    const json_t *one;
    size_t i;

    if (cli_json(p->c))
        TRY(print_json_line(j, p->e));
    else
        json_array_foreach(json_object_get(j, word), i, one) print_item(one);
    return print_flush(p->e);
}

static void
print_warnings(const json_t *j)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(j, "warnings"), i, one)(void)
        printf("warning: %s\n", json_string_value(one));
}

static enum selfsame_code
print_written(struct place *p, const json_t *j)
{
    if (cli_json(p->c))
        TRY(print_json_line(j, p->e));
    else {
        print_warnings(j);
        print_item(j);
    }
    return print_flush(p->e);
}

/* ---- list, show, remove ---- */

static enum selfsame_code
do_list(struct place *p)
{
    auto_json *j = NULL;

    TRY(p->calls->list(p, &j));
    return print_list(p, j, "items");
}

static enum selfsame_code
do_history(struct place *p)
{
    auto_json *j = NULL;

    TRY(p->calls->history(p, &j));
    return print_list(p, j, "versions");
}

static enum selfsame_code
do_show(struct place *p)
{
    struct selfsame_bytes body = BYTES_NONE;

    TRY(p->calls->get(p, &body));
    (void)fwrite(body.ptr, 1, body.len, stdout);
    if (body.len > 0 && body.ptr[body.len - 1] != '\n')
        (void)fputc('\n', stdout);
    return print_flush(p->e);
}

/* ---- set ---- */

static enum selfsame_code
read_file(struct place *p, const char *file, size_t limit, struct selfsame_bytes *ret)
{
    TRY(file_read(file != NULL ? file : "-", limit, cli_arena(p->c), ret, p->e));
    if (ret->len == 0)
        FAIL(p->e, SELFSAME_USAGE, "%s: expected the %s, got an empty file",
            file != NULL ? file : "standard input", registry_kind_word(p->kind));
    return SELFSAME_OK;
}

static enum selfsame_code
put(struct place *p, struct selfsame_bytes body)
{
    auto_json *j = NULL;

    TRY(p->calls->put(p, body, &j));
    return print_written(p, j);
}

static json_t *
list_of(struct place *p, const char *option)
{
    const char *values[LIST];
    const size_t n = cli_values(p->c, option, values, LIST);
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < n && i < LIST; i++)
        if (json_array_append_new(list, json_string(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* Base64 as a JSON string. NULL: no memory. */
static json_t *
base64_of(struct selfsame_bytes b)
{
    char *text = malloc(BASE64_SIZE(b.len));

    if (text == NULL)
        return NULL;
    (void)base64_encode(b, false, text);
    json_t *j = json_string(text);
    secret_wipe(text, BASE64_SIZE(b.len));
    free(text);
    return j;
}

/* The text comes from a file or standard input, never from the command line. */
static enum selfsame_code
set_secret(struct place *p, const char *file)
{
    auto_json *releases = list_of(p, "release");
    const bool warning = cli_flag(p->c, "warning");
    struct selfsame_bytes value;

    if (cli_value(p->c, "policy") == NULL)
        FAIL(p->e, SELFSAME_USAGE,
            "--policy is missing: under which policies the secret is given");
    TRY(read_file(p, file, SECRET_MAX, &value));
    auto_json *j = json_pack("{s:o,s:O*,s:s*,s:b,s:o}", "policies",
        list_of(p, "policy"), "releases",
        json_array_size(releases) > 0 ? releases : NULL, "type",
        cli_value(p->c, "type"), "warning", (int)warning, "value", base64_of(value));
    secret_wipe((void *)(uintptr_t)value.ptr, value.len);
    char *body = j != NULL ? json_compact(j) : NULL;
    if (body == NULL)
        return nomem(p);
    const enum selfsame_code code = put(p, bytes_str(body));
    secret_wipe(body, strlen(body));
    free(body);
    return code;
}

/* ---- policies: dry runs ---- */

static enum selfsame_code
add_bytes(struct place *p, json_t *form, const char *name, struct selfsame_bytes b)
{
    if (b.len > 0 && json_object_set_new(form, name, base64_of(b)) != 0)
        return nomem(p);
    return SELFSAME_OK;
}

static enum selfsame_code
add_evidence(struct place *p, json_t *form)
{
    const char *evidence = cli_value(p->c, "evidence"), *key = cli_value(p->c, "key");
    struct selfsame_bytes b = BYTES_NONE, rest;

    if (evidence == NULL)
        return SELFSAME_OK;
    TRY(read_file(p, evidence, EVIDENCE, &b));
    TRY(add_bytes(p, form, "evidence", b));
    b = BYTES_NONE;
    TRY(cli_bytes(p->c, "nonce", &b, p->e));
    TRY(add_bytes(p, form, "nonce", b));
    if (key == NULL)
        return SELFSAME_OK;
    TRY(read_file(p, key, EVIDENCE, &rest));
    TRY_WHILE(p->e, pem_next(&rest, "PUBLIC KEY", cli_arena(p->c), &b, p->e), "--key");
    return add_bytes(p, form, "key", b);
}

static enum selfsame_code
print_trial(struct place *p, const json_t *j)
{
    const json_t *verdict = json_object_get(j, "verdict");

    if (cli_json(p->c)) {
        TRY(print_json_line(j, p->e));
        return print_flush(p->e);
    }
    print_warnings(j);
    (void)printf("%s: %s\n", p->name,
        json_is_true(json_object_get(j, "changes")) ? "would be another version"
                                                    : "is what stands already");
    if (json_is_object(verdict))
        (void)printf("the verdict would be: %s, %s\n", text_of(verdict, "status"),
            text_of(verdict, "result"));
    return print_flush(p->e);
}

static enum selfsame_code
try_policy(struct place *p, struct selfsame_bytes policy)
{
    auto_json *form = json_object(), *j = NULL;

    if (form == NULL || json_object_set_new(form, "policy",
                            json_stringn((const char *)policy.ptr, policy.len)) != 0)
        FAIL(p->e, SELFSAME_USAGE, "expected a policy in JSON, got other bytes");
    TRY(add_evidence(p, form));
    char *body = json_compact(form);
    if (body == NULL)
        return nomem(p);
    const enum selfsame_code code = p->calls->try(p, bytes_str(body), &j);
    free(body);
    TRY(code);
    return print_trial(p, j);
}

static enum selfsame_code
do_set(struct place *p, const char *file)
{
    struct selfsame_bytes body;

    if (p->kind == REGISTRY_TENANT && file == NULL)
        return put(p, BYTES_LIT("{}"));
    if (p->kind == REGISTRY_SECRET)
        return set_secret(p, file);
    TRY(read_file(p, file, REGISTRY_BODY, &body));
    if (p->kind == REGISTRY_POLICY && cli_flag(p->c, "dry-run"))
        return try_policy(p, body);
    return put(p, body);
}

/* ---- new keys ---- */

static enum selfsame_code
take_expiry(struct place *p, int64_t *ret_s)
{
    const char *text = cli_value(p->c, "expires");
    int64_t ms;

    *ret_s = 0;
    if (text == NULL)
        return SELFSAME_OK;
    if (duration_parse(text, &ms))
        *ret_s = (os_now_ms() + ms) / 1000;
    else if (!time_parse(text, ret_s))
        FAIL(p->e, SELFSAME_USAGE,
            "--expires: expected a duration such as 90d, or a time, got \"%s\"", text);
    return SELFSAME_OK;
}

/* A key is printed once; the registry has its hash. */
static enum selfsame_code
do_new(struct place *p, const char *role)
{
    int64_t expires_s;

    if (p->kind != REGISTRY_KEY)
        FAIL(p->e, SELFSAME_USAGE, "\"new\" makes API keys only");
    if (role == NULL)
        FAIL(p->e, SELFSAME_USAGE,
            "expected a role: attester, relying-party, auditor or admin");
    TRY(take_expiry(p, &expires_s));
    auto_json *wish = json_pack("{s:s,s:o}", "role", role, "expires",
        expires_s != 0 ? json_integer((json_int_t)expires_s) : json_null());
    auto_json *j = NULL;
    char *body = wish != NULL ? json_compact(wish) : NULL;
    if (body == NULL)
        return nomem(p);
    const enum selfsame_code code = p->calls->new_key(p, bytes_str(body), &j);
    free(body);
    TRY(code);
    if (cli_json(p->c))
        TRY(print_json_line(j, p->e));
    else
        (void)printf("%s\n", text_of(j, "key"));
    return print_flush(p->e);
}

/* ---- the commands ---- */

static enum selfsame_code
act(struct place *p, const char *verb, const char *last)
{
    if (strcmp(verb, "list") == 0)
        return do_list(p);
    if (p->name == NULL)
        FAIL(p->e, SELFSAME_USAGE, "\"%.20s\": expected a name", verb);
    if (strcmp(verb, "show") == 0)
        return do_show(p);
    if (strcmp(verb, "set") == 0)
        return do_set(p, last);
    if (strcmp(verb, "new") == 0)
        return do_new(p, last);
    if (strcmp(verb, "remove") == 0)
        return p->calls->remove(p);
    if (strcmp(verb, "history") == 0)
        return do_history(p);
    FAIL(p->e, SELFSAME_USAGE,
        "expected list, show, set, new, remove or history, got \"%.20s\"", verb);
}

/* VERB [DIR] TENANT [NAME [FILE]]: a tenant has no name but its own. */
static enum selfsame_code
take_operands(struct place *p, size_t at, const char **ret_last)
{
    const bool whole = p->kind == REGISTRY_TENANT;

    p->tenant = cli_operand(p->c, at);
    if (p->tenant == NULL && !whole)
        FAIL(p->e, SELFSAME_USAGE, "expected a tenant (\"-\": the service itself)");
    p->name = whole ? p->tenant : cli_operand(p->c, at + 1);
    *ret_last = cli_operand(p->c, whole ? at + 1 : at + 2);
    if (cli_operand(p->c, whole ? at + 2 : at + 3) != NULL)
        FAIL(p->e, SELFSAME_USAGE, "one operand too many: with --url there is no DIR");
    if (p->tenant == NULL || strcmp(p->tenant, "-") == 0)
        p->tenant = ""; /* the service itself */
    return SELFSAME_OK;
}

static enum selfsame_code
run_kind(struct cli *c, enum registry_kind kind, struct selfsame_err *e)
{
    const char *url = cli_value(c, "url"), *verb = cli_operand(c, 0), *last = NULL;
    struct place p = { .c = c, .kind = kind, .expect = REGISTRY_ANY, .e = e };

    if (kind == REGISTRY_SECRET &&
        (strcmp(verb, "rotate") == 0 || strcmp(verb, "reseal") == 0))
        return secret_key_verb(c, verb, e);
    if (url == NULL && cli_operand(c, 1) == NULL)
        FAIL(e, SELFSAME_USAGE, "expected the directory of a verifier, or --url");
    TRY(take_operands(&p, url == NULL ? 2 : 1, &last));
    TRY(cli_uint(c, "expect", 0, INT64_MAX, &p.expect, e));
    enum selfsame_code code = url == NULL ? place_local(&p, cli_operand(c, 1))
                                          : place_remote(&p, url);
    if (code == SELFSAME_OK)
        code = act(&p, verb, last);
    p.calls->close(&p);
    return code;
}

/* clang-format off */
#define COMMON_OPTIONS                                                                  \
    { .name = "url", .argument = "URL",                                                 \
        .help = "speak to a service instead of the registry of DIR" },                  \
    { .name = "key-file", .argument = "FILE",                                           \
        .help = "with --url: the API key, in a file of mode 0600" },                    \
    { .name = "ca", .argument = "FILE",                                                 \
        .help = "with --url: authorities (PEM) in place of the system's" },             \
    { .name = "expect", .argument = "VERSION",                                          \
        .help = "write or remove only what has this version (0: what is not there)" }

static const struct cli_option common_options[] = { COMMON_OPTIONS, { 0 } };
static const struct cli_option key_options[] = {
    COMMON_OPTIONS,
    { .name = "expires", .argument = "TIME",
        .help = "new: when the key ends, as 90d or 2027-01-01T00:00:00Z" },
    { 0 },
};
static const struct cli_option policy_options[] = {
    COMMON_OPTIONS,
    { .name = "dry-run", .help = "set: say what is weak, and write nothing" },
    { .name = "evidence", .argument = "FILE",
        .help = "with --dry-run: what the verdict of this evidence would be" },
    { .name = "nonce", .argument = "HEX|B64", .help = "with --evidence: its nonce" },
    { .name = "key", .argument = "FILE",
        .help = "with --evidence: the public key (PEM) that it is about" },
    { 0 },
};
static const struct cli_option secret_options[] = {
    COMMON_OPTIONS,
    { .name = "policy", .argument = "NAME", .repeatable = true,
        .help = "set: a policy under which it is given" },
    { .name = "release", .argument = "NAME", .repeatable = true,
        .help = "set: a release it is given to, NAME or NAME@VERSION (default: any)" },
    { .name = "type", .argument = "TYPE",
        .help = "set: its media type (default: application/octet-stream)" },
    { .name = "warning", .help = "set: a verdict that warns is enough" },
    { 0 },
};

#define KIND(word, KIND_, operands_, options_, summary_, story_)                        \
    static enum selfsame_code run_##word(struct cli *c, struct selfsame_err *e)         \
    {                                                                                   \
        return run_kind(c, KIND_, e);                                                   \
    }                                                                                   \
    const struct cli_command verifier_##word##_command = {                              \
        .name = "verifier " #word,                                                      \
        .operands = operands_,                                                          \
        .summary = summary_,                                                            \
        .story = story_,                                                                \
        .options = options_,                                                            \
        .min_operands = 1,                                                              \
        .max_operands = 5,                                                              \
        .run = run_##word,                                                              \
    }
#define OPERANDS "VERB [DIR] TENANT [NAME [FILE]]"

KIND(tenant, REGISTRY_TENANT, "VERB [DIR] [TENANT [FILE]]", common_options,
    "tenants of a verifier and their settings",
    "VERB: list, show, set, remove, history. The object: {\"public\":bool,\n"
    "\"policy\":NAME,\"token_life_s\":300,\"dialect\":\"deployed\",\n"
    "\"caller_nonces\":bool}; without FILE, all as usual; \"-\" reads standard input.\n"
    "Removing a tenant removes what it has.\n\n"
    "  echo '{\"public\":true,\"policy\":\"web\"}' | \\\n"
    "      selfsame verifier tenant set DIR default -\n");
KIND(key, REGISTRY_KEY, "VERB [DIR] TENANT [NAME [ROLE|FILE]]", key_options,
    "API keys of a tenant of a verifier",
    "VERB: list, new, show, set, remove, history. \"new\" makes a key for a role\n"
    "(attester, relying-party, auditor, admin) and prints it once; the registry keeps its\n"
    "hash. \"set\" takes {\"role\":…,\"certificate\":SHA-256 of a client certificate}.\n"
    "TENANT \"-\": keys of the service itself.\n\n"
    "  selfsame verifier key new DIR default web relying-party --expires 90d\n");
KIND(policy, REGISTRY_POLICY, OPERANDS, policy_options,
    "policies of a tenant of a verifier",
    "VERB: list, show, set, remove, history. Every version is kept; what is set holds\n"
    "within a second. Files that the policy refers to have to stand in it as texts.\n\n"
    "  selfsame verifier policy set DIR default web policy.json --dry-run \\\n"
    "      --evidence evidence.cbor --key server.pub\n");
KIND(release, REGISTRY_RELEASE, OPERANDS, common_options,
    "releases that a tenant's policies may use",
    "VERB: list, show, set, remove, history. FILE is a tlog-proof, as `selfsame publish`\n"
    "makes it, or a Sigstore bundle; it has to open under a policy of the tenant.\n\n"
    "  selfsame verifier release set DIR default example.com/hello@1.4.2 hello.tlog-proof\n");
KIND(audience, REGISTRY_AUDIENCE, OPERANDS, common_options,
    "who tokens of a tenant may be for, and how they are signed",
    "VERB: list, show, set, remove, history. The object: {\"alg\":\"RS256\",\"life_s\":300}.\n"
    "Once a tenant has one, no other audience is served.\n\n"
    "  echo '{\"alg\":\"RS256\"}' | selfsame verifier audience set DIR default sts.amazonaws.com\n");
KIND(identity, REGISTRY_IDENTITY, OPERANDS, common_options,
    "which SPIFFE id which release gets",
    "VERB: list, show, set, remove, history. The object: {\"release\":NAME,\n"
    "\"version\":VERSION or null,\"policy\":NAME or null,\"spiffe_id\":URI}.\n\n"
    "  selfsame verifier identity set DIR default hello identity.json\n");
KIND(secret, REGISTRY_SECRET, "VERB [DIR] [TENANT [NAME [FILE]]]", secret_options,
    "secrets that a verifier gives to what it verified",
    "VERB: list, show, set, remove, history. The secret is read from FILE or standard\n"
    "input and sealed under secrets.key; nothing reads it back but evidence, at\n"
    "POST /v1/secret/NAME. rotate and reseal DIR replace that key.\n\n"
    "  selfsame verifier secret set DIR default db/password --policy web < password\n");
KIND(follow, REGISTRY_FOLLOW, OPERANDS, common_options,
    "logs whose releases a verifier takes over by itself",
    "VERB: list, show, set, remove, history. The object: {\"log\":URL,\"trust\":text of a\n"
    "trust policy,\"release\":NAME,\"publishers\":[PEM,…],\"keep\":8}. The service reads the\n"
    "log and keeps the newest releases of that name, with proofs that it makes itself.\n\n"
    "  selfsame verifier follow set DIR default hello follow.json\n");
/* clang-format on */
