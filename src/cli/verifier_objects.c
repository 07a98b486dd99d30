/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators say to a verifier, on the machine of its registry: one command for each
 * kind of object, with the same verbs.
 */
#include "cli/commands.h"
#include "cli/print.h"
#include "codec/json_read.h"
#include "os/os.h"
#include "service/key_file.h"
#include "verifier/objects.h"
#include "verifier/verifier.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SETTINGS_MAX = 256 << 10 };

struct doing {
    struct cli *c;
    enum registry_kind kind;
    const char *dir, *tenant, *name;
    struct registry *r;
    struct selfsame_err *e;
};

/* ---- the registry of a directory ---- */

static enum selfsame_code
open_registry(struct doing *d)
{
    struct arena *arena = cli_arena(d->c);
    auto_json *settings = NULL;
    struct selfsame_bytes text;
    const char *path, *url;

    TRY(path_join(d->dir, "verifier.json", arena, &path, d->e));
    TRY(file_read(path, SETTINGS_MAX, arena, &text, d->e));
    TRY(json_parse(text, "verifier.json", &settings, d->e));
    TRY(path_join(d->dir, "registry.sqlite", arena, &path, d->e));
    url = json_string_value(json_object_get(settings, "registry"));
    return registry_open(url != NULL ? url : path, false, &d->r, d->e);
}

static struct registry_object
object_of(const struct doing *d, struct selfsame_bytes body)
{
    return (struct registry_object){ .tenant = d->tenant,
        .kind = d->kind,
        .name = d->name,
        .created_ms = os_now_ms(),
        .author = "command",
        .body = body };
}

/* ---- printing ---- */

static json_t *
object_json(const struct registry_object *o)
{
    char digest[65], at[TIME_TEXT];

    hex_encode(BYTES_ARR(o->digest), digest);
    time_format(o->created_ms / 1000, at);
    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:s}", "tenant", o->tenant, "kind",
        registry_kind_word(o->kind), "name", o->name, "version", (json_int_t)o->version,
        "sha256", digest, "created", at, "author", o->author);
}

static enum selfsame_code
print_object(const struct doing *d, const struct registry_object *o)
{
    char at[TIME_TEXT];

    if (cli_json(d->c)) {
        auto_json *j = object_json(o);
        return print_json_line(j, d->e);
    }
    time_format(o->created_ms / 1000, at);
    (void)printf(
        "%-40s version %" PRIu64 "  %s  %s\n", o->name, o->version, at, o->author);
    return SELFSAME_OK;
}

/* ---- verbs ---- */

static enum selfsame_code
do_list(struct doing *d)
{
    struct registry_object *list;
    size_t count;

    TRY(registry_list(
        d->r, d->tenant, d->kind, false, cli_arena(d->c), &list, &count, d->e));
    for (size_t i = 0; i < count; i++)
        TRY(print_object(d, &list[i]));
    return print_flush(d->e);
}

static enum selfsame_code
do_show(struct doing *d)
{
    struct registry_object o;

    TRY(registry_get(d->r, d->tenant, d->kind, d->name, 0, cli_arena(d->c), &o, d->e));
    if (o.name == NULL)
        FAIL(d->e, SELFSAME_IO, "tenant \"%.40s\" has no %s \"%.80s\"", d->tenant,
            registry_kind_word(d->kind), d->name);
    if (d->kind == REGISTRY_SECRET)
        FAIL(d->e, SELFSAME_DENIED, "secrets are written and never read back");
    (void)fwrite(o.body.ptr, 1, o.body.len, stdout);
    if (o.body.len > 0 && o.body.ptr[o.body.len - 1] != '\n')
        (void)fputc('\n', stdout);
    return print_flush(d->e);
}

static enum selfsame_code
store(struct doing *d, struct selfsame_bytes body)
{
    struct registry_object o = object_of(d, body), now;
    uint64_t version;

    TRY(object_check(&o, d->e));
    TRY(registry_put(d->r, &o, REGISTRY_ANY, &version, d->e));
    TRY(registry_get(
        d->r, d->tenant, d->kind, d->name, version, cli_arena(d->c), &now, d->e));
    TRY(print_object(d, &now));
    return print_flush(d->e);
}

