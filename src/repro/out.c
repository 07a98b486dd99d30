/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/kind.h"

#include <selfsame/measure.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

const struct out_file out_files[OUT_FILES] = {
    { "image.eif", "nitro" },
    { "image.firmware", "snp" },
    { "image.kernel", "snp" },
    { "image.initrd", "snp" },
    { "image.cmdline", "snp" },
    { "image.manifest.sgx", "sgx" },
    { "image.pal", "sgx" },
    { "image.libos", "sgx" },
    { "image.rootfs", "sgx" },
    { "tdx.firmware", "tdx" },
    { "tdx.kernel", "tdx" },
    { "tdx.initrd", "tdx" },
    { "tdx.cmdline", "tdx" },
    { "image.oci.tar", "oci" },
    { "manifest.txt", NULL },
    { "measurements.json", NULL },
    { "statement.json", NULL },
};

bool
out_has(const struct out_file *f, const struct repro_tees *tees)
{
    if (f->tee != NULL && strcmp(f->tee, "oci") == 0)
        return tees->oci;
    for (size_t i = 0; i < tees->count; i++)
        if (f->tee == NULL || strcmp(f->tee, tees->name[i]) == 0)
            return true;
    return false;
}

/* ---- for which TEEs ---- */

static enum selfsame_code
add_tee(struct repro_tees *t, const char *name, struct selfsame_err *e)
{
    struct selfsame_measurement *m = NULL;
    const struct image_kind *k;

    if (name == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to build an image");
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->name[i], name) == 0)
            FAIL(e, SELFSAME_USAGE, "expected each TEE once, got %.40s twice", name);
    /* It knows which there are, and names them. */
    TRY_WHILE(e, selfsame_measurement_new(name, 0, &m, e), "choosing TEEs");
    selfsame_measurement_free(m);
    TRY(kind_need(name, &k, e));
    if (t->count == TEES)
        FAIL(e, SELFSAME_UNSUPPORTED, "expected at most %d TEEs", (int)TEES);
    t->name[t->count++] = name;
    return SELFSAME_OK;
}

enum selfsame_code
out_tees(const char *told, const char *const *recipe, struct arena *arena,
    struct repro_tees *ret, struct selfsame_err *e)
{
    struct repro_tees t = { .count = 0 };

    for (size_t i = 0; told == NULL && recipe[i] != NULL; i++)
        TRY(add_tee(&t, recipe[i], e));
    while (told != NULL && *told != 0) {
        size_t n = strcspn(told, ",");

        TRY(add_tee(&t, arena_str(arena, BYTES((const uint8_t *)told, n)), e));
        told += n;
        told += *told == ',';
    }
    if (t.count == 0)
        FAIL(e, SELFSAME_USAGE, "expected a TEE to measure for, got none");
    *ret = t;
    return SELFSAME_OK;
}

/* ---- the directory ---- */

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
        if (snprintf(file, sizeof(file), "%s/%s", path, out_files[i].name) <
            (int)sizeof(file))
            (void)unlink(file);
    out_unmake(path, kept);
}

enum selfsame_code
out_remove_stale(
    const char *path, const struct repro_tees *tees, struct selfsame_err *e)
{
    char file[1100];

    for (size_t i = 0; i < OUT_FILES; i++) {
        if (out_has(&out_files[i], tees) || snprintf(file, sizeof(file), "%s/%s", path,
                                                out_files[i].name) >= (int)sizeof(file))
            continue;
        if (unlink(file) != 0 && errno != ENOENT)
            return file_error(e, "cannot remove", file);
    }
    return SELFSAME_OK;
}
