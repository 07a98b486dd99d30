/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/sgx/launch.h"

#include "image/placeholder.h"
#include "tee/sgx/gramine.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

/*
 * gramine-sgx in a directory of its own, where the file system is unpacked beside the
 * manifest. Nothing it reads has to be believed: the enclave checks all of it.
 */
enum { PATH_SIZE = 4096, FILE_LIMIT = 256 << 20 };

#ifdef __x86_64__
/* Intel SDM volume 3D §37.7: CPUID leaf 7, EBX bit 2: SGX; ECX bit 30: launch control. */
static void
ask_processor(struct sgx_host *h)
{
    unsigned a, b = 0, c = 0, d;

    bool known = __get_cpuid_count(7, 0, &a, &b, &c, &d) == 1;
    h->sgx = known && (b >> 2 & 1) != 0;
    h->flexible = known && (c >> 30 & 1) != 0;
}
#else
static void
ask_processor(struct sgx_host *h)
{
    h->sgx = h->flexible = false;
}
#endif

struct sgx_host
sgx_this_host(void)
{
    const char *scratch = getenv("TMPDIR");
    struct sgx_host h = { .at = tee_this_host(),
        .scratch = scratch != NULL && scratch[0] == '/' ? scratch : P_tmpdir };

    ask_processor(&h);
    return h;
}

/* ---- files of the image ---- */

static bool
part_path(
    const struct tee_launch_request *q, const char *part, char ret[static PATH_SIZE])
{
    int n = snprintf(ret, PATH_SIZE, "%s/image.%s", q->image, part);

    return n > 0 && n < PATH_SIZE;
}

/* In the arena; absent when it cannot be read. */
static struct selfsame_bytes
read_file(const char *path, struct arena *arena)
{
    FILE *f = fopen(path, "re");
    struct stat st;
    uint8_t *buf = NULL;
    size_t n = 0;

    if (f == NULL)
        return BYTES_NONE;
    if (fstat(fileno(f), &st) == 0 && st.st_size > 0 && st.st_size <= FILE_LIMIT)
        buf = arena_alloc(arena, 1, (size_t)st.st_size);
    if (buf != NULL)
        n = fread(buf, 1, (size_t)st.st_size, f);
    (void)fclose(f);
    return n > 0 ? BYTES(buf, n) : BYTES_NONE;
}

static struct selfsame_bytes
read_part(const struct tee_launch_request *q, const char *part, struct arena *arena)
{
    char path[PATH_SIZE];

    return part_path(q, part, path) ? read_file(path, arena) : BYTES_NONE;
}

/* ---- pre-flight ---- */

static void
add_host(struct host_facts *f, const struct sgx_host *host)
{
    static const char *const sockets[] = { "/var/run/aesmd/aesm.socket",
        "/run/aesmd/aesm.socket" };
    const bool enclave = host_exists(&host->at, "/dev/sgx_enclave");
    const bool provision = host_exists(&host->at, "/dev/sgx_provision");
    bool aesm = false;
    char program[HOST_LINE];

    host_fact(f, host->sgx && host->flexible, "processor with SGX and launch control",
        "Take a server with Intel Xeon of the third generation or later, and turn SGX "
        "on in its firmware.",
        "%s",
        !host->sgx       ? "no SGX"
        : host->flexible ? "SGX with launch control"
                         : "SGX without launch control (FLC)");
    host_fact(f, enclave, "/dev/sgx_enclave",
        "Boot Linux 5.11 or later with CONFIG_X86_SGX, and SGX turned on in the "
        "firmware.",
        "%s", enclave ? "there" : "not there");
    host_fact(f, provision, "/dev/sgx_provision",
        "As for /dev/sgx_enclave; without it nothing can be attested.", "%s",
        provision ? "there" : "not there");
    for (size_t i = 0; i < COUNT(sockets); i++)
        aesm = aesm || host_exists(&host->at, sockets[i]);
    host_fact(f, aesm, "Intel's AESM, which makes quotes",
        "Install sgx-aesm-service and libsgx-aesm-quote-ex-plugin, and start aesmd.",
        "%s", aesm ? "listens" : "no socket /var/run/aesmd/aesm.socket");
    const bool gramine = host_program(&host->at, "gramine-sgx", program);
    host_fact(f, gramine, "gramine-sgx", "Install Gramine 1.6 or later.", "%s",
        gramine ? program : "not in PATH");
}

