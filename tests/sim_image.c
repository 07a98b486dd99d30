/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a small EIF for tests of the simulator:
 *
 *     sim_image OUT PATH=FILE... [--gzip | --plain | --raw=FILE] PATH=FILE...
 *
 * Each --plain or --gzip begins a further ramdisk; --raw adds one whose bytes are
 * FILE's. Files are executable; FILE "@TEXT" is a symbolic link to TEXT, FILE ":MODE" a
 * directory, FILE "!" a device node.
 */
#include "image/eif.h"
#include "image/tree.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

struct growing {
    uint8_t *ptr;
    size_t len;
};

static void
append(struct growing *g, const void *p, size_t n)
{
    uint8_t *more = realloc(g->ptr, g->len + n + 1);

    if (more == NULL)
        abort();
    g->ptr = more;
    memcpy(g->ptr + g->len, p, n);
    g->len += n;
}

static enum selfsame_code
grow(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    (void)e;
    append(ctx, b.ptr, b.len);
    return SELFSAME_OK;
}

static enum selfsame_code
add(struct tree *t, char *arg, struct arena *arena, struct selfsame_err *e)
{
    char *file = strchr(arg, '=');
    struct selfsame_bytes b = BYTES_NONE;

    if (file == NULL)
        FAIL(e, SELFSAME_USAGE, "%s: expected PATH=FILE", arg);
    *file++ = '\0';
    struct node n = { .path = arg, .type = NODE_FILE, .mode = 0755 };
    if (file[0] == '@') {
        n.type = NODE_SYMLINK;
        n.target = file + 1;
        n.mode = 0777;
    } else if (file[0] == ':') {
        n.type = NODE_DIR;
        n.mode = (uint16_t)strtoul(file + 1, NULL, 8);
    } else if (file[0] == '!') {
        n.type = NODE_CHAR;
        n.rdev_major = 1;
        n.rdev_minor = 3;
    } else {
        TRY(file_read(file, (size_t)64 << 20, arena, &b, e));
        n.content = (struct content){ .size = b.len, .ptr = b.ptr };
    }
    return tree_put(t, &n, e);
}

static struct growing
compressed(struct growing in)
{
    z_stream z = { 0 };
    struct growing out = { 0 };

    if (deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    size_t room = deflateBound(&z, in.len);
    out.ptr = malloc(room);
    z.next_in = in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = out.ptr;
    z.avail_out = (uInt)room;
    if (out.ptr == NULL || deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    out.len = room - z.avail_out;
    (void)deflateEnd(&z);
    free(in.ptr);
    return out;
}

static enum selfsame_code
ramdisk(struct tree *t, bool gzip, struct growing *ret, struct selfsame_err *e)
{
    struct growing g = { 0 };
    struct sink sink = { grow, &g };

    TRY(initramfs_write(t, &sink, e));
    *ret = gzip ? compressed(g) : g;
    return SELFSAME_OK;
}

static enum selfsame_code
add_raw(
    const char *path, struct growing *ret, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes b;

    TRY(file_read(path, (size_t)64 << 20, arena, &b, e));
    append(ret, b.ptr, b.len);
    return SELFSAME_OK;
}

static enum selfsame_code
write_eif(const char *out, const struct growing *section, const enum eif_type *type,
    size_t count, struct selfsame_err *e)
{
    struct eif_plan plan = {
        .count = count, .default_mem = 64 << 20, .default_cpus = 1
    };
    struct growing body = { 0 }, whole = { 0 };
    uint8_t head[EIF_HEADER];

    for (size_t i = 0; i < count; i++) {
        uint8_t section_head[EIF_SECTION_HEADER];

        plan.section[i].type = type[i];
        plan.section[i].size = section[i].len;
        eif_section_header_write(type[i], section[i].len, section_head);
        append(&body, section_head, sizeof(section_head));
        append(&body, section[i].ptr, section[i].len);
        free(section[i].ptr);
    }
    uint32_t crc = (uint32_t)crc32(0, body.ptr, (uInt)body.len);
    eif_header_write(&plan, eif_crc(&plan, crc, body.len), head);
    append(&whole, head, sizeof(head));
    append(&whole, body.ptr, body.len);
    enum selfsame_code code = file_write(out, BYTES(whole.ptr, whole.len), false, e);
    free(body.ptr);
    free(whole.ptr);
    return code;
}

static enum selfsame_code
make(int argc, char **argv, struct arena *arena, struct selfsame_err *e)
{
    struct growing section[8] = { 0 };
    enum eif_type type[8] = { EIF_KERNEL, EIF_CMDLINE };
    auto_tree *t = tree_new();
    size_t count = 2;
    bool gzip = false;

    append(&section[0], "not a kernel", 12);
    append(&section[1], "reboot=k panic=30", 17);
    for (int i = 2; i <= argc; i++) {
        bool next = i == argc || argv[i][0] == '-';

        if (t == NULL || count + 1 >= COUNT(section))
            FAIL(e, SELFSAME_NOMEM, "%zu sections", count);
        if (!next) {
            TRY(add(t, argv[i], arena, e));
            continue;
        }
        type[count] = EIF_RAMDISK;
        TRY(ramdisk(t, gzip, &section[count++], e));
        tree_free(&t);
        t = tree_new();
        gzip = i < argc && strcmp(argv[i], "--gzip") == 0;
        if (i < argc && strncmp(argv[i], "--raw=", 6) == 0) {
            type[count] = EIF_RAMDISK;
            TRY(add_raw(argv[i] + 6, &section[count++], arena, e));
        }
    }
    return write_eif(argv[1], section, type, count, e);
}

int
main(int argc, char **argv)
{
    auto_arena arena = arena_new((size_t)256 << 20);
    struct selfsame_err err = { 0 };
    char text[1024];

    if (argc < 3 || make(argc, argv, &arena, &err) != SELFSAME_OK) {
        (void)selfsame_err_print(&err, text, sizeof(text));
        (void)fprintf(stderr, "sim_image: %s\n", text);
        return 1;
    }
    return 0;
}
