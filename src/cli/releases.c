/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/releases.h"

#include "api/api.h"
#include "codec/json.h"
#include "codec/pem.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { TEXT_LIMIT = 4 << 20, PROOF_LIMIT = 1 << 20, STATE_LIMIT = 4 << 20, KEYS = 32 };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no room for the releases");
}

/* ---- the policy's files ---- */

/* A relative name is meant from where the policy stands. */
static const char *
beside(const char *policy_file, const char *name, struct arena *arena)
{
    const char *slash = policy_file != NULL ? strrchr(policy_file, '/') : NULL;

    if (name[0] == '/' || slash == NULL)
        return name;
    return arena_printf(
        arena, "%.*s/%s", (int)(slash - policy_file), policy_file, name);
}

static enum selfsame_code
give_files(struct cli *c, const char *policy_file, struct selfsame_policy *p,
    struct selfsame_err *e)
{
    const char *name;

    while ((name = selfsame_policy_file_wanted(p, 0)) != NULL) {
        const char *path = beside(policy_file, name, cli_arena(c));
        struct selfsame_bytes text;

        if (path == NULL)
            return nomem(e);
        TRY_WHILE(e, file_read(path, TEXT_LIMIT, cli_arena(c), &text, e),
            "the policy refers to %.60s", name);
        TRY(selfsame_policy_give_file(p, name, text, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
publishers_json(struct cli *c, json_t *list, struct selfsame_err *e)
{
    const char *files[KEYS];
    size_t n = cli_values(c, "publisher", files, KEYS);

    if (n == 0 || n > KEYS)
        FAIL(e, SELFSAME_USAGE, "--publisher: expected 1 to %d keys for --release-name",
            (int)KEYS);
    for (size_t i = 0; i < n; i++) {
        struct selfsame_bytes text;

        TRY(file_read(files[i], TEXT_LIMIT, cli_arena(c), &text, e));
        if (!pem_looks_like(text))
            FAIL(e, SELFSAME_USAGE, "--publisher %s: expected a PEM public key",
                files[i]);
        if (json_array_append_new(
                list, json_stringn((const char *)text.ptr, text.len)) != 0)
            return nomem(e);
    }
    return SELFSAME_OK;
}

/* The flags say what an entry of `releases` would. */
static enum selfsame_code
add_named(struct cli *c, struct selfsame_policy *p, struct selfsame_err *e)
{
    const char *name = cli_value(c, "release-name"), *trust = cli_value(c, "trust");
    auto_json *keys = json_array();
    struct selfsame_bytes text;

    if (name == NULL && (trust != NULL || cli_value(c, "publisher") != NULL))
        FAIL(e, SELFSAME_USAGE, "--trust and --publisher belong to --release-name");
    if (name == NULL)
        return SELFSAME_OK;
    if (trust == NULL)
        FAIL(e, SELFSAME_USAGE,
            "--release-name needs --trust FILE and --publisher FILE");
    TRY(publishers_json(c, keys, e));
    TRY(file_read(trust, TEXT_LIMIT, cli_arena(c), &text, e));
    auto_json *one = json_pack(
        "{s:s, s:O, s:s}", "name", name, "publisher", keys, "trust", "--trust");
    char *json = one != NULL ? json_compact(one) : NULL;
    if (json == NULL)
        return nomem(e);
    enum selfsame_code code = selfsame_policy_add_releases(p, bytes_str(json), e);
    free(json);
    TRY(code);
    TRY_WHILE(e, selfsame_policy_give_file(p, "--trust", text, e), "--trust %s", trust);
    return SELFSAME_OK;
}

enum selfsame_code
releases_policy(struct cli *c, const char *policy_file, struct selfsame_policy *p,
    struct selfsame_err *e)
{
    TRY(add_named(c, p, e));
    return give_files(c, policy_file, p, e);
}

/* ---- what was accepted before ---- */

/* NULL where the user has no home: then nothing is remembered. */
static enum selfsame_code
state_dir(struct arena *arena, const char **ret, struct selfsame_err *e)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    *ret = NULL;
    if (xdg != NULL && xdg[0] == '/')
        *ret = arena_printf(arena, "%s/selfsame", xdg);
    else if (home != NULL && home[0] == '/')
        *ret = arena_printf(arena, "%s/.local/state/selfsame", home);
    else
        return SELFSAME_OK;
    return *ret != NULL ? SELFSAME_OK : nomem(e);
}

/* Nothing there is an empty memory; what cannot be read is none. */
static enum selfsame_code
memory_read(const char *path, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    *ret = BYTES_NONE;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return SELFSAME_OK;
    return file_read(path, STATE_LIMIT, arena, ret, e);
}

static enum selfsame_code
load_memory(struct cli *c, struct releases *r, struct selfsame_err *e)
{
    TRY(state_dir(cli_arena(c), &r->dir, e));
    if (r->dir == NULL) {
        (void)fprintf(stderr, "selfsame: warning: neither HOME nor XDG_STATE_HOME is "
                              "set: older and revoked releases will not be noticed\n");
        return SELFSAME_OK;
    }
    r->file = arena_printf(cli_arena(c), "%s/releases.json", r->dir);
    if (r->file == NULL)
        return nomem(e);
    return memory_read(r->file, cli_arena(c), &r->memory, e);
}

enum selfsame_code
releases_load(struct cli *c, const struct selfsame_policy *p, struct releases *ret,
    struct selfsame_err *e)
{
    const char *files[RELEASE_FILES];
    size_t n = cli_values(c, "release", files, RELEASE_FILES);

    *ret = (struct releases){ .proof_count = 0 };
    if (n > RELEASE_FILES)
        FAIL(e, SELFSAME_USAGE, "--release: at most %d files", (int)RELEASE_FILES);
    if (n > 0 && p->policy.release_count == 0) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "--release: the policy names no releases, so the proof would say nothing");
        err_remedy(e, "Name it in the policy (releases), or with --release-name, "
                      "--publisher and --trust.");
        return SELFSAME_USAGE;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(file_read(files[i], PROOF_LIMIT, cli_arena(c), &ret->proof[i], e));
        if (ret->proof[i].len == 0)
            TRY_WHILE(e, file_empty(e, "the proof of a release"), "%s", files[i]);
    }
    ret->proof_count = n;
    return p->policy.release_count > 0 ? load_memory(c, ret, e) : SELFSAME_OK;
}

void
releases_prepare(void *releases, struct selfsame_request *q)
{
    const struct releases *r = releases;

    for (size_t i = 0; i < r->proof_count; i++)
        selfsame_request_add_release(q, r->proof[i]);
    if (r->memory.len > 0)
        selfsame_request_set_memory(q, r->memory);
}

/* ---- remembering ---- */

static enum selfsame_code
lock(const char *dir, struct arena *arena, int *ret_fd, struct selfsame_err *e)
{
    const char *path = arena_printf(arena, "%s/lock", dir);

    if (path == NULL)
        return nomem(e);
    *ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*ret_fd < 0 || flock(*ret_fd, LOCK_EX) != 0)
        return file_error(e, "lock", path);
    return SELFSAME_OK;
}