static enum selfsame_code
do_set(struct doing *d, const char *file)
{
    struct selfsame_bytes body;

    if (d->kind == REGISTRY_TENANT && file == NULL)
        return store(d, BYTES_LIT("{}"));
    TRY(file_read(
        file != NULL ? file : "-", REGISTRY_BODY, cli_arena(d->c), &body, d->e));
    if (body.len == 0)
        FAIL(d->e, SELFSAME_USAGE, "%s: expected the object, got an empty file",
            file != NULL ? file : "standard input");
    return store(d, body);
}

/* A key is made here and printed once; the registry has its hash. */
static enum selfsame_code
do_new(struct doing *d, const char *role)
{
    struct registry_object o;
    uint64_t version;
    char hash[65];
    char *text;

    if (d->kind != REGISTRY_KEY)
        FAIL(d->e, SELFSAME_USAGE, "\"new\" makes API keys only");
    if (role == NULL || role_of(role) == ROLE_NONE)
        FAIL(d->e, SELFSAME_USAGE,
            "expected a role: attester, relying-party, auditor or admin");
    TRY(verifier_key_new(cli_arena(d->c), &text, hash, d->e));
    const char *body = arena_printf(
        cli_arena(d->c), "{\"role\":\"%s\",\"sha256\":\"%s\"}", role, hash);
    if (body == NULL)
        FAIL(d->e, SELFSAME_NOMEM, "no memory for an API key");
    o = object_of(d, bytes_str(body));
    TRY(registry_put(d->r, &o, 0, &version, d->e));
    if (version == 0)
        FAIL(d->e, SELFSAME_USAGE, "there is a key \"%.80s\" already", d->name);
    if (cli_json(d->c)) {
        auto_json *j = json_pack("{s:s,s:s,s:s,s:s}", "tenant", d->tenant, "name",
            d->name, "role", role, "key", text);
        TRY(print_json_line(j, d->e));
    } else {
        (void)printf("%s\n", text);
    }
    return print_flush(d->e);
}

static enum selfsame_code
do_remove(struct doing *d)
{
    const struct registry_object o = object_of(d, BYTES_NONE);
    bool removed;

    TRY(registry_remove(d->r, &o, &removed, d->e));
    if (!removed)
        FAIL(d->e, SELFSAME_IO, "tenant \"%.40s\" has no %s \"%.80s\"", d->tenant,
            registry_kind_word(d->kind), d->name);
    return SELFSAME_OK;
}

static enum selfsame_code
do_history(struct doing *d)
{
    struct registry_object *list;
    size_t count;

    TRY(registry_history(
        d->r, d->tenant, d->kind, d->name, cli_arena(d->c), &list, &count, d->e));
    for (size_t i = 0; i < count; i++)
        TRY(print_object(d, &list[i]));
    return print_flush(d->e);
}

/* ---- the commands ---- */

static enum selfsame_code
act(struct doing *d, const char *verb, const char *last)
{
    if (strcmp(verb, "list") == 0)
        return do_list(d);
    if (d->name == NULL)
        FAIL(
            d->e, SELFSAME_USAGE, "\"%.20s\": expected a name behind the tenant", verb);
    if (strcmp(verb, "show") == 0)
        return do_show(d);
    if (strcmp(verb, "set") == 0)
        return do_set(d, last);
    if (strcmp(verb, "new") == 0)
        return do_new(d, last);
    if (strcmp(verb, "remove") == 0)
        return do_remove(d);
    if (strcmp(verb, "history") == 0)
        return do_history(d);
    FAIL(d->e, SELFSAME_USAGE,
        "expected list, show, set, new, remove or history, got \"%.20s\"", verb);
}

