/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/kind.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What an image has beside the application, for each TEE: kernel, command line,
 * firmware, and the first ramdisk with selfsame-init and the modules it loads.
 */
enum { CMDLINE_MAX = 4096 };

enum selfsame_code
machine_add_tool(struct building *b, struct tree *tree, const char *path,
    const char *to, struct selfsame_err *e)
{
    TRY(tool_check(path, b->source->aarch64 ? "arm64" : "amd64", e));
    return source_file_add(b->source, tree, path, to, 0755, e);
}

/* ---- files named by path and digest ---- */

static enum selfsame_code
check_input(const char *what, const struct recipe_input *in, const char *path,
    struct selfsame_err *e)
{
    uint8_t got[32];
    char want_hex[65], got_hex[65];
    struct stat st;
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0)
        TRY_WHILE(e, file_error(e, "cannot open", path), "%s", what);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "%s: expected a regular file with a %s in it", path, what);
    if (st.st_size == 0)
        TRY_WHILE(e, file_empty(e, what), "%s", path);
    struct extent x = { .fd = &fd, .size = (uint64_t)st.st_size };
    if (!in->has_sha256)
        return SELFSAME_OK;
    TRY(extent_sha256(&x, got, e));
    if (bytes_eq(BYTES_ARR(got), BYTES_ARR(in->sha256)))
        return SELFSAME_OK;
    hex_encode(BYTES_ARR(in->sha256), want_hex);
    hex_encode(BYTES_ARR(got), got_hex);
    return remedied(e,
        err_set(e, SELFSAME_MISMATCH, __FILE__, __LINE__,
            "%s: expected the %s sha256 %.16s…, got %.16s…", path, what, want_hex,
            got_hex),
        "Fetch the file that the recipe names, or correct its digest there.");
}

/* An option names the file; the recipe's digest, when there is one, still holds. */
static enum selfsame_code
find_input(struct building *b, const char *what, const char *told,
    const struct recipe_input *in, const char **ret, struct selfsame_err *e)
{
    const char *path = told;

    *ret = NULL;
    if (path == NULL && in->file == NULL)
        return SELFSAME_OK;
    if (path == NULL)
        path = in->file[0] == '/'
                   ? in->file
                   : arena_printf(b->arena, "%s/%s", b->recipe.dir, in->file);
    if (path == NULL)
        return building_no_memory(e);
    TRY(check_input(what, in, path, e));
    *ret = path;
    return SELFSAME_OK;
}

static enum selfsame_code
open_input(struct building *b, const char *what, const char *told,
    const struct recipe_input *in, int *fd, struct extent *ret, struct selfsame_err *e)
{
    const char *path;
    struct stat st;

    TRY(find_input(b, what, told, in, &path, e));
    if (path == NULL)
        return SELFSAME_OK;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return file_error(e, "cannot open", path);
    *ret = (struct extent){ .fd = fd, .size = (uint64_t)st.st_size };
    return SELFSAME_OK;
}

/*
 * The kernel as the machine takes it, known by its header: a bzImage (Linux
 * Documentation/arch/x86/boot.rst), for arm64 an Image (Documentation/arch/arm64/
 * booting.rst). Anything else would be measured, released and never boot.
 */
static enum selfsame_code
check_kernel(
    const struct extent *x, bool aarch64, const char *path, struct selfsame_err *e)
{
    enum { HEADER = 0x206 };
    const struct selfsame_bytes magic = aarch64 ? BYTES_LIT("ARM\x64")
                                                : BYTES_LIT("HdrS");
    const size_t at = aarch64 ? 0x38 : 0x202;
    uint8_t b[HEADER] = { 0 };
    ssize_t n = pread(*x->fd, b, sizeof(b), (off_t)x->offset);

    if (n < 0)
        return file_error(e, "cannot read", path);
    if (bytes_eq(BYTES(b + at, 4), magic) &&
        (aarch64 || (b[0x1fe] == 0x55 && b[0x1ff] == 0xaa)))
        return SELFSAME_OK;
    return remedied(e,
        err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
            "%s: expected a kernel as %s, got something else", path,
            aarch64 ? "an arm64 Image" : "a bzImage"),
        aarch64 ? "Give the file arch/arm64/boot/Image of a build, not compressed."
                : "Give the file arch/x86/boot/bzImage of a build (vmlinuz of a "
                  "distribution), not vmlinux.");
}

static enum selfsame_code
open_kernel(struct building *b, const struct recipe_input *in, struct pack_machine *m,
    struct selfsame_err *e)
{
    const char *path = b->o->kernel != NULL ? b->o->kernel : in->file;

    TRY(open_input(b, "kernel", b->o->kernel, in, &m->kernel_fd, &m->kernel, e));
    return m->kernel.fd != NULL ? check_kernel(&m->kernel, b->source->aarch64, path, e)
                                : SELFSAME_OK;
}

/* ---- command line ---- */

