/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/confine.h"
#include "verifier/operations.h"

#include <stdlib.h>
#include <sys/stat.h>

/*
 * Its directory is for reading and writing, a registry elsewhere as well; certificates,
 * roots and credentials elsewhere are read again at a reload, under names that may lead
 * to other files by then: so their directories are for reading.
 */
enum { PATHS = 32 };
struct paths {
    const char *list[PATHS + 1];
    size_t count;
    struct arena *arena;
};

static enum selfsame_code
add_path(struct paths *p, const char *path, struct selfsame_err *e)
{
    if (p->count == PATHS)
        FAIL(e, SELFSAME_USAGE, "verifier.json names files in too many places");
    p->list[p->count++] = path;
    return SELFSAME_OK;
}

static enum selfsame_code
add_dir_of(struct paths *p, const char *file, struct selfsame_err *e)
{
    const char *slash = strrchr(file, '/');
    char *dir = NULL;

    if (file[0] != '/')
        return SELFSAME_OK; /* below the service's own directory, or no file at all */
    const size_t len = slash > file ? (size_t)(slash - file) : 1;
    dir = arena_str(p->arena, BYTES((const uint8_t *)file, len));
    if (dir == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    return add_path(p, dir, e);
}

/* Whatever is a path in the settings, however deep. */
static enum selfsame_code
add_all(struct paths *p, const json_t *v, struct selfsame_err *e)
{
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_string(v))
        return add_dir_of(p, json_string_value(v), e);
    json_object_foreach((json_t *)(uintptr_t)v, name, member)
        TRY(add_all(p, member, e));
    json_array_foreach(v, i, member) TRY(add_all(p, member, e));
    return SELFSAME_OK;
}

/* Files that a PostgreSQL URL names: sslrootcert=/…, sslcert=/…, passfile=/…. */
static enum selfsame_code
add_parameters(struct paths *p, const char *url, struct selfsame_err *e)
{
    for (const char *at = url; at != NULL && (at = strstr(at, "=/")) != NULL;) {
        const size_t len = strcspn(++at, "& ");
        char *file = arena_str(p->arena, BYTES((const uint8_t *)at, len));

        if (file == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a path");
        TRY(add_dir_of(p, file, e));
    }
    return SELFSAME_OK;
}

/* Where collateral is kept, if that is elsewhere. */
static enum selfsame_code
add_cache(struct paths *p, const json_t *collateral, struct selfsame_err *e)
{
    const char *name, *path;
    json_t *member;
    struct stat st;

    json_object_foreach((json_t *)(uintptr_t)collateral, name, member)
    {
        path = json_string_value(member);
        if (path != NULL && path[0] == '/' && stat(path, &st) == 0 &&
            S_ISDIR(st.st_mode))
            TRY(add_path(p, path, e));
    }
    return SELFSAME_OK;
}

enum selfsame_code
verifier_confine(struct verifier_service *s, const char *user,
    struct verifier_confined *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 16);
    struct paths read = { .arena = &arena }, write = { .arena = &arena };
    const char *registry = json_string_value(service_setting(s, "registry"));
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    struct confined got = { 0 };

    TRY(add_path(&write, s->dir, e));
    if (registry != NULL && registry[0] == '/')
        TRY(add_dir_of(&write, registry, e));
    TRY(add_parameters(&read, registry, e));
    TRY(add_cache(&write, service_setting(s, "collateral"), e));
    TRY(add_all(&read, s->settings, e));
    if (credentials != NULL)
        TRY(add_path(&read, credentials, e));
    const struct confine_config c = {
        .user = user, .write_paths = write.list, .read_paths = read.list
    };
    confine_secret(s->secrets_key, sizeof(s->secrets_key));
    TRY(confine(&c, &got, e));
    *ret = (struct verifier_confined){ .files = got.files, .addresses = got.addresses };
    return SELFSAME_OK;
}