static enum selfsame_code
run_kind(struct cli *c, enum registry_kind kind, struct selfsame_err *e)
{
    const bool whole = kind == REGISTRY_TENANT; /* its name is the tenant's */
    struct doing d = { .c = c,
        .kind = kind,
        .dir = cli_operand(c, 1),
        .tenant = cli_operand(c, 2),
        .e = e };

    d.name = whole ? d.tenant : cli_operand(c, 3);
    if (d.tenant == NULL)
        d.tenant = "";
    if (strcmp(d.tenant, "-") == 0) /* the service itself */
        d.tenant = "";
    TRY(open_registry(&d));
    enum selfsame_code code = act(&d, cli_operand(c, 0), cli_operand(c, whole ? 3 : 4));
    registry_close(&d.r);
    return code;
}

static const struct cli_option no_options[] = { { 0 } };

#define KIND(word, KIND_, summary_, story_)                                     \
    static enum selfsame_code run_##word(struct cli *c, struct selfsame_err *e) \
    {                                                                           \
        return run_kind(c, KIND_, e);                                           \
    }                                                                           \
    const struct cli_command verifier_##word##_command = {                      \
        .name = "verifier " #word,                                              \
        .operands = "VERB DIR TENANT [NAME [FILE]]",                            \
        .summary = summary_,                                                    \
        .story = story_,                                                        \
        .options = no_options,                                                  \
        .min_operands = 3,                                                      \
        .max_operands = 5,                                                      \
        .run = run_##word,                                                      \
    }

/* clang-format off */
KIND(key, REGISTRY_KEY, "API keys of a tenant of a verifier",
    "VERB: list, new, show, set, remove, history. \"new\" makes a key for a role\n"
    "(attester, relying-party, auditor, admin) and prints it once; the registry keeps its\n"
    "hash. TENANT \"-\": keys of the service itself.\n\n"
    "  selfsame verifier key new DIR default web relying-party\n");
KIND(policy, REGISTRY_POLICY, "policies of a tenant of a verifier",
    "VERB: list, show, set, remove, history. Every version is kept; what is set holds\n"
    "within a second.\n\n"
    "  selfsame verifier policy set DIR default web policy.json\n");
KIND(release, REGISTRY_RELEASE, "proofs of releases that a tenant's policies may use",
    "VERB: list, show, set, remove, history. A proof is a tlog-proof file, as\n"
    "`selfsame publish` makes it; its NAME begins with the release's name and '@'.\n\n"
    "  selfsame verifier release set DIR default example.com/hello@1.4.2 hello.tlog-proof\n");
KIND(audience, REGISTRY_AUDIENCE, "who tokens of a tenant may be for, and how they are signed",
    "VERB: list, show, set, remove, history. The object: {\"alg\":\"RS256\",\"life_s\":300}.\n"
    "Once a tenant has one, no other audience is served.\n\n"
    "  echo '{\"alg\":\"RS256\"}' | selfsame verifier audience set DIR default sts.amazonaws.com\n");
KIND(identity, REGISTRY_IDENTITY, "which SPIFFE id which release gets",
    "VERB: list, show, set, remove, history. The object: {\"release\":NAME,\n"
    "\"version\":VERSION or null,\"spiffe_id\":URI}.\n\n"
    "  selfsame verifier identity set DIR default hello identity.json\n");
/* clang-format on */

static enum selfsame_code
run_tenant(struct cli *c, struct selfsame_err *e)
{
    return run_kind(c, REGISTRY_TENANT, e);
}

const struct cli_command verifier_tenant_command = {
    .name = "verifier tenant",
    .operands = "VERB DIR TENANT [FILE]",
    .summary = "tenants of a verifier and their settings",
    .story = "VERB: list, show, set, remove, history. The object: {\"public\":bool,\n"
             "\"policy\":NAME,\"token_life_s\":300,\"dialect\":\"deployed\",\n"
             "\"caller_nonces\":bool}; without FILE, all as usual. Removing a tenant "
             "removes\n"
             "what it has.\n\n"
             "  echo '{\"public\":true,\"policy\":\"web\"}' | \\\n"
             "      selfsame verifier tenant set DIR default -\n",
    .options = no_options,
    .min_operands = 3,
    .max_operands = 4,
    .run = run_tenant,
};
