/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cpio.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "image/eif.h"
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * reproducible-build §8: measurement → section → file → byte. Images are mapped,
 * so memory does not grow with them.
 */
enum { TEXT_MAX = 256 << 20, WINDOW = 16 };

struct file {
    const char *path, *attributes; /* "f 0755 0 0" */
    const char *digest;            /* of contents, or the target of a link */
    struct selfsame_bytes data;    /* absent in manifests */
    size_t order; /* in the image: a later one replaces an earlier one */
};
struct side {
    const char *path;
    struct selfsame_bytes map; /* the image, or absent */
    struct selfsame_bytes section[EIF_SECTIONS];
    enum eif_type type[EIF_SECTIONS];
    size_t sections;
    json_t *measurements; /* or NULL */
    struct file *files;
    size_t count, cap;
};

static void
side_free(struct side *s)
{
    if (s->map.ptr != NULL)
        (void)munmap((void *)(uintptr_t)s->map.ptr, s->map.len);
    json_decref(s->measurements);
    free(s->files);
}

static enum selfsame_code
add_file(struct side *s, const struct file *f, struct selfsame_err *e)
{
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 256 : s->cap * 2;
        struct file *more = realloc(s->files, cap * sizeof(*more));

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
    struct file f = { .path = arena_str(arena, c->name),
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

static enum selfsame_code
open_image(struct side *s, struct arena *arena, struct selfsame_err *e)
{
    struct eif_header h;

    TRY(eif_header_parse(
        BYTES(s->map.ptr, s->map.len < EIF_HEADER ? s->map.len : EIF_HEADER),
        s->map.len, &h, e));
    for (size_t i = 0; i < h.count; i++) {
        struct reader r = reader_of(
            BYTES(s->map.ptr + h.offset[i], EIF_SECTION_HEADER + (size_t)h.size[i]));

        uint16_t type = get_be16(&r);
        (void)get_bytes(&r, EIF_SECTION_HEADER - 2);
        s->section[i] = get_bytes(&r, (size_t)h.size[i]);
        s->type[i] = (enum eif_type)type;
        s->sections = i + 1;
        if (s->type[i] != EIF_RAMDISK)
            continue;
        struct cpio c = cpio_of(s->section[i]);
        struct cpio_entry entry;

        while (cpio_next(&c, &entry))
            TRY(add_entry(s, &entry, arena, e));
        if (!cpio_done(&c))
            FAIL(e, SELFSAME_UNSUPPORTED, "section %zu: the ramdisk is no cpio: %s", i,
                c.why != NULL ? c.why : "it is cut");
    }
    return SELFSAME_OK;
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
    struct file f = { .path = arena_str(
                          arena, BYTES(line.ptr + at[5] + 1, line.len - at[5] - 1)),
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
map_file(struct side *s, const char *path, bool *ret_there, struct selfsame_err *e)
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
    s->map = BYTES(p, (size_t)st.st_size);
    *ret_there = true;
    return SELFSAME_OK;
}

static enum selfsame_code
open_mapped(struct side *s, struct arena *arena, struct selfsame_err *e)
{
    if (bytes_has_prefix(s->map, BYTES_LIT(".eif")))
        return open_image(s, arena, e);
    if (s->map.ptr[0] == '{')
        return json_parse(s->map, s->path, &s->measurements, e);
    if (s->map.len > TEXT_MAX)
        FAIL(e, SELFSAME_MALFORMED, "manifest: expected at most %d bytes",
            (int)TEXT_MAX);
    return open_manifest(s, s->map, arena, e);
}

/* The output of a build: its measurements and its image (or else its manifest). */
static enum selfsame_code
open_dir(struct side *s, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    char *image = arena_printf(arena, "%s/image.eif", s->path);
    char *manifest = arena_printf(arena, "%s/manifest.txt", s->path);
    char *measured = arena_printf(arena, "%s/measurements.json", s->path);
    bool there;

    if (image == NULL || manifest == NULL || measured == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    TRY(file_read(measured, JSON_LIMIT, arena, &text, e));
    TRY(json_parse(text, "measurements.json", &s->measurements, e));
    TRY(map_file(s, image, &there, e));
    if (there)
        return open_image(s, arena, e);
    TRY(map_file(s, manifest, &there, e));
    if (!there)
        FAIL(e, SELFSAME_IO, "%s: has neither image.eif nor manifest.txt", s->path);
    return open_manifest(s, s->map, arena, e);
}

static int
by_path(const void *a, const void *b)
{
    const struct file *x = a, *y = b;

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

static enum selfsame_code
open_side(struct side *s, struct arena *arena, struct selfsame_err *e)
{
    struct stat st;
    bool there;

    if (stat(s->path, &st) != 0)
        return file_error(e, "cannot open", s->path);
    if (S_ISDIR(st.st_mode)) {
        TRY_WHILE(e, open_dir(s, arena, e), "reading %s", s->path);
    } else {
        TRY(map_file(s, s->path, &there, e));
        TRY_WHILE(e, open_mapped(s, arena, e), "reading %s", s->path);
    }
    sort_files(s);
    return SELFSAME_OK;
}

/* ---- findings ---- */

static void
found(struct repro_diff *d, const struct repro_finding *f)
{
    d->differences++;
    if (d->found != NULL)
        d->found(d->ctx, f);
}

static enum selfsame_code
compare_json(struct repro_diff *d, json_t *a, json_t *b, const char *prefix,
    struct arena *arena, struct selfsame_err *e)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
    {
        json_t *other = json_object_get(b, key);
        char *name = arena_printf(arena, "%s%s", prefix, key);
        char *inner = arena_printf(arena, "%s%s.", prefix, key);

        if (name == NULL || inner == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to compare");
        d->compared++;
        if (other == NULL) {
            found(d, &(struct repro_finding){
                         .what = "member", .name = name, .how = "only in A" });
        } else if (json_is_object(value) && json_is_object(other)) {
            TRY(compare_json(d, value, other, inner, arena, e));
        } else if (!json_equal(value, other)) {
            char *x = json_dumps(
                value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
            char *y = json_dumps(
                other, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

            found(d,
                &(struct repro_finding){
                    .what = "member", .name = name, .how = "value", .a = x, .b = y });
            free(x);
            free(y);
        }
    }
    json_object_foreach(b, key, value)
    {
        char *name = arena_printf(arena, "%s%s", prefix, key);

        if (name == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to compare");
        if (json_object_get(a, key) == NULL)
            found(d, &(struct repro_finding){
                         .what = "member", .name = name, .how = "only in B" });
    }
    return SELFSAME_OK;
}

static enum selfsame_code
compare_sections(struct repro_diff *d, const struct side *a, const struct side *b,
    struct arena *arena, struct selfsame_err *e)
{
    size_t most = a->sections > b->sections ? a->sections : b->sections;

    for (size_t i = 0; i < most; i++) {
        const struct side *any = i < a->sections ? a : b;
        char *name = arena_printf(arena, "%zu (%s)", i, eif_type_word(any->type[i]));
        struct repro_finding f = { .what = "section", .name = name };

        if (name == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to compare");
        d->compared++;
        if (i >= a->sections || i >= b->sections)
            f.how = i >= b->sections ? "only in A" : "only in B";
        else if (a->type[i] != b->type[i])
            f.how = "type";
        else if (!bytes_eq(a->section[i], b->section[i]))
            f.how = "content";
        else
            continue;
        if (any->type[i] == EIF_METADATA)
            f.hint = "metadata is in no measurement";
        found(d, &f);
    }
    return SELFSAME_OK;
}

/* ---- one file ---- */

static size_t
first_difference(struct selfsame_bytes a, struct selfsame_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len, at = 0;

    while (at < n && a.ptr[at] == b.ptr[at])
        at++;
    return at;
}

static bool
has_text(struct selfsame_bytes b, const char *text)
{
    return memmem(b.ptr, b.len, text, strlen(text)) != NULL;
}

/* reproducible-build §8 (4) and (5): what it looks like, and the row of §2 that helps. */
static const char *
hint_of(struct selfsame_bytes a, struct selfsame_bytes b, size_t at)
{
    struct selfsame_bytes gzip = BYTES_LIT("\x1f\x8b"),
                          elf = BYTES_LIT("\x7f\x45\x4c\x46"),
                          ar = BYTES_LIT("!<arch>\n"), pe = BYTES_LIT("MZ");

    if (bytes_has_prefix(a, gzip) && at >= 4 && at < 8)
        return "the time in a gzip header: use gzip -n";
    if (bytes_has_prefix(a, ar))
        return "an ar archive with times or owners: use ar rcsD";
    if (bytes_has_prefix(a, pe) && at < 1024)
        return "the time in a PE header: set TimeDateStamp to zero";
    if (bytes_has_prefix(a, elf) && (has_text(a, "/build/") || has_text(a, "/tmp/") ||
                                        has_text(b, "/tmp/") || has_text(a, "/home/")))
        return "an ELF file with a build path in it: use -ffile-prefix-map=$PWD=.";
    if (bytes_has_prefix(a, elf))
        return "an ELF file: sort the objects, use no __DATE__, no -march=native";
    for (size_t i = at > 12 ? at - 12 : 0; i + 2 < a.len && i < at + 4; i++)
        if ((a.ptr[i] == ':' || a.ptr[i] == '-') && i > 0 && a.ptr[i - 1] >= '0' &&
            a.ptr[i - 1] <= '9' && a.ptr[i + 1] >= '0' && a.ptr[i + 1] <= '9')
            return "text like a date: take it from SOURCE_DATE_EPOCH";
    return NULL;
}

static char *
window(struct selfsame_bytes b, size_t at, struct arena *arena)
{
    size_t from = at < WINDOW ? 0 : at - WINDOW;
    size_t n = b.len - from < (size_t)2 * WINDOW ? b.len - from : (size_t)2 * WINDOW;
    char *hex = hex_dup(arena, BYTES(b.ptr + from, n));

    return hex == NULL ? NULL : arena_printf(arena, "byte %zu: %s", at, hex);
}

static void
compare_file(struct repro_diff *d, const struct file *a, const struct file *b,
    struct arena *arena)
{
    struct repro_finding f = { .what = "file", .name = a->path };

    d->compared++;
    if (strcmp(a->attributes, b->attributes) != 0) {
        f.how = "type, mode or owner";
        f.a = a->attributes;
        f.b = b->attributes;
        found(d, &f);
    }
    if (strcmp(a->digest, b->digest) == 0)
        return;
    f.how = "content";
    f.a = a->digest;
    f.b = b->digest;
    if (a->data.ptr != NULL && b->data.ptr != NULL && a->attributes[0] == 'f') {
        size_t at = first_difference(a->data, b->data);

        f.a = window(a->data, at, arena);
        f.b = window(b->data, at, arena);
        f.hint = hint_of(a->data, b->data, at);
    }
    found(d, &f);
}

static void
compare_files(struct repro_diff *d, const struct side *a, const struct side *b,
    struct arena *arena)
{
    size_t i = 0, j = 0;

    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : strcmp(a->files[i].path, b->files[j].path);
        struct repro_finding f = { .what = "file" };

        if (order == 0) {
            compare_file(d, &a->files[i++], &b->files[j++], arena);
            continue;
        }
        d->compared++;
        f.how = order < 0 ? "only in A" : "only in B";
        f.name = order < 0 ? a->files[i].path : b->files[j].path;
        found(d, &f);
        i += order < 0;
        j += order > 0;
    }
}

enum selfsame_code
repro_compare(const char *a, const char *b, struct repro_diff *d, struct arena *arena,
    struct selfsame_err *e)
{
    __attribute__((cleanup(side_free))) struct side one = { .path = a };
    __attribute__((cleanup(side_free))) struct side two = { .path = b };

    TRY(open_side(&one, arena, e));
    TRY(open_side(&two, arena, e));
    bool json = one.measurements != NULL && two.measurements != NULL;
    bool files = one.count > 0 && two.count > 0;
    if (!json && !files && (one.sections == 0 || two.sections == 0))
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "expected two of a kind, got a measurement and an image or manifest"),
            "Compare two images, two manifests, an image and a manifest, two "
            "measurements.json or two output directories.");
    if (json)
        TRY(compare_json(d, one.measurements, two.measurements, "", arena, e));
    if (one.sections > 0 && two.sections > 0)
        TRY(compare_sections(d, &one, &two, arena, e));
    compare_files(d, &one, &two, arena);
    return SELFSAME_OK;
}