static void
add_gramine(struct host_facts *f, const struct tee_launch_request *q, const char *part,
    const char *fix, struct arena *arena)
{
    struct selfsame_bytes b = read_part(q, part, arena);
    const bool real = b.len > 0 && !placeholder_recognise(b);

    host_fact(f, real,
        strcmp(part, SGX_PART_PAL) == 0 ? "libpal.so of the image"
                                        : "libsysdb.so of the image",
        fix, "image.%s%s", part,
        b.len == 0 ? " is not there"
        : real     ? ""
                   : " is a placeholder: this image runs in the simulator only");
}

/* Where distributions and Gramine's own build have it. */
static void
add_libpal(struct host_facts *f, const struct sgx_host *host,
    const struct tee_launch_request *q, struct arena *arena)
{
    static const char *const places[] = {
        "/usr/lib/x86_64-linux-gnu/gramine/sgx/libpal.so",
        "/usr/local/lib/x86_64-linux-gnu/gramine/sgx/libpal.so",
        "/usr/lib64/gramine/sgx/libpal.so", "/usr/lib/gramine/sgx/libpal.so"
    };
    struct selfsame_bytes ours = read_part(q, SGX_PART_PAL, arena);
    char path[HOST_LINE];

    for (size_t i = 0; i < COUNT(places); i++) {
        if (!host_exists(&host->at, places[i]))
            continue;
        (void)snprintf(path, sizeof(path), "%s%s", host->at.root, places[i]);
        const bool same = bytes_eq(read_file(path, arena), ours);
        host_fact(f, same, "libpal.so of this host",
            "Install the Gramine that the image was built with: its libpal.so is "
            "measured.",
            "%s is %s", places[i], same ? "the image's" : "another than the image's");
        return;
    }
}

/* NULL: it is one of this enclave. */
static const char *
signature_fault(const struct tee_launch_request *q, struct arena *arena)
{
    struct selfsame_bytes sig = read_part(q, SGX_PART_SIG, arena);
    struct gramine_manifest m;
    struct selfsame_err ignored;
    struct sigstruct s;
    uint8_t mrenclave[32];

    if (sig.len == 0)
        return "image.sig is not there";
    if (sigstruct_parse(sig, &s, &ignored) != SELFSAME_OK ||
        sigstruct_verify(&s, &ignored) != SELFSAME_OK)
        return "image.sig is no SIGSTRUCT that holds";
    if (gramine_manifest_parse(read_part(q, SGX_PART_MANIFEST, arena), arena, &m,
            &ignored) != SELFSAME_OK ||
        gramine_mrenclave(&m, read_part(q, SGX_PART_PAL, arena), mrenclave, &ignored) !=
            SELFSAME_OK)
        return "the enclave cannot be measured";
    if (!bytes_eq(s.enclave_hash, BYTES_ARR(mrenclave)))
        return "image.sig is of another enclave";
    return NULL;
}

static void
add_signature(
    struct host_facts *f, const struct tee_launch_request *q, struct arena *arena)
{
    const char *fault = signature_fault(q, arena);

    host_fact(f, fault == NULL, "signature of the enclave",
        "Sign it: selfsame measure DIR --tee sgx --sgx-key KEY (a key of `selfsame "
        "keygen --sgx`).",
        "%s", fault != NULL ? fault : "image.sig");
}

enum selfsame_code
sgx_host_facts(const struct sgx_host *host, const struct tee_launch_request *q,
    struct arena *arena, struct tee_host_fact **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    auto_arena files = arena_new((size_t)1 << 30);
    struct host_facts f;

    TRY(host_facts_begin(&f, arena, e));
    add_host(&f, host);
    if (q->image != NULL) {
        add_gramine(&f, q, SGX_PART_PAL,
            "Name Gramine's libpal.so in the recipe ('sgx.pal'), and build again.",
            &files);
        add_gramine(&f, q, SGX_PART_LIBOS,
            "Name Gramine's libsysdb.so in the recipe ('sgx.libos'), and build again.",
            &files);
        add_libpal(&f, host, q, &files);
        add_signature(&f, q, &files);
    }
    return host_facts_end(&f, "an enclave of SGX", ret, ret_count, e);
}

/* ---- start ---- */