/* Fails where something cannot be kept; the verdict may have changed all the same. */
static enum selfsame_code
keep(const struct releases *x, struct selfsame_result *r, struct selfsame_err *verdict,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(4 * STATE_LIMIT);
    auto_fd fd = -1;
    const enum selfsame_code before = selfsame_result_code(r);
    struct selfsame_bytes stored;
    char *text = NULL;

    TRY(dir_make(x->dir, true, e));
    TRY(lock(x->dir, &arena, &fd, e));
    TRY(memory_read(x->file, &arena, &stored, e));
    enum selfsame_code code = selfsame_result_remember(r, stored, &text, e);
    if (selfsame_result_code(r) != before) {
        *verdict = *e;
        code = SELFSAME_OK;
    }
    if (code == SELFSAME_OK && text != NULL)
        code = file_write(x->file, bytes_str(text), true, e);
    selfsame_free(text);
    return code;
}

enum selfsame_code
releases_settle(void *releases, struct selfsame_result *r, struct selfsame_err *e)
{
    const struct releases *x = releases;
    struct selfsame_err failed = { 0 };
    char text[1200];

    if (x->dir != NULL && keep(x, r, e, &failed) != SELFSAME_OK) {
        (void)selfsame_err_print(&failed, text, sizeof(text));
        (void)fprintf(stderr,
            "selfsame: warning: an older release will not be noticed: %s\n", text);
    }
    return selfsame_result_code(r);
}
