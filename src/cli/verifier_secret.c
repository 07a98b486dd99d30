/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that a verifier gives to evidence, on the machine of its registry: sealed here,
 * listed, and never read back. Their key is replaced in two steps, between which the
 * service learns both.
 */
#include "cli/commands.h"
#include "cli/print.h"
#include "codec/json.h"
#include "os/os.h"
#include "service/key_file.h"
#include "verifier/authority.h"
#include "verifier/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETTINGS_MAX = 256 << 10, LIST_MAX = 64 };

struct doing {
    struct cli *c;
    const char *dir, *tenant, *name;
    struct registry *r;
    json_t *settings;
    struct selfsame_err *e;
};

static void
doing_end(struct doing *d)
{
    registry_close(&d->r);
    json_decref(d->settings);
}
#define auto_doing __attribute__((cleanup(doing_end))) struct doing

static enum selfsame_code
read_settings(struct doing *d)
{
    struct selfsame_bytes text;
    const char *path;

    TRY(path_join(d->dir, "verifier.json", cli_arena(d->c), &path, d->e));
    TRY(file_read(path, SETTINGS_MAX, cli_arena(d->c), &text, d->e));
    return json_parse(text, "verifier.json", &d->settings, d->e);
}

static enum selfsame_code
open_registry(struct doing *d)
{
    const char *path, *url;

    TRY(read_settings(d));
    TRY(path_join(d->dir, "registry.sqlite", cli_arena(d->c), &path, d->e));
    url = json_string_value(json_object_get(d->settings, "registry"));
    return registry_open(url != NULL ? url : path, false, &d->r, d->e);
}

/* ---- its key ---- */

struct seal_key {
    uint8_t bytes[SEAL_KEY];
};
static void
seal_key_wipe(struct seal_key *k)
{
    secret_wipe(k, sizeof(*k));
}
#define auto_seal_key __attribute__((cleanup(seal_key_wipe))) struct seal_key

static enum selfsame_code
read_key(const struct doing *d, const char *name, struct seal_key *ret)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_bytes b = BYTES_NONE;
    const char *path;
    struct stat st;

    TRY(path_join(d->dir, name, &arena, &path, d->e));
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        FAIL(d->e, SELFSAME_USAGE,
            "%.100s: expected a file that its owner alone may read", path);
    TRY(file_read(path, 64, &arena, &b, d->e));
    if (b.len == SEAL_KEY)
        memcpy(ret->bytes, b.ptr, SEAL_KEY);
    secret_wipe((void *)(uintptr_t)b.ptr, b.len);
    if (b.len != SEAL_KEY)
        FAIL(d->e, SELFSAME_USAGE, "%.100s: expected 32 bytes, got %zu", path, b.len);
    return SELFSAME_OK;
}

static enum selfsame_code
write_key(const struct doing *d, const char *name, const struct seal_key *k)
{
    const char *path;

    TRY(path_join(d->dir, name, cli_arena(d->c), &path, d->e));
    return file_write(path, BYTES_ARR(k->bytes), true, d->e);
}

static enum selfsame_code
has_old_key(const struct doing *d, const char **ret_path, bool *ret)
{
    TRY(path_join(d->dir, "secrets.key.old", cli_arena(d->c), ret_path, d->e));
    *ret = access(*ret_path, F_OK) == 0;
    return SELFSAME_OK;
}

/* The old one is safe before the new one takes its place. */
static enum selfsame_code
do_rotate(struct doing *d)
{
    auto_seal_key old = { { 0 } }, fresh = { { 0 } };
    const char *path;
    bool there;

    TRY(has_old_key(d, &path, &there));
    if (there)
        FAIL(d->e, SELFSAME_USAGE,
            "%.100s is there: seal the secrets anew first (\"reseal\")", path);
    TRY(read_key(d, "secrets.key", &old));
    if (!rng_bytes(fresh.bytes, SEAL_KEY))
        FAIL(d->e, SELFSAME_INTERNAL, "no random bytes");
    TRY(write_key(d, "secrets.key.old", &old));
    TRY(write_key(d, "secrets.key", &fresh));
    if (!cli_json(d->c))
        (void)printf(
            "There is a new key. Give it to all replicas, restart them, and then: "
            "selfsame verifier secret reseal %s\n",
            d->dir);
    return print_flush(d->e);
}