/* What it listens at it says itself; there is no machine whose ports could be led elsewhere. */
static enum selfsame_code
check_request(const struct tee_launch_request *q, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)1 << 28);
    struct gramine_manifest m;

    for (size_t i = 0; i < q->port_count; i++)
        if (q->ports[i].host != q->ports[i].guest)
            FAIL(e, SELFSAME_USAGE,
                "--publish: an enclave listens on the host's own ports, expected "
                "%u:%u, got %u:%u",
                q->ports[i].guest, q->ports[i].guest, q->ports[i].host,
                q->ports[i].guest);
    if (q->cpus != 0 || q->cpu != NULL || q->memory_mib != 0)
        FAIL(e, SELFSAME_USAGE,
            "the manifest says how large an enclave is: build it with another "
            "'sgx.enclave_size' or 'sgx.threads'");
    TRY(gramine_manifest_parse(read_part(q, SGX_PART_MANIFEST, &arena), &arena, &m, e));
    if (m.debug != q->insecure_debug)
        FAIL(e, SELFSAME_USAGE, "the manifest %s debugging, and --insecure-debug is %s",
            m.debug ? "allows" : "forbids", q->insecure_debug ? "given" : "not given");
    return SELFSAME_OK;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void
scratch_remove(char **path)
{
    if ((*path)[0] != 0)
        (void)nftw(*path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Links to the files of the image, under the names that Gramine asks for. */
static enum selfsame_code
link_parts(const struct tee_launch_request *q, const char *dir, struct selfsame_err *e)
{
    static const char *const parts[] = { SGX_PART_MANIFEST, SGX_PART_LIBOS,
        SGX_PART_SIG };
    char from[PATH_SIZE], to[PATH_SIZE], real[PATH_SIZE];

    for (size_t i = 0; i < COUNT(parts); i++) {
        int n = snprintf(to, sizeof(to), "%s/image.%s", dir, parts[i]);

        if (!part_path(q, parts[i], from) || n < 0 || n >= (int)sizeof(to) ||
            realpath(from, real) == NULL || symlink(real, to) != 0)
            FAIL(e, SELFSAME_IO, "cannot link %s: %s", from, strerror(errno));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
lay_out(const struct tee_launch_request *q, const char *dir, struct selfsame_err *e)
{
    char archive[PATH_SIZE], root[PATH_SIZE];
    int n = snprintf(root, sizeof(root), "%s/rootfs", dir);

    if (!part_path(q, SGX_PART_ROOTFS, archive) || n < 0 || n >= (int)sizeof(root) ||
        mkdir(root, 0755) != 0)
        FAIL(e, SELFSAME_IO, "cannot make %s/rootfs: %s", dir, strerror(errno));
    TRY(sgx_unpack(archive, root, e));
    return link_parts(q, dir, e);
}

enum selfsame_code
sgx_host_launch(const struct sgx_host *host, const struct tee_launch_request *q,
    struct selfsame_err *e)
{
    static char shell[] = "/bin/sh", c[] = "-c",
                script[] = "cd \"$1\" && exec \"$2\" image", name[] = "gramine-sgx";
    char program[HOST_LINE], dir[PATH_SIZE] = "";
    __attribute__((cleanup(scratch_remove))) char *made = dir;

    if (!host_program(&host->at, "gramine-sgx", program))
        FAIL(e, SELFSAME_IO, "expected gramine-sgx in PATH, got none");
    TRY(check_request(q, e));
    int n = snprintf(dir, sizeof(dir), "%s/selfsame-sgx-XXXXXX", host->scratch);
    if (n < 0 || n >= (int)sizeof(dir) || mkdtemp(dir) == NULL) {
        dir[0] = 0;
        FAIL(e, SELFSAME_IO, "cannot make a directory in %s: %s", host->scratch,
            strerror(errno));
    }
    TRY(lay_out(q, made, e));
    char *argv[] = { shell, c, script, name, dir, program, NULL };
    return host_run(shell, argv, " gramine-sgx", e);
}

static enum selfsame_code
available(const struct tee_launch_request *q, struct arena *arena,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct sgx_host host = sgx_this_host();

    return sgx_host_facts(&host, q, arena, ret, ret_count, e);
}

static enum selfsame_code
launch(const struct tee_launch_request *q, struct selfsame_err *e)
{
    struct sgx_host host = sgx_this_host();

    return sgx_host_launch(&host, q, e);
}

const struct tee_launcher sgx_launcher = {
    .name = "sgx",
    .files = "image",
    .available = available,
    .launch = launch,
};