/* AWS's line for x86_64 and aarch64 (specification of EIF, nitro-cli blobs). */
static const char *
nitro_cmdline(bool aarch64)
{
    return aarch64 ? "reboot=k panic=30 pci=off nomodules console=ttyS0 "
                     "random.trust_cpu=on root=/dev/ram0"
                   : "reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux "
                     "i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=on";
}

/*
 * The machine ends when the program does or the kernel panics; the processor's own
 * random numbers count, since the host gives the others.
 */
static const char vm_cmdline[] =
    "console=ttyS0 panic=30 reboot=k random.trust_cpu=on random.trust_bootloader=off";

/* TEXT, or what stands in FILE of "@FILE": never by what happens to lie in the directory. */
static enum selfsame_code
choose_cmdline(struct building *b, const char *recipe, const char *usual,
    const char **ret, struct selfsame_err *e)
{
    const char *told = b->o->cmdline != NULL ? b->o->cmdline : recipe;
    struct selfsame_bytes text = bytes_str(told != NULL ? told : "");

    if (told == NULL) {
        *ret = usual;
        return SELFSAME_OK;
    }
    if (b->o->cmdline != NULL && told[0] == '@')
        TRY(file_read(told + 1, CMDLINE_MAX, b->arena, &text, e));
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == 0 || text.ptr[i] == '\n')
            FAIL(e, SELFSAME_USAGE, "--cmdline: expected one line");
    if (text.len == 0)
        FAIL(e, SELFSAME_USAGE, "--cmdline: expected a line, got none");
    *ret = arena_str(b->arena, text);
    return *ret != NULL ? SELFSAME_OK : building_no_memory(e);
}

/* ---- first ramdisk ---- */

static enum selfsame_code
begin_boot(struct building *b, struct pack_machine *m, struct selfsame_err *e)
{
    const struct node dev = { .path = "dev", .type = NODE_DIR, .mode = 0755 };
    const char *init;

    m->boot = tree_new();
    if (m->boot == NULL)
        return building_no_memory(e);
    TRY(tree_put(m->boot, &dev, e));
    TRY(tool_find(b->arena, b->o->init, "selfsame-init", "../init/", &init, e));
    return machine_add_tool(b, m->boot, init, "init", e);
}

/* The kernel decompresses none that is handed to it as a file (finit_module(2)). */
static enum selfsame_code
check_module(const char *path, struct selfsame_err *e)
{
    uint8_t magic[4] = { 0 };
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return file_error(e, "cannot open", path);
    if (read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
        bytes_eq(BYTES_ARR(magic), BYTES_LIT("\x7f\x45\x4c\x46")))
        return SELFSAME_OK;
    return remedied(e,
        err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
            "%s: expected a kernel module in ELF, got something else", path),
        "Decompress it (unxz, unzstd) and name the result with its own digest.");
}

static enum selfsame_code
nitro_boot(struct building *b, struct pack_machine *m, struct selfsame_err *e)
{
    const char *nsm;

    TRY(begin_boot(b, m, e));
    TRY(find_input(b, "module", b->o->nsm, &b->recipe.nsm, &nsm, e));
    m->has_nsm = nsm != NULL;
    if (nsm == NULL)
        return SELFSAME_OK;
    TRY(check_module(nsm, e));
    return source_file_add(b->source, m->boot, nsm, "selfsame/nsm.ko", 0644, e);
}

static enum selfsame_code
add_module(struct building *b, struct pack_machine *m, const struct recipe_input *in,
    struct writer *w, struct selfsame_err *e)
{
    const char *slash = strrchr(in->file, '/');
    const char *name = slash != NULL ? slash + 1 : in->file, *path;
    char *to = arena_printf(b->arena, "selfsame/modules/%s", name);

    if (to == NULL)
        return building_no_memory(e);
    TRY(find_input(b, "module", NULL, in, &path, e));
    TRY(check_module(path, e));
    put_bytes(w, BYTES_LIT("module /"));
    put_bytes(w, bytes_str(to));
    put_u8(w, '\n');
    return source_file_add(b->source, m->boot, path, to, 0644, e);
}

/* With /selfsame/boot: docs/formats/init-config.md. */
static enum selfsame_code
vm_boot(struct building *b, const struct recipe_machine *r, struct pack_machine *m,
    struct selfsame_err *e)
{
    enum { CAP = 1 << 16 };
    struct node n = { .path = "selfsame/boot", .type = NODE_FILE, .mode = 0644 };
    uint8_t *buf = arena_alloc(b->arena, 1, CAP);
    struct writer w = writer_of(buf, CAP);

    if (buf == NULL)
        return building_no_memory(e);
    TRY(begin_boot(b, m, e));
    for (size_t i = 0; i < r->module_count; i++)
        TRY(add_module(b, m, &r->modules[i], &w, e));
    if (strcmp(r->net, "none") != 0) {
        put_bytes(&w, BYTES_LIT("net "));
        put_bytes(&w, bytes_str(r->net));
        put_u8(&w, '\n');
    }
    if (w.bad)
        FAIL(e, SELFSAME_UNSUPPORTED, "modules: expected at most %d bytes of names",
            (int)CAP);
    struct selfsame_bytes text = writer_bytes(&w);
    n.content = (struct content){ .size = text.len, .ptr = text.ptr };
    return tree_put(m->boot, &n, e);
}

