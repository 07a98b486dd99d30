/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_file.h"

#include "os/os.h"

#include <sys/stat.h>
#include <unistd.h>

enum { KEY_LIMIT = 16384, KEY_MEMORY = 1 << 18 };

/*
 * Root may hand a file to the group of a service, and to nobody else, as Kubernetes does
 * with secrets: its mode is then 0440, and the service, which is not root, cannot widen it.
 */
static bool
is_handed_over(const struct stat *st)
{
    return st->st_uid == 0 && geteuid() != 0 && (st->st_mode & 037) == 0;
}

/* A key that others can read is no longer only its owner's. */
enum selfsame_code
key_file_check(const char *path, struct selfsame_err *e)
{
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) == 0 ||
        is_handed_over(&st))
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "%s: expected mode 0600, got %04o: others can read this key", path,
        (unsigned)(st.st_mode & 07777));
    err_remedy(e, "chmod 600 the key; if somebody may have read it, make another.");
    return SELFSAME_USAGE;
}

enum selfsame_code
key_file_read(const char *path, struct key **ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(KEY_MEMORY);
    struct selfsame_bytes pem;

    TRY(key_file_check(path, e));
    TRY(file_read(path, KEY_LIMIT, &arena, &pem, e));
    TRY_WHILE(e, key_take_pem(pem, ret, e), "%s", path);
    return SELFSAME_OK;
}

enum selfsame_code
key_file_take(const char *path, struct key **ret, struct selfsame_err *e)
{
    return path == NULL ? key_generate(KEY_ED25519, ret, e)
                        : key_file_read(path, ret, e);
}

enum selfsame_code
key_file_write(const char *path, const struct key *k, struct selfsame_err *e)
{
    auto_arena arena = arena_new(KEY_MEMORY);
    char *pem = NULL;

    TRY(key_to_pem(k, &arena, &pem, e));
    enum selfsame_code code = file_write(path, bytes_str(pem), true, e);
    secret_wipe(pem, strlen(pem));
    return code;
}

enum selfsame_code
path_join(const char *dir, const char *name, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    *ret = arena_printf(arena, "%s/%s", dir, name);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    return SELFSAME_OK;
}