static enum selfsame_code
do_reseal(struct doing *d)
{
    auto_seal_key old = { { 0 } }, now = { { 0 } };
    const char *path;
    size_t count = 0;
    bool there;

    TRY(has_old_key(d, &path, &there));
    if (!there)
        FAIL(d->e, SELFSAME_USAGE, "%.100s is not there: \"rotate\" makes it", path);
    TRY(read_key(d, "secrets.key.old", &old));
    TRY(read_key(d, "secrets.key", &now));
    TRY(open_registry(d));
    const struct seal_keys keys = { now.bytes, old.bytes };
    TRY(secrets_reseal(d->r, &keys, "command", os_now_ms(), &count, d->e));
    if (unlink(path) != 0)
        return file_error(d->e, "cannot remove", path);
    if (cli_json(d->c)) {
        auto_json *j = json_pack("{s:I}", "resealed", (json_int_t)count);
        TRY(print_json_line(j, d->e));
    } else {
        (void)printf("%zu secrets sealed anew; the old key is gone.\n", count);
    }
    return print_flush(d->e);
}

/* ---- secrets ---- */

static enum selfsame_code
print_secret(const struct doing *d, const struct registry_object *o)
{
    char at[TIME_TEXT];

    time_format(o->created_ms / 1000, at);
    if (cli_json(d->c)) {
        auto_json *j = json_pack("{s:s,s:s,s:s,s:I,s:s,s:s}", "tenant", o->tenant,
            "kind", "secret", "name", o->name, "version", (json_int_t)o->version,
            "created", at, "author", o->author);
        return print_json_line(j, d->e);
    }
    (void)printf(
        "%-40s version %" PRIu64 "  %s  %s\n", o->name, o->version, at, o->author);
    return SELFSAME_OK;
}

static enum selfsame_code
do_list(struct doing *d, bool history)
{
    struct registry_object *list;
    size_t count;

    TRY(open_registry(d));
    TRY(history ? registry_history(d->r, d->tenant, REGISTRY_SECRET, d->name,
                      cli_arena(d->c), &list, &count, d->e)
                : registry_list(d->r, d->tenant, REGISTRY_SECRET, false,
                      cli_arena(d->c), &list, &count, d->e));
    for (size_t i = 0; i < count; i++)
        TRY(print_secret(d, &list[i]));
    return print_flush(d->e);
}

static enum selfsame_code
do_remove(struct doing *d)
{
    const struct registry_object o = { .tenant = d->tenant,
        .kind = REGISTRY_SECRET,
        .name = d->name,
        .created_ms = os_now_ms(),
        .author = "command" };
    bool removed;

    TRY(open_registry(d));
    TRY(registry_remove(d->r, &o, &removed, d->e));
    if (!removed)
        FAIL(d->e, SELFSAME_IO, "tenant \"%.40s\" has no secret \"%.80s\"", d->tenant,
            d->name);
    return SELFSAME_OK;
}

static enum selfsame_code
seal_and_put(struct doing *d, struct selfsame_bytes plain)
{
    const char *policies[LIST_MAX + 1] = { NULL }, *releases[LIST_MAX + 1] = { NULL };
    const size_t release_count = cli_values(d->c, "release", releases, LIST_MAX);
    auto_seal_key key = { { 0 } };
    const struct secret_said s = { .tenant = d->tenant,
        .name = d->name,
        .author = "command",
        .policies = policies,
        .releases = release_count > 0 ? releases : NULL,
        .type = cli_value(d->c, "type"),
        .warning = cli_flag(d->c, "warning"),
        .plain = plain,
        .now_ms = os_now_ms() };
    struct registry_object o;
    uint64_t version = 0;

    if (cli_values(d->c, "policy", policies, LIST_MAX) == 0)
        FAIL(d->e, SELFSAME_USAGE,
            "--policy is missing: under which policies is the secret given?");
    TRY(read_key(d, "secrets.key", &key));
    TRY(open_registry(d));
    TRY(secret_put(d->r, key.bytes, &s, REGISTRY_ANY, &version, d->e));
    if (version == 0)
        FAIL(d->e, SELFSAME_IO, "others change this secret all the time: try again");
    TRY(registry_get(
        d->r, d->tenant, REGISTRY_SECRET, d->name, version, cli_arena(d->c), &o, d->e));
    TRY(print_secret(d, &o));
    return print_flush(d->e);
}

static enum selfsame_code
do_set(struct doing *d, const char *file)
{
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_bytes plain = BYTES_NONE;

    TRY(file_read(file != NULL ? file : "-", SECRET_MAX, &arena, &plain, d->e));
    enum selfsame_code code = seal_and_put(d, plain);
    secret_wipe((void *)(uintptr_t)plain.ptr, plain.len);
    return code;
}