/* ---- all of it, for one TEE ---- */

enum selfsame_code
machine_nitro(struct building *b, struct pack_machine *m, struct selfsame_err *e)
{
    TRY(nitro_boot(b, m, e));
    TRY(choose_cmdline(
        b, b->recipe.cmdline, nitro_cmdline(b->source->aarch64), &m->cmdline, e));
    return open_kernel(b, &b->recipe.kernel, m, e);
}

static enum selfsame_code
machine_vm(struct building *b, const struct recipe_machine *r, struct pack_machine *m,
    struct selfsame_err *e)
{
    if (b->source->aarch64)
        FAIL(e, SELFSAME_UNSUPPORTED, "--tee %s: expected linux/amd64, got linux/arm64",
            m->tee);
    TRY(vm_boot(b, r, m, e));
    TRY(choose_cmdline(b, r->cmdline, vm_cmdline, &m->cmdline, e));
    TRY(open_input(
        b, "firmware", b->o->firmware, &r->firmware, &m->firmware_fd, &m->firmware, e));
    return open_kernel(b, &r->kernel, m, e);
}

/* No machine: Gramine is kernel and firmware, and has devices and /proc of its own. */
enum selfsame_code
machine_sgx(struct building *b, struct pack_machine *m, struct selfsame_err *e)
{
    const struct recipe_sgx *r = &b->recipe.sgx;

    if (b->source->aarch64)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "--tee sgx: expected linux/amd64, got linux/arm64");
    TRY(begin_boot(b, m, e));
    TRY(open_input(b, "libpal.so", NULL, &r->pal, &m->pal_fd, &m->pal, e));
    return open_input(b, "libsysdb.so", NULL, &r->libos, &m->libos_fd, &m->libos, e);
}

enum selfsame_code
machine_snp(struct building *b, struct pack_machine *m, struct selfsame_err *e)
{
    return machine_vm(b, &b->recipe.snp.machine, m, e);
}

enum selfsame_code
machine_tdx(struct building *b, struct pack_machine *m, struct selfsame_err *e)
{
    return machine_vm(b, &b->recipe.tdx.machine, m, e);
}

enum selfsame_code
machine_make(struct building *b, struct pack_machine *m, struct selfsame_err *e)
{
    m->kernel_fd = m->firmware_fd = m->pal_fd = m->libos_fd = -1;
    TRY(kind_need(m->tee, &m->kind, e));
    return m->kind->make(b, m, e);
}

void
machine_free(struct pack_machine *m)
{
    tree_free(&m->boot);
    fd_close(&m->kernel_fd);
    fd_close(&m->firmware_fd);
    fd_close(&m->pal_fd);
    fd_close(&m->libos_fd);
}

/* Is one of them built so? */
static bool
any_makes(
    const struct repro_tees *tees, enum selfsame_code (*make)(struct building *,
                                       struct pack_machine *, struct selfsame_err *))
{
    for (size_t i = 0; i < tees->count; i++) {
        const struct image_kind *k = kind_find(tees->name[i]);

        if (k != NULL && k->make == make)
            return true;
    }
    return false;
}

enum selfsame_code
machine_check_options(const struct repro_options *o, const struct repro_tees *tees,
    struct selfsame_err *e)
{
    if (tees->count > 1 && o->firmware != NULL && any_makes(tees, machine_snp) &&
        any_makes(tees, machine_tdx))
        FAIL(e, SELFSAME_USAGE,
            "--firmware: expected snp or tdx, got both: name them in the recipe "
            "('snp.firmware', 'tdx.firmware')");
    if (tees->count > 1 && (o->kernel != NULL || o->cmdline != NULL))
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "--kernel and --cmdline: expected one TEE, got %zu, which have a "
                "kernel "
                "each",
                tees->count),
            "Name the kernels in the recipe: 'kernel', 'snp.kernel', 'tdx.kernel'.");
    if (o->nsm != NULL && !any_makes(tees, machine_nitro))
        FAIL(e, SELFSAME_USAGE, "--nsm: expected --tee nitro with it");
    if ((o->kernel != NULL || o->cmdline != NULL) && tees->count == 1 &&
        any_makes(tees, machine_sgx))
        FAIL(e, SELFSAME_USAGE,
            "--kernel and --cmdline: expected a TEE with a kernel, got sgx");
    if (o->firmware != NULL && !any_makes(tees, machine_snp) &&
        !any_makes(tees, machine_tdx))
        FAIL(e, SELFSAME_USAGE, "--firmware: expected --tee snp or tdx with it");
    return SELFSAME_OK;
}
