/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/repro.h"

#include <stdlib.h>

/* A recipe out of a stranger's source: refused as usage, or with every promise of it kept. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static bool
leads_out(const char *path)
{
    return path[0] == '/' || strncmp(path, "../", 3) == 0 || strcmp(path, "..") == 0 ||
           strstr(path, "/../") != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(16 << 20);
    struct selfsame_err e = { 0 };
    struct recipe r;
    enum selfsame_code code = recipe_parse(
        BYTES(data, size), "dir/selfsame.json", &arena, &r, &e);

    if (code != SELFSAME_OK) {
        if (code != SELFSAME_USAGE && code != SELFSAME_NOMEM)
            abort();
        return 0;
    }
    if (!r.given || strcmp(r.dir, "dir") != 0 || r.tees == NULL || r.tees[0] == NULL)
        abort();
    for (size_t i = 0; i < r.file_count; i++)
        if (leads_out(r.files[i].to) || leads_out(r.files[i].from))
            abort();
    for (size_t i = 0; i < r.build_count; i++)
        if (r.build[i].argv[0] == NULL)
            abort();
    if ((r.kernel.file != NULL && !r.kernel.has_sha256) ||
        (r.snp.machine.kernel.file != NULL && !r.snp.machine.kernel.has_sha256) ||
        (r.workdir != NULL && r.workdir[0] != '/') ||
        (r.cert == NULL) != (r.key == NULL))
        abort();
    return 0;
}
