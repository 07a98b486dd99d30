/* SPDX-License-Identifier: Apache-2.0 */
#include "laid_out.h"
#include "tee_nitro.h"

/* With a nitro-cli that writes down its arguments. */
struct fake_host {
    struct laid_out at;
    struct tee_host host;
};

static void
put_file(const struct fake_host *h, const char *path, const char *text, mode_t mode)
{
    laid_out_put(&h->at, path, bytes_str(text), mode);
}

static void
remove_file(const struct fake_host *h, const char *path)
{
    laid_out_remove(&h->at, path);
}

static void
host_start(struct fake_host *h, const char *cli)
{
    laid_out_start(&h->at);
    h->host = (struct tee_host){ .root = h->at.root, .path = h->at.bin };
    put_file(h, "/dev/nitro_enclaves", "", 0644);
    put_file(h, "/bin/nitro-cli", cli, 0755);
    put_file(h, "/etc/nitro_enclaves/allocator.yaml",
        "---\n# comment\nmemory_mib: 2048\ncpu_count: 2\n", 0644);
    put_file(h, "/sys/module/nitro_enclaves/parameters/ne_cpus", "1,3\n", 0644);
    put_file(
        h, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n", 0644);
    put_file(
        h, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n", 0644);
}

static const struct tee_launch_request small = { .image = "hello.eif",
    .image_size = 50 << 20 };

static enum selfsame_code
facts(struct fake_host *h, const struct tee_launch_request *q, struct arena *arena,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e)
{
    return nitro_host_facts(&h->host, q, arena, ret, ret_count, e);
}

static void
a_complete_host_has_every_fact(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h, "#!/bin/sh\n");
    assert_code(facts(&h, &small, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++)
        assert_true(list[i].ok);
    laid_out_stop(&h.at);
}

static void
each_missing_thing_is_named_with_its_remedy(void **state)
{
    static const struct {
        const char *path, *text; /* text NULL: removed */
        size_t fact;
        const char *found;
    } rows[] = {
        { "/dev/nitro_enclaves", NULL, 0, "/dev/nitro_enclaves" },
        { "/bin/nitro-cli", NULL, 1, "nitro-cli" },
        { "/etc/nitro_enclaves/allocator.yaml", NULL, 2, "allocator.yaml" },
        { "/etc/nitro_enclaves/allocator.yaml", "memory_mib: 199\ncpu_count: 2\n", 2,
            "reserved are 199 MiB" },
        { "/etc/nitro_enclaves/allocator.yaml", "memory_mib: 200\ncpu_count: 1\n", 2,
            "1 CPUs" },
        { "/etc/nitro_enclaves/allocator.yaml", "memory_mib: many\ncpu_count: 2\n", 2,
            "no memory_mib" },
        { "/sys/module/nitro_enclaves/parameters/ne_cpus", "\n", 3, "ne_cpus" },
        { "/sys/module/nitro_enclaves/parameters/ne_cpus", NULL, 3, "ne_cpus" },
        { "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "0\n", 4,
            "free are 198 MiB" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { .depth = 0 };
        struct tee_host_fact *list = NULL;
        struct fake_host h;
        size_t count = 0;

        host_start(&h, "#!/bin/sh\n");
        put_file(&h, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "99\n",
            0644);
        if (rows[i].text != NULL)
            put_file(&h, rows[i].path, rows[i].text, 0644);
        else
            remove_file(&h, rows[i].path);
        assert_code(facts(&h, &small, &arena, &list, &count, &e), SELFSAME_IO, &e);
        assert_int_equal(count, 6);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(list[k].ok, k != rows[i].fact);
        assert_non_null(strstr(list[rows[i].fact].found, rows[i].found));
        assert_string_equal(e.remedy, list[rows[i].fact].fix);
        laid_out_stop(&h.at);
    }
}

static void
memory_below_four_times_the_image_is_refused(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    struct tee_launch_request q = small;
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h, "#!/bin/sh\n");
    q.memory_mib = 199;
    assert_code(facts(&h, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
    assert_false(list[5].ok);
    q.memory_mib = 200;
    assert_code(facts(&h, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    laid_out_stop(&h.at);
}

static void
no_image_has_no_need_that_is_met(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_launch_request q = { .image = NULL };
    struct tee_host_fact *list = NULL;
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h, "#!/bin/sh\n");
    assert_code(facts(&h, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_null(strstr(list[i].what, "this image"));
    laid_out_stop(&h.at);
}

static void
assert_arguments(const struct tee_launch_request *q, const char *want)
{
    struct selfsame_err e = { .depth = 0 };
    struct fake_host h;
    char path[128], got[512] = "";

    host_start(&h, "#!/bin/sh\necho \"$@\" > \"${0%/bin/nitro-cli}/arguments\"\n");
    assert_code(nitro_host_launch(&h.host, q, &e), SELFSAME_OK, &e);
    (void)snprintf(path, sizeof(path), "%s/arguments", h.at.root);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(got, sizeof(got), f));
    assert_int_equal(fclose(f), 0);
    assert_string_equal(got, want);
    laid_out_stop(&h.at);
}

static void
nitro_cli_gets_what_was_asked_and_no_debug_mode(void **state)
{
    struct tee_launch_request q = small;

    (void)state;
    assert_arguments(
        &q, "run-enclave --eif-path hello.eif --memory 200 --cpu-count 2\n");
    q.memory_mib = 512;
    q.cpus = 4;
    q.cid = 16;
    assert_arguments(&q, "run-enclave --eif-path hello.eif --memory 512 --cpu-count 4 "
                         "--enclave-cid 16\n");
    q.insecure_debug = true;
    assert_arguments(&q, "run-enclave --eif-path hello.eif --memory 512 --cpu-count 4 "
                         "--enclave-cid 16 --debug-mode\n");
}

static void
a_failing_nitro_cli_is_reported(void **state)
{
    struct selfsame_err e = { .depth = 0 };
    struct fake_host h;

    (void)state;
    host_start(&h, "#!/bin/sh\nexit 39\n");
    assert_code(nitro_host_launch(&h.host, &small, &e), SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "got 39"));
    remove_file(&h, "/bin/nitro-cli");
    assert_code(nitro_host_launch(&h.host, &small, &e), SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "PATH"));
    laid_out_stop(&h.at);
}

static void
every_failed_allocation_is_reported(void **state)
{
    struct fake_host h;
    long n = 1;

    (void)state;
    host_start(&h, "#!/bin/sh\n");
    for (;; n++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { .depth = 0 };
        struct tee_host_fact *list;
        size_t count;

        arena.fail_at = n;
        enum selfsame_code code = facts(&h, &small, &arena, &list, &count, &e);
        if (code == SELFSAME_OK)
            break;
        assert_int_equal(code, SELFSAME_NOMEM);
        assert_true(n < 50);
    }
    assert_true(n > 6);
    laid_out_stop(&h.at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_host_has_every_fact),
        cmocka_unit_test(each_missing_thing_is_named_with_its_remedy),
        cmocka_unit_test(memory_below_four_times_the_image_is_refused),
        cmocka_unit_test(no_image_has_no_need_that_is_met),
        cmocka_unit_test(nitro_cli_gets_what_was_asked_and_no_debug_mode),
        cmocka_unit_test(a_failing_nitro_cli_is_reported),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
