/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum selfsame_code
tool_find(struct arena *arena, const char *told, const char *name, const char *folder,
    const char **ret, struct selfsame_err *e)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (told != NULL) {
        *ret = told;
        return SELFSAME_OK;
    }
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = 0;
    const char *places[] = { "", "../libexec/selfsame/", "../lib/selfsame/", folder };
    for (size_t i = 0; i < COUNT(places); i++) {
        char *path = arena_printf(arena, "%s/%s%s", self, places[i], name);

        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to build an image");
        if (access(path, R_OK) == 0) {
            *ret = path;
            return SELFSAME_OK;
        }
    }
    return remedied(e,
        err_set(e, SELFSAME_IO, __FILE__, __LINE__,
            "%s is neither in %s nor in ../libexec/selfsame", name, self),
        "Install it there, or name it with --init FILE, --agent FILE.");
}

enum selfsame_code
tool_check(const char *path, const char *arch, struct selfsame_err *e)
{
    struct stat st;
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "%s: expected a regular file", path);
    struct extent x = { .fd = &fd, .size = (uint64_t)st.st_size };
    TRY_WHILE(e, elf_check_static(&x, arch, e), "reading %s", path);
    return SELFSAME_OK;
}
