/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* All that stands in an output directory, in the order it is written and compared. */
const char *const out_names[OUT_FILES] = { "image.eif", "manifest.txt",
    "measurements.json", "statement.json" };

/* How much of the path is there already: "/a/b" of "/a/b/c/d", 0 for nothing. */
static size_t
existing(const char *path)
{
    char part[1024];
    struct stat st;

    for (size_t n = strlen(path); n > 0 && n < sizeof(part); n--) {
        if (path[n] != '\0' && path[n] != '/')
            continue;
        memcpy(part, path, n);
        part[n] = '\0';
        if (lstat(part, &st) == 0)
            return n;
    }
    return 0;
}

enum selfsame_code
out_make(const char *path, size_t *ret_kept, struct selfsame_err *e)
{
    size_t kept = existing(path);

    enum selfsame_code code = dir_make(path, false, e);
    if (code != SELFSAME_OK)
        out_unmake(path, kept);
    else
        *ret_kept = kept;
    return code;
}

/* rmdir takes only what is empty: somebody else's file keeps its directory. */
void
out_unmake(const char *path, size_t kept)
{
    char part[1024];

    for (size_t n = strlen(path); n > kept && n < sizeof(part); n--) {
        if (path[n] != '\0' && path[n] != '/')
            continue;
        memcpy(part, path, n);
        part[n] = '\0';
        (void)rmdir(part);
    }
}

void
out_discard(const char *path, size_t kept)
{
    char file[1100];

    for (size_t i = 0; i < OUT_FILES; i++)
        if (snprintf(file, sizeof(file), "%s/%s", path, out_names[i]) <
            (int)sizeof(file))
            (void)unlink(file);
    out_unmake(path, kept);
}