/* ---- the command ---- */

static enum selfsame_code
act(struct doing *d, const char *verb)
{
    if (strcmp(verb, "rotate") == 0)
        return do_rotate(d);
    if (strcmp(verb, "reseal") == 0)
        return do_reseal(d);
    if (d->tenant == NULL)
        FAIL(d->e, SELFSAME_USAGE, "\"%.20s\": expected a tenant behind DIR", verb);
    if (strcmp(verb, "list") == 0)
        return do_list(d, false);
    if (d->name == NULL)
        FAIL(
            d->e, SELFSAME_USAGE, "\"%.20s\": expected a name behind the tenant", verb);
    if (strcmp(verb, "set") == 0)
        return do_set(d, cli_operand(d->c, 4));
    if (strcmp(verb, "remove") == 0)
        return do_remove(d);
    if (strcmp(verb, "history") == 0)
        return do_list(d, true);
    FAIL(d->e, SELFSAME_USAGE,
        "expected list, set, remove, history, rotate or reseal, got \"%.20s\"", verb);
}

static enum selfsame_code
run_secret(struct cli *c, struct selfsame_err *e)
{
    auto_doing d = { .c = c,
        .dir = cli_operand(c, 1),
        .tenant = cli_operand(c, 2),
        .name = cli_operand(c, 3),
        .e = e };

    return act(&d, cli_operand(c, 0));
}

static const struct cli_option secret_options[] = {
    { .name = "policy",
        .argument = "NAME",
        .repeatable = true,
        .help = "set: a policy under which it is given" },
    { .name = "release",
        .argument = "NAME",
        .repeatable = true,
        .help = "set: a release, NAME or NAME@VERSION, that it is given to (default: "
                "any)" },
    { .name = "type", .argument = "MEDIA", .help = "set: its media type" },
    { .name = "warning", .help = "set: a verdict that only warns is enough" },
    { 0 },
};
const struct cli_command verifier_secret_command = {
    .name = "verifier secret",
    .operands = "VERB DIR [TENANT [NAME [FILE]]]",
    .summary = "secrets that a verifier gives to evidence",
    .story =
        "VERB: list, set, remove, history; rotate and reseal replace their key. "
        "\"set\"\n"
        "reads the secret from FILE or standard input and seals it; nothing reads it\n"
        "back but evidence, at POST /v1/secret/NAME.\n\n"
        "  selfsame verifier secret set DIR default db/password --policy web - < "
        "file\n",
    .options = secret_options,
    .min_operands = 2,
    .max_operands = 5,
    .run = run_secret,
};

/* ---- the authority of the trust domain ---- */

static enum selfsame_code
run_authority(struct cli *c, struct selfsame_err *e)
{
    auto_doing d = { .c = c, .dir = cli_operand(c, 1), .e = e };
    const char *lead = cli_value(c, "lead"), *path, *domain;
    int64_t lead_ms = AUTHORITY_LEAD_S * 1000;

    if (strcmp(cli_operand(c, 0), "rotate") != 0)
        FAIL(e, SELFSAME_USAGE, "expected rotate, got \"%.20s\"", cli_operand(c, 0));
    if (lead != NULL && !duration_parse(lead, &lead_ms))
        FAIL(e, SELFSAME_USAGE,
            "--lead: expected a duration as 90s or 1h, got \"%.20s\"", lead);
    TRY(read_settings(&d));
    TRY(path_join(d.dir, "keys/spiffe-ca.pem", cli_arena(c), &path, e));
    TRY(authority_domain(d.settings, cli_arena(c), &domain, e));
    TRY(authority_rotate(path, domain, os_now_ms() / 1000, lead_ms / 1000, e));
    if (!cli_json(c))
        (void)printf("spiffe://%s: the new authority signs in %" PRId64 " s.\n", domain,
            lead_ms / 1000);
    return print_flush(e);
}

static const struct cli_option authority_options[] = {
    { .name = "lead",
        .argument = "TIME",
        .help = "how long it stands in the bundle before it signs (default: 1h)" },
    { 0 },
};
const struct cli_command verifier_authority_command = {
    .name = "verifier authority",
    .operands = "VERB DIR",
    .summary = "the key that signs X.509-SVIDs of a verifier's trust domain",
    .story = "VERB: rotate makes another key. It stands in the SPIFFE bundle at once "
             "and signs\n"
             "later, so that whoever reads the bundle knows it by then.\n\n"
             "  selfsame verifier authority rotate DIR\n",
    .options = authority_options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run_authority,
};
