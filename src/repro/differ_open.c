/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cpio.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "repro/differ.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 << 20 };

void
side_free(struct side *s)
{
    for (size_t i = 0; i < s->maps; i++)
        (void)munmap((void *)(uintptr_t)s->map[i].ptr, s->map[i].len);
    json_decref(s->measurements);
    free(s->files);
}

static enum selfsame_code
add_file(struct side *s, const struct side_file *f, struct selfsame_err *e)
{
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 256 : s->cap * 2;
        struct side_file *more = realloc(s->files, cap * sizeof(*more));

        if (more == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for %zu files", s->count);
        s->files = more;
        s->cap = cap;
    }
    if (f->path == NULL || f->attributes == NULL || f->digest == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for %zu files", s->count);
    s->files[s->count] = *f;
    s->files[s->count].order = s->count;
    s->count++;
    return SELFSAME_OK;
}

/* ---- an image ---- */

static char
type_letter(uint32_t mode)
{
    switch (mode & 0170000) {
    case 0040000: return 'd';
    case 0100000: return 'f';
    case 0120000: return 'l';
    case 0020000: return 'c';
    case 0060000: return 'b';
    case 0010000: return 'p';
    default: return '?';
    }
}

static enum selfsame_code
add_entry(struct side *s, const struct cpio_entry *c, struct arena *arena,
    struct selfsame_err *e)
{
    uint8_t sum[HASH_MAX];
    char type = type_letter(c->mode);
    struct side_file f = { .path = arena_str(arena, c->name),
        .attributes = arena_printf(arena, "%c %04o %u %u", type,
            (unsigned)(c->mode & 07777), (unsigned)c->uid, (unsigned)c->gid),
        .digest = "-",
        .data = c->data };

    if (!hash_bytes(HASH_SHA256, c->data, sum))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    if (type == 'l')
        f.digest = arena_str(arena, c->data);
    else if (type == 'f')
        f.digest = hex_dup(arena, BYTES(sum, 32));
    else if (type == 'c' || type == 'b')
        f.digest = arena_printf(
            arena, "%u:%u", (unsigned)c->rdev_major, (unsigned)c->rdev_minor);
    return add_file(s, &f, e);
}

/* newc (initramfs.md), what the kernel calls an initramfs. */
static bool
is_cpio(struct selfsame_bytes b)
{
    return bytes_has_prefix(b, BYTES_LIT("070701"));
}

static enum selfsame_code
add_ramdisk(struct side *s, struct selfsame_bytes ramdisk, const char *name,
    struct arena *arena, struct selfsame_err *e)
{
    struct cpio c = cpio_of(ramdisk);
    struct cpio_entry entry;

    while (cpio_next(&c, &entry))
        TRY(add_entry(s, &entry, arena, e));
    if (!cpio_done(&c))
        FAIL(e, SELFSAME_UNSUPPORTED, "%s: the ramdisk is no cpio: %s", name,
            c.why != NULL ? c.why : "it is cut");
    return SELFSAME_OK;
}

static struct side_section *
add_section(struct side *s, const char *name, struct selfsame_bytes data)
{
    struct side_section *x = &s->section[s->sections++];

    *x = (struct side_section){ .name = name, .data = data };
    return x;
}

static enum selfsame_code
open_eif(struct side *s, struct selfsame_bytes map, struct arena *arena,
    struct selfsame_err *e)
{
    struct eif_header h;

    TRY(eif_header_parse(
        BYTES(map.ptr, map.len < EIF_HEADER ? map.len : EIF_HEADER), map.len, &h, e));
    for (size_t i = 0; i < h.count; i++) {
        struct reader r = reader_of(
            BYTES(map.ptr + h.offset[i], EIF_SECTION_HEADER + (size_t)h.size[i]));
        char *name = arena_printf(arena, "%zu", i);

        if (name == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to compare");
        uint16_t type = get_be16(&r);
        (void)get_bytes(&r, EIF_SECTION_HEADER - 2);
        struct side_section *x = add_section(s, name, get_bytes(&r, (size_t)h.size[i]));
        x->kind = eif_type_word((enum eif_type)type);
        x->unmeasured = type == EIF_METADATA;
        if (type == EIF_RAMDISK)
            TRY(add_ramdisk(s, x->data, name, arena, e));
    }
    return SELFSAME_OK;
}

/* A file of a virtual machine's image; what is no initrd is compared as a whole. */
static enum selfsame_code
open_part(struct side *s, const char *name, struct selfsame_bytes map,
    struct arena *arena, struct selfsame_err *e)
{
    (void)add_section(s, name, map);
    return is_cpio(map) ? add_ramdisk(s, map, name, arena, e) : SELFSAME_OK;
}

/* ---- a manifest: "<type> <mode> <uid> <gid> <size> <digest> <path>" ---- */

static enum selfsame_code
add_line(struct side *s, struct selfsame_bytes line, struct arena *arena,
    struct selfsame_err *e)
{
    size_t at[6], n = 0;

    for (size_t i = 0; i < line.len && n < 6; i++)
        if (line.ptr[i] == ' ')
            at[n++] = i;
    if (n < 6 || line.ptr[0] == ' ' || at[0] != 1)
        FAIL(e, SELFSAME_MALFORMED,
            "manifest, line %zu: expected '<type> <mode> <uid> <gid> <size> <digest> "
            "<path>'",
            s->count + 1);
    struct side_file f = { .path = arena_str(arena,
                               BYTES(line.ptr + at[5] + 1, line.len - at[5] - 1)),
        .attributes = arena_str(arena, BYTES(line.ptr, at[3])),
        .digest = arena_str(arena, BYTES(line.ptr + at[4] + 1, at[5] - at[4] - 1)) };
    return add_file(s, &f, e);
}

static enum selfsame_code
open_manifest(struct side *s, struct selfsame_bytes text, struct arena *arena,
    struct selfsame_err *e)
{
    while (text.len > 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);

        if (end == NULL)
            FAIL(e, SELFSAME_MALFORMED, "manifest: the last line does not end");
        size_t n = (size_t)(end - text.ptr);
        TRY(add_line(s, BYTES(text.ptr, n), arena, e));
        text = BYTES(text.ptr + n + 1, text.len - n - 1);
    }
    return SELFSAME_OK;
}

/* ---- whichever it is ---- */

static enum selfsame_code
map_file(struct side *s, const char *path, bool *ret_there, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct stat st;
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *ret_there = false;
    if (fd < 0 && errno == ENOENT)
        return SELFSAME_OK;
    if (fd < 0 || fstat(fd, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "%s: expected a directory or a regular file", path);
    if (st.st_size == 0)
        TRY_WHILE(e, file_empty(e, "an image, a manifest or measurements"), "%s", path);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        FAIL(e, SELFSAME_IO, "cannot map %s: %s", path, strerror(errno));
    *ret = s->map[s->maps++] = BYTES(p, (size_t)st.st_size);
    *ret_there = true;
    return SELFSAME_OK;
}

static enum selfsame_code
open_mapped(struct side *s, struct selfsame_bytes map, struct arena *arena,
    struct selfsame_err *e)
{
    if (bytes_has_prefix(map, BYTES_LIT(".eif")))
        return open_eif(s, map, arena, e);
    if (is_cpio(map))
        return open_part(s, "image.initrd", map, arena, e);
    if (map.ptr[0] == '{')
        return json_parse(map, s->path, &s->measurements, e);
    if (map.len > TEXT_MAX)
        FAIL(e, SELFSAME_MALFORMED, "manifest: expected at most %d bytes",
            (int)TEXT_MAX);
    return open_manifest(s, map, arena, e);
}

/* All the image files that are there. */
static enum selfsame_code
open_images(struct side *s, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes map;
    bool there;

    for (size_t i = 0; i < OUT_FILES; i++) {
        const char *name = out_files[i].name;
        char *path = arena_printf(arena, "%s/%s", s->path, name);

        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a path");
        if (out_files[i].tee == NULL)
            continue;
        TRY(map_file(s, path, &there, &map, e));
        if (!there)
            continue;
        if (strcmp(name, "image.eif") == 0)
            TRY(open_eif(s, map, arena, e));
        else
            TRY(open_part(s, name, map, arena, e));
    }
    return SELFSAME_OK;
}

/* The output of a build: its measurements and its images (or else its manifest). */
static enum selfsame_code
open_dir(struct side *s, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes text, map;
    char *manifest = arena_printf(arena, "%s/manifest.txt", s->path);
    char *measured = arena_printf(arena, "%s/measurements.json", s->path);
    bool there;

    if (manifest == NULL || measured == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    TRY(file_read(measured, JSON_LIMIT, arena, &text, e));
    TRY(json_parse(text, "measurements.json", &s->measurements, e));
    TRY(open_images(s, arena, e));
    if (s->sections > 0)
        return SELFSAME_OK;
    TRY(map_file(s, manifest, &there, &map, e));
    if (!there)
        FAIL(e, SELFSAME_IO, "%s: has neither an image nor manifest.txt", s->path);
    return open_manifest(s, map, arena, e);
}

static int
by_path(const void *a, const void *b)
{
    const struct side_file *x = a, *y = b;

    int order = strcmp(x->path, y->path);
    return order != 0 ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* As the kernel unpacks ramdisks: of two entries of a name the later one stays. */
static void
sort_files(struct side *s)
{
    size_t n = 0;

    if (s->count > 1)
        qsort(s->files, s->count, sizeof(*s->files), by_path);
    for (size_t i = 0; i < s->count; i++)
        if (i + 1 == s->count || strcmp(s->files[i].path, s->files[i + 1].path) != 0)
            s->files[n++] = s->files[i];
    s->count = n;
}

enum selfsame_code
side_open(struct side *s, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes map;
    struct stat st;
    bool there;

    if (stat(s->path, &st) != 0)
        return file_error(e, "cannot open", s->path);
    if (S_ISDIR(st.st_mode)) {
        TRY_WHILE(e, open_dir(s, arena, e), "reading %s", s->path);
    } else {
        TRY(map_file(s, s->path, &there, &map, e));
        if (!there)
            FAIL(e, SELFSAME_IO, "%s: it is gone", s->path);
        TRY_WHILE(e, open_mapped(s, map, arena, e), "reading %s", s->path);
    }
    sort_files(s);
    return SELFSAME_OK;
}
