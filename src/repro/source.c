/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ELF_MAGIC "\x7f\x45\x4c\x46"
/* ---- static ELF: System V ABI, ELF64 header and program headers ---- */

enum {
    ELF_HEADER = 64,
    ELF_PHENT = 56,
    PT_INTERP_ = 3,
    EM_X86_64_ = 62,
    EM_AARCH64_ = 183
};

static enum selfsame_code
check_programs(
    const struct extent *x, uint64_t phoff, uint16_t count, struct selfsame_err *e)
{
    if (count == 0 || phoff > x->size || x->size - phoff < (uint64_t)count * ELF_PHENT)
        FAIL(e, SELFSAME_MALFORMED,
            "ELF: expected %u program headers inside the file of %llu bytes",
            (unsigned)count, (unsigned long long)x->size);
    for (uint16_t i = 0; i < count; i++) {
        uint8_t head[ELF_PHENT];

        TRY(fd_pread_all(*x->fd, x->offset + phoff + (uint64_t)i * ELF_PHENT, head,
            sizeof(head), "the program", e));
        struct reader r = reader_of(BYTES_ARR(head));
        if (get_le32(&r) == PT_INTERP_)
            return remedied(e,
                err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
                    "ELF: expected a static program, it asks for a loader (PT_INTERP)"),
                "Link it with -static, or give a root file system with its libraries.");
    }
    return SELFSAME_OK;
}

enum selfsame_code
elf_check_static(const struct extent *x, const char *arch, struct selfsame_err *e)
{
    uint8_t head[ELF_HEADER];

    if (x->size < ELF_HEADER)
        FAIL(e, SELFSAME_MALFORMED, "ELF: expected a header of %d bytes, got %llu",
            (int)ELF_HEADER, (unsigned long long)x->size);
    TRY(fd_pread_all(*x->fd, x->offset, head, sizeof(head), "the program", e));
    struct reader r = reader_of(BYTES_ARR(head));
    bool magic = bytes_eq(get_bytes(&r, 4), BYTES_LIT(ELF_MAGIC));
    uint8_t class = get_u8(&r), data = get_u8(&r);
    (void)get_bytes(&r, 10);
    uint16_t type = get_le16(&r), machine = get_le16(&r);
    (void)get_bytes(&r, 12);
    uint64_t phoff = get_le64(&r);
    (void)get_bytes(&r, 14);
    uint16_t phentsize = get_le16(&r), phnum = get_le16(&r);
    if (!magic || class != 2 || data != 1 || (type != 2 && type != 3) ||
        phentsize != ELF_PHENT)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "ELF: expected a 64-bit little-endian program, got class %u data %u type "
            "%u",
            (unsigned)class, (unsigned)data, (unsigned)type);
    uint16_t expected = strcmp(arch, "arm64") == 0 ? EM_AARCH64_ : EM_X86_64_;
    if (machine != expected)
        return remedied(e,
            err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
                "ELF: expected machine %u (%s), got %u", (unsigned)expected, arch,
                (unsigned)machine),
            "Name the platform with --platform OS/ARCH.");
    return check_programs(x, phoff, phnum, e);
}

static enum selfsame_code
load_elf(struct source *s, const struct extent *x, const struct oci_choice *want,
    struct selfsame_err *e)
{
    static const char *const argv[] = { "/app", NULL };
    struct node n = { .path = "app",
        .type = NODE_FILE,
        .mode = 0755,
        .content = content_of_fd(x->fd, x->offset, x->size) };

    TRY(elf_check_static(x, want->arch, e));
    s->kind = "static ELF";
    s->run.argv = argv;
    s->aarch64 = strcmp(want->arch, "arm64") == 0;
    return tree_put(s->tree, &n, e);
}

/* ---- tar of whatever kind ---- */

static enum selfsame_code
load_tar(struct source *s, const struct extent *x, const struct oci_choice *want,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)256 << 20);
    struct bundle b;

    TRY(bundle_index(&b, x, &arena, e));
    if (!b.too_many && bundle_has(&b, "oci-layout") && bundle_has(&b, "index.json")) {
        s->kind = "OCI archive";
        return source_oci_load(s, &b, want, e);
    }
    if (!b.too_many && bundle_has(&b, "manifest.json") &&
        !bundle_has(&b, "etc/passwd")) {
        s->kind = "docker archive";
        return source_docker_load(s, &b, want, e);
    }
    s->kind = "root file system tar";
    s->aarch64 = strcmp(want->arch, "arm64") == 0;
    return source_layer_add(s, x, NULL, false, e);
}

static enum selfsame_code
spool_piece(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct source *s = ctx;

    if (b.len > LAYER_TOTAL - s->spool.size)
        FAIL(e, SELFSAME_UNSUPPORTED, "expected at most %llu bytes uncompressed",
            (unsigned long long)LAYER_TOTAL);
    return spool_append(&s->spool, b, e);
}

static enum selfsame_code
unknown(const char *path, struct selfsame_bytes head, struct selfsame_err *e)
{
    char hex[17] = "";

    hex_encode(BYTES(head.ptr, head.len < 8 ? head.len : 8), hex);
    return remedied(e,
        err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
            "%s: expected a tar, a container image or a static ELF, it begins with %s",
            path, hex),
        "Give a directory, a static ELF, an OCI layout or archive, a docker-archive, "
        "or "
        "a root file system tar.");
}

enum selfsame_code
source_file_load(struct source *s, const char *path, const struct oci_choice *want,
    struct selfsame_err *e)
{
    uint8_t head[TAR_BLOCK] = { 0 };
    struct stat st;
    bool compressed;

    s->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->file < 0 || fstat(s->file, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "%s: expected a directory or a regular file", path);
    struct extent x = { .fd = &s->file, .size = (uint64_t)st.st_size };
    if (x.size == 0)
        TRY_WHILE(e, file_empty(e, "an archive or a static program"), "%s", path);
    TRY(extent_is_compressed(&x, &compressed, e));
    if (compressed) {
        TRY_WHILE(e,
            extent_stream(
                &x, path, &(struct sink){ .write = spool_piece, .ctx = s }, e),
            "decompressing %s", path);
        x = (struct extent){ .fd = &s->spool.fd, .size = s->spool.size };
    }
    struct selfsame_bytes seen = BYTES(
        head, x.size < sizeof(head) ? (size_t)x.size : sizeof(head));
    if (seen.len > 0)
        TRY(fd_pread_all(*x.fd, 0, head, seen.len, path, e));
    if (bytes_has_prefix(seen, BYTES_LIT(ELF_MAGIC)))
        TRY_WHILE(e, load_elf(s, &x, want, e), "reading %s", path);
    else if (tar_recognise(seen))
        TRY_WHILE(e, load_tar(s, &x, want, e), "reading %s", path);
    else
        return unknown(path, seen, e);
    return SELFSAME_OK;
}

/* ---- a layout in a directory ---- */

bool
source_is_layout(const char *path)
{
    auto_fd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return dir >= 0 && faccessat(dir, "oci-layout", F_OK, 0) == 0 &&
           faccessat(dir, "index.json", F_OK, 0) == 0;
}

enum selfsame_code
source_layout_load(struct source *s, const char *path, const struct oci_choice *want,
    struct selfsame_err *e)
{
    auto_fd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return file_error(e, "cannot open", path);
    struct bundle b = { .dir = dir, .arena = &s->arena };
    s->kind = "OCI layout";
    TRY_WHILE(e, source_oci_load(s, &b, want, e), "reading %s", path);
    return SELFSAME_OK;
}
