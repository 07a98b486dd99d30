/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rebuild_report.h"
#include "os/os.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The released image, given to find out which of its files differ. */

enum selfsame_code
rebuild_sha256(const char *path, char ret[static 65], struct selfsame_err *e)
{
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t digest[32];

    if (fd < 0 || fstat(fd, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_USAGE, "%s: expected a file", path);
    const struct extent x = { .fd = &fd, .size = (uint64_t)st.st_size };
    TRY(extent_sha256(&x, digest, e));
    hex_encode(BYTES_ARR(digest), ret);
    return SELFSAME_OK;
}

/* A file must be one of the release; of a directory, each that has such a name. */
struct match {
    const char *image, *name; /* name: what is looked for, NULL: any */
    char hex[65];
};

static bool
is_released(const json_t *subject, const struct match *m)
{
    for (size_t i = 0; i < json_array_size(subject); i++) {
        const json_t *one = json_array_get(subject, i);
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *sha256 = json_string_value(
            json_object_get(json_object_get(one, "digest"), "sha256"));

        if (name != NULL && sha256 != NULL && strcmp(sha256, m->hex) == 0 &&
            (m->name == NULL || strcmp(m->name, name) == 0))
            return true;
    }
    return false;
}

static enum selfsame_code
check_file(
    const json_t *subject, struct match *m, const char *path, struct selfsame_err *e)
{
    TRY(rebuild_sha256(path, m->hex, e));
    if (is_released(subject, m))
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_MISMATCH, __FILE__, __LINE__,
        "--image %s: expected a file of the release, got one with SHA-256 %s", path,
        m->hex);
    err_remedy(e, "Name the image that was published with this release.");
    return SELFSAME_MISMATCH;
}

static enum selfsame_code
check_dir(
    const json_t *subject, struct match *m, struct arena *arena, struct selfsame_err *e)
{
    size_t seen = 0;

    for (size_t i = 0; i < json_array_size(subject); i++) {
        m->name = json_string_value(
            json_object_get(json_array_get(subject, i), "name"));
        /* A name in a release is not trusted to stay in the directory. */
        if (m->name == NULL || strchr(m->name, '/') != NULL)
            continue;
        char *path = arena_printf(arena, "%s/%s", m->image, m->name);
        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a path");
        if (access(path, F_OK) != 0)
            continue;
        TRY(check_file(subject, m, path, e));
        seen++;
    }
    if (seen == 0)
        FAIL(e, SELFSAME_USAGE, "--image %s: expected files of the release, got none",
            m->image);
    return SELFSAME_OK;
}

enum selfsame_code
rebuild_check_image(struct selfsame_bytes released, const char *image,
    struct arena *arena, struct selfsame_err *e)
{
    struct match m = { .image = image };
    auto_json *j = NULL;
    struct stat st;

    TRY(json_parse(released, "release", &j, e));
    const json_t *subject = json_object_get(j, "subject");
    if (stat(image, &st) != 0)
        return file_error(e, "cannot open", image);
    if (S_ISDIR(st.st_mode))
        return check_dir(subject, &m, arena, e);
    return check_file(subject, &m, image, e);
}

/* What a single file is to be compared with, told by its first bytes. */
static const char *
counterpart(struct selfsame_bytes head)
{
    if (bytes_has_prefix(head, BYTES_LIT(".eif")))
        return "image.eif";
    if (bytes_has_prefix(head, BYTES_LIT("070701")) ||
        bytes_has_prefix(head, BYTES_LIT("\x1f\x8b")))
        return "image.initrd";
    return "manifest.txt";
}

enum selfsame_code
rebuild_compare_image(const char *image, const char *out, struct repro_diff *d,
    struct arena *arena, struct selfsame_err *e)
{
    uint8_t head[6] = { 0 };
    struct stat st;

    if (stat(image, &st) != 0)
        return file_error(e, "cannot open", image);
    if (S_ISDIR(st.st_mode))
        return repro_compare(image, out, d, arena, e);
    auto_fd fd = open(image, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(e, "cannot open", image);
    TRY(fd_pread_all(fd, 0, head, sizeof(head), image, e));
    const char *name = counterpart(BYTES_ARR(head));
    char *other = arena_printf(arena, "%s/%s", out, name);
    if (strcmp(name, "image.initrd") == 0 && other != NULL && access(other, F_OK) != 0)
        other = arena_printf(arena, "%s/image.rootfs", out); /* of an enclave */
    if (other == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    return repro_compare(image, other, d, arena, e);
}
