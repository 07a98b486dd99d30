/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_file.h"

#include "os/os.h"

enum { KEY_LIMIT = 16384, KEY_MEMORY = 1 << 18 };

enum selfsame_code
key_file_check(const char *path, struct selfsame_err *e)
{
    return file_is_private(path, e);
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
