/* SPDX-License-Identifier: Apache-2.0 */
#include "laid_out.h"

#include "codec/cpio.h"
#include "image/placeholder.h"
#include "tee/sgx/gramine.h"
#include "tee/sgx/launch.h"

/* With a gramine-sgx that writes down where it was started and what it saw. */
struct fake_host {
    struct laid_out at;
    char image[96], scratch[96];
    struct sgx_host host;
};

static const char gramine[] =
    "#!/bin/sh\n"
    "out=${0%/bin/*}/seen\n"
    "{ echo \"$*\"; ls; cat rootfs/etc/word rootfs/link; ls -l rootfs/bin/app | cut "
    "-c1-10; cat image.manifest.sgx; } > \"$out\"\n";
static const char manifest[] = "sgx.enclave_size = \"4M\"\nsgx.max_threads = 1\n";

static struct key *key;

static int
make_key(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };

    return key_generate(KEY_RSA3072_E3, &key, &e) == SELFSAME_OK ? 0 : -1;
}

static int
drop_key(void **state)
{
    (void)state;
    key_free(&key);
    return 0;
}

static void
put(const struct fake_host *h, const char *path, const char *text)
{
    laid_out_put(&h->at, path, bytes_str(text), 0755);
}

static void
put_entry(struct writer *w, const char *name, uint32_t mode, const char *data)
{
    struct cpio_entry x = { .ino = 1,
        .nlink = 1,
        .mode = mode,
        .size = (uint32_t)strlen(data),
        .name = bytes_str(name) };

    cpio_put_head(w, &x);
    put_bytes(w, bytes_str(data));
    put_zeros(w, cpio_pad(strlen(data)));
}

static void
put_archive(
    const struct fake_host *h, const char *name, uint32_t mode, const char *data)
{
    uint8_t raw[4096];
    struct writer w = writer_of(raw, sizeof(raw));

    put_entry(&w, "bin", 0040755, "");
    put_entry(&w, "bin/app", 0100755, "#!");
    put_entry(&w, "etc", 0040755, "");
    put_entry(&w, "etc/word", 0100644, "word\n");
    put_entry(&w, "link", 0120777, "etc/word");
    put_entry(&w, "null", 0020666, "");
    if (name != NULL)
        put_entry(&w, name, mode, data);
    put_entry(&w, "TRAILER!!!", 0, "");
    put_zeros(&w, 512 - w.len % 512);
    assert_false(w.bad);
    laid_out_put(&h->at, "/image/image.rootfs", writer_bytes(&w), 0644);
}

/* A libpal that is none of ours: a placeholder that says otherwise. */
static void
put_enclave(const struct fake_host *h)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    uint8_t pal[PLACEHOLDER_PAL], mrenclave[32];
    struct gramine_manifest m;
    struct sigstruct s;
    struct selfsame_bytes sig;

    placeholder_pal(pal);
    pal[9] = 0;
    assert_code(
        gramine_manifest_parse(BYTES_LIT(manifest), &arena, &m, &e), SELFSAME_OK, &e);
    assert_code(gramine_mrenclave(&m, BYTES_ARR(pal), mrenclave, &e), SELFSAME_OK, &e);
    gramine_sigstruct(&m, &s);
    s.enclave_hash = BYTES_ARR(mrenclave);
    s.year = 2026;
    s.month = s.day = 1;
    assert_code(sigstruct_make(&s, key, &arena, &sig, &e), SELFSAME_OK, &e);
    laid_out_put(&h->at, "/image/image.pal", BYTES_ARR(pal), 0644);
    laid_out_put(&h->at, "/usr/lib/x86_64-linux-gnu/gramine/sgx/libpal.so",
        BYTES_ARR(pal), 0644);
    laid_out_put(&h->at, "/image/image.sig", sig, 0644);
}

static void
host_start(struct fake_host *h)
{
    laid_out_start(&h->at);
    (void)snprintf(h->image, sizeof(h->image), "%s/image", h->at.root);
    (void)snprintf(h->scratch, sizeof(h->scratch), "%s/scratch", h->at.root);
    h->host = (struct sgx_host){ .at = { .root = h->at.root, .path = h->at.bin },
        .sgx = true,
        .flexible = true,
        .scratch = h->scratch };
    put(h, "/dev/sgx_enclave", "");
    put(h, "/dev/sgx_provision", "");
    put(h, "/run/aesmd/aesm.socket", "");
    put(h, "/bin/gramine-sgx", gramine);
    put(h, "/image/image.manifest.sgx", manifest);
    put(h, "/image/image.libos", "a library");
    put(h, "/scratch/old", "");
    put_archive(h, NULL, 0, NULL);
    put_enclave(h);
}

static struct tee_launch_request
request(const struct fake_host *h)
{
    return (struct tee_launch_request){ .image = h->image };
}

static size_t
facts(const struct fake_host *h, enum selfsame_code want, const char *what)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct tee_host_fact *list = NULL;
    struct tee_launch_request q = request(h);
    size_t count = 0;

    assert_code(sgx_host_facts(&h->host, &q, &arena, &list, &count, &e), want, &e);
    for (size_t i = 0; i < count; i++)
        if (list[i].ok != (what == NULL || strcmp(list[i].what, what) != 0))
            fail_msg("%s is %s: %s", list[i].what, list[i].ok ? "ok" : "missing",
                list[i].found);
    return count;
}

static void
a_complete_host_has_every_fact(void **state)
{
    (void)state;
    struct fake_host h;

    host_start(&h);
    assert_int_equal(facts(&h, SELFSAME_OK, NULL), 9);
    laid_out_stop(&h.at);
}

