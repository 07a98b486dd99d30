/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys beside those that sign tokens, on the machine of a verifier: the one that seals
 * secrets, replaced in two steps between which the service learns both, and the authority
 * of the trust domain.
 */
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/verifier_admin.h"
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

enum { SETTINGS_MAX = 256 << 10 };

struct doing {
    struct cli *c;
    const char *dir;
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

enum selfsame_code
secret_key_verb(struct cli *c, const char *verb, struct selfsame_err *e)
{
    auto_doing d = { .c = c, .dir = cli_operand(c, 1), .e = e };

    if (cli_value(c, "url") != NULL || d.dir == NULL)
        FAIL(e, SELFSAME_USAGE, "\"%.20s\" works on the directory of a verifier", verb);
    return strcmp(verb, "rotate") == 0 ? do_rotate(&d) : do_reseal(&d);
}

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