static void
what_is_missing_is_named(void **state)
{
    (void)state;
    struct fake_host h;
    uint8_t pal[PLACEHOLDER_PAL];

    host_start(&h);
    h.host.flexible = false;
    (void)facts(&h, SELFSAME_IO, "processor with SGX and launch control");
    h.host.flexible = true;
    laid_out_remove(&h.at, "/dev/sgx_enclave");
    (void)facts(&h, SELFSAME_IO, "/dev/sgx_enclave");
    put(&h, "/dev/sgx_enclave", "");
    laid_out_remove(&h.at, "/dev/sgx_provision");
    (void)facts(&h, SELFSAME_IO, "/dev/sgx_provision");
    put(&h, "/dev/sgx_provision", "");
    laid_out_remove(&h.at, "/run/aesmd/aesm.socket");
    (void)facts(&h, SELFSAME_IO, "Intel's AESM, which makes quotes");
    put(&h, "/var/run/aesmd/aesm.socket", "");
    laid_out_remove(&h.at, "/bin/gramine-sgx");
    (void)facts(&h, SELFSAME_IO, "gramine-sgx");
    put(&h, "/bin/gramine-sgx", gramine);
    laid_out_remove(&h.at, "/image/image.sig");
    (void)facts(&h, SELFSAME_IO, "signature of the enclave");
    put(&h, "/image/image.sig", "no signature");
    (void)facts(&h, SELFSAME_IO, "signature of the enclave");
    put_enclave(&h);
    put(&h, "/image/image.manifest.sgx",
        "sgx.enclave_size = \"4M\"\nsgx.max_threads = 2\n");
    (void)facts(&h, SELFSAME_IO, "signature of the enclave");
    put(&h, "/image/image.manifest.sgx", manifest);
    laid_out_put(&h.at, "/image/image.libos", placeholder_libos(), 0644);
    (void)facts(&h, SELFSAME_IO, "libsysdb.so of the image");
    put(&h, "/image/image.libos", "a library");
    put(&h, "/usr/lib/x86_64-linux-gnu/gramine/sgx/libpal.so", "another");
    (void)facts(&h, SELFSAME_IO, "libpal.so of this host");
    laid_out_remove(&h.at, "/usr/lib/x86_64-linux-gnu/gramine/sgx/libpal.so");
    assert_int_equal(facts(&h, SELFSAME_OK, NULL), 8);
    placeholder_pal(pal);
    laid_out_put(&h.at, "/image/image.pal", BYTES_ARR(pal), 0644);
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct tee_host_fact *list;
    struct tee_launch_request q = request(&h);
    size_t count;
    assert_code(
        sgx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "simulator only"));
    laid_out_stop(&h.at);
}

static void
it_runs_where_the_files_are_and_leaves_nothing(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct fake_host h;
    char seen[1024] = "";

    host_start(&h);
    struct tee_launch_request q = request(&h);
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_OK, &e);
    assert_true(host_text(&h.host.at, "/seen", seen, sizeof(seen)));
    assert_string_equal(seen,
        arena_printf(&arena,
            "image\nimage.libos\nimage.manifest.sgx\nimage.sig\nrootfs\nword\nword\n"
            "-rwxr-xr-x\n%s",
            manifest));
    char left[256];
    (void)snprintf(left, sizeof(left),
        "rmdir %s 2>/dev/null && exit 1; ls %s | wc -l "
        "| grep -q '^1$'",
        h.scratch, h.scratch);
    assert_int_equal(system(left), 0);
    laid_out_stop(&h.at);
}

static void
a_request_that_cannot_be_met_is_refused(void **state)
{
    (void)state;
    static const struct tee_port port = {
        .address = "127.0.0.1", .host = 1, .guest = 2
    };
    static const struct tee_port same = {
        .address = "127.0.0.1", .host = 2, .guest = 2
    };
    struct selfsame_err e = { 0 };
    struct fake_host h;

    host_start(&h);
    struct tee_launch_request q = request(&h);
    q.insecure_debug = true;
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    q = request(&h);
    q.ports = &port;
    q.port_count = 1;
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    q.ports = &same;
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_OK, &e);
    q = request(&h);
    q.memory_mib = 100;
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    put(&h, "/bin/gramine-sgx", "#!/bin/sh\nexit 7\n");
    q = request(&h);
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_IO, &e);
    laid_out_stop(&h.at);
}

/* An archive of a stranger: nothing of it may come to lie outside. */
static void
names_that_lead_out_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "../out", "/out", "etc/../../out", "link/x",
        "bin/..", ".." };
    struct selfsame_err e = { 0 };
    struct fake_host h;

    host_start(&h);
    struct tee_launch_request q = request(&h);
    for (size_t i = 0; i < COUNT(names); i++) {
        put_archive(&h, names[i], 0100644, "x");
        if (sgx_host_launch(&h.host, &q, &e) == SELFSAME_OK)
            fail_msg("%s: unpacked", names[i]);
    }
    assert_false(host_exists(&h.host.at, "/out"));
    assert_false(host_exists(&h.host.at, "/scratch/out"));
    /* Through a link to a directory, and over a file that is there. */
    put_archive(&h, "etc/word", 0100644, "x");
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_IO, &e);
    put(&h, "/image/image.rootfs", "no archive");
    assert_code(sgx_host_launch(&h.host, &q, &e), SELFSAME_MALFORMED, &e);
    laid_out_stop(&h.at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_host_has_every_fact),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(it_runs_where_the_files_are_and_leaves_nothing),
        cmocka_unit_test(a_request_that_cannot_be_met_is_refused),
        cmocka_unit_test(names_that_lead_out_are_refused),
    };

    return cmocka_run_group_tests(tests, make_key, drop_key);
}
