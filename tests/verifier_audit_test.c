/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log of verdicts: what was said to be durable stays, what was changed is found,
 * and no tenant sees another's rows. tests/verifier_load.sh kills its process.
 */
#include "os/os.h"
#include "verifier/audit_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/selfsame-audit.XXXXXX";

static void
shell(const char *command)
{
    char line[512];

    (void)snprintf(line, sizeof(line), "cd %s && { %s; }", dir, command);
    if (system(line) != 0)
        fail_msg("%s", line);
}

static int
fresh(void **state)
{
    char line[128];
    struct selfsame_err e = { 0 };

    (void)state;
    (void)snprintf(line, sizeof(line), "rm -rf %s", dir);
    if (system(line) != 0)
        return 1;
    return audit_init(dir, "verifier.example/audit", &e) == SELFSAME_OK ? 0 : 1;
}

/* ---- rows, and who waits for them ---- */

static atomic_int durable, refused;

static void
done(void *ctx, enum selfsame_code code)
{
    (void)ctx;
    (void)atomic_fetch_add(code == SELFSAME_OK ? &durable : &refused, 1);
}

static void
add(struct audit *a, const char *tenant, const char *request)
{
    const struct audit_row row = { .at_ms = 1795000000000,
        .request = request,
        .tenant = tenant,
        .key = "k\"e\\y",
        .policy = "default/web@sha256:00",
        .tee = "nitro",
        .status = "affirming",
        .class_ = "ok",
        .token = request };

    assert_true(audit_add(a, &row, done, NULL));
}

static struct audit *
open_log(const struct audit_config *with)
{
    struct audit_config c = with != NULL ? *with : (struct audit_config){ 0 };
    struct selfsame_err e = { 0 };
    struct audit *a = NULL;

    c.dir = dir;
    if (audit_open(&c, &a, &e) != SELFSAME_OK)
        fail_msg("%s", err_text(&e));
    return a;
}

static enum selfsame_code
try_open(void)
{
    const struct audit_config c = { .dir = dir };
    struct selfsame_err e = { 0 };
    struct audit *a = NULL;
    const enum selfsame_code code = audit_open(&c, &a, &e);

    audit_close(&a);
    return code;
}

static enum selfsame_code
verify(struct audit_check *ret)
{
    struct selfsame_err e = { 0 };

    return audit_verify(dir, ret, &e);
}

/* So many rows, closed, with a checkpoint over all of them. */
static void
write_rows(int count)
{
    struct audit *a = open_log(NULL);
    char name[32];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "r%d", i);
        add(a, i % 2 == 0 ? "one" : "two", name);
    }
    audit_close(&a);
    assert_null(a);
}

static void
rows_are_chained_and_signed(void **state)
{
    struct audit_check k;

    (void)state;
    atomic_store(&durable, 0);
    write_rows(1000);
    assert_int_equal(atomic_load(&durable), 1000);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.rows, 1000);
    assert_int_equal(k.checkpointed, 1000);
    write_rows(10); /* goes on behind them */
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.rows, 1010);
}

static void
an_empty_log_is_one(void **state)
{
    struct audit_check k;

    (void)state;
    write_rows(0);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.rows, 0);
}

static void
segments_follow_one_another(void **state)
{
    const struct audit_config c = { .segment = 2000 };
    struct audit_check k;
    char name[32];

    (void)state;
    struct audit *a = open_log(&c);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        add(a, "one", name);
        (void)usleep(2000); /* batches of few */
    }
    audit_close(&a);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.rows, 200);
    assert_true(k.segments > 5);
    shell("rm $(ls rows-* | sed -n 3p)");
    assert_int_equal(verify(&k), SELFSAME_LOG);
}

/* What stood before the last segment is said by its head, which nothing but a checkpoint signs. */
static void
no_segment_is_begun_without_a_checkpoint(void **state)
{
    const struct audit_config c = { .segment = 2000 };
    struct audit_check k;
    char name[32];

    (void)state;
    struct audit *a = open_log(&c);
    add(a, "one", "first");
    audit_close(&a);
    shell("cp checkpoint old");
    a = open_log(&c);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        add(a, "one", name);
        (void)usleep(2000);
    }
    audit_close(&a);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_true(k.segments > 2);
    shell("mv checkpoint new; cp old checkpoint");
    assert_int_equal(verify(&k), SELFSAME_LOG);
    assert_int_equal(try_open(), SELFSAME_LOG);
    shell("rm checkpoint");
    assert_int_equal(verify(&k), SELFSAME_LOG);
    assert_int_equal(try_open(), SELFSAME_LOG);
    shell("cp new checkpoint");
    assert_int_equal(try_open(), SELFSAME_OK);
}

/* The last rows of some tenants are in memory; who comes later is one of them too. */
static void
every_tenant_sees_its_last_rows(void **state)
{
    enum { MANY = 1100 };
    struct arena arena = arena_new(8 << 20);
    struct selfsame_err e = { 0 };
    struct audit_seen *rows;
    char name[32];
    size_t count;

    (void)state;
    struct audit *a = open_log(NULL);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "tenant-%d", i);
        add(a, name, name);
        if (i % 100 == 0)
            add(a, "busy", name);
    }
    while (audit_size(a) < MANY + MANY / 100)
        (void)usleep(10000);
    (void)usleep(100000);
    const char *const there[] = { "busy", "tenant-1099", "tenant-1030", "tenant-200" };
    for (size_t i = 0; i < COUNT(there); i++) {
        assert_int_equal(
            audit_recent(a, there[i], 10, &arena, &rows, &count, &e), SELFSAME_OK);
        assert_int_equal(count, i == 0 ? 10 : 1);
        assert_non_null(strstr(rows[0].json, i == 0 ? "busy" : there[i]));
    }
    assert_int_equal(
        audit_recent(a, "tenant-0", 10, &arena, &rows, &count, &e), SELFSAME_OK);
    assert_int_equal(count, 0);
    audit_close(&a);
    arena_free(&arena);
}

/* ---- what was changed is found ---- */

static struct selfsame_bytes
read_segment(struct arena *arena, char path[static 1100])
{
    struct selfsame_bytes b;
    struct selfsame_err e = { 0 };

    files_name(dir, 0, path);
    assert_int_equal(file_read(path, 1 << 20, arena, &b, &e), SELFSAME_OK);
    return b;
}

static void
rewrite(const char *path, struct selfsame_bytes b)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(b.ptr, 1, b.len, f), b.len);
    assert_int_equal(fclose(f), 0);
}

static void
no_bit_may_change(void **state)
{
    struct arena arena = arena_new(4 << 20);
    struct audit_check k;
    char path[1100];

    (void)state;
    write_rows(2);
    struct selfsame_bytes b = read_segment(&arena, path);
    uint8_t *bytes = (uint8_t *)(uintptr_t)b.ptr;
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        rewrite(path, b);
        const enum selfsame_code code = verify(&k);
        if (code == SELFSAME_OK)
            fail_msg("bit %zu: accepted", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    rewrite(path, b);
    assert_int_equal(verify(&k), SELFSAME_OK);
    arena_free(&arena);
}

/* The checkpoint signs all rows, so no cut goes unseen, by reader or writer. */
static void
no_length_is_enough(void **state)
{
    struct arena arena = arena_new(4 << 20);
    struct audit_check k;
    char path[1100];

    (void)state;
    write_rows(6);
    const struct selfsame_bytes b = read_segment(&arena, path);
    for (size_t len = 0; len < b.len; len += 7) {
        rewrite(path, BYTES(b.ptr, len));
        if (verify(&k) == SELFSAME_OK)
            fail_msg("%zu bytes: accepted by a reader", len);
        if (len % 3 == 0 && try_open() == SELFSAME_OK)
            fail_msg("%zu bytes: accepted by the writer", len);
        rewrite(path, BYTES(b.ptr, len));
    }
    arena_free(&arena);
}

static void
lines_that_move_are_found(void **state)
{
    static const char *const changes[] = {
        "sed -i 3d rows-*",                                         /* removed */
        "sed -i '3{h;d};4{G}' rows-*",                              /* swapped */
        "sed -i '3p' rows-*",                                       /* repeated */
        "f=rows-000000000000.jsonl; sed -n 3p $f > x; cat x >> $f", /* appended */
        "sed -i 1d rows-*", /* without its head */
        "echo '{\"seq\":6}' >> rows-000000000000.jsonl",
        "echo >> rows-000000000000.jsonl",
    };
    struct audit_check k;

    for (size_t i = 0; i < COUNT(changes); i++) {
        assert_int_equal(fresh(state), 0);
        write_rows(6);
        shell(changes[i]);
        if (verify(&k) == SELFSAME_OK)
            fail_msg("%s", changes[i]);
        if (try_open() == SELFSAME_OK)
            fail_msg("the writer took: %s", changes[i]);
    }
}

static void
a_checkpoint_is_of_our_key(void **state)
{
    struct audit_check k;

    (void)state;
    write_rows(6);
    shell("cp checkpoint kept; sed -i '2s/6/5/' checkpoint");
    assert_int_not_equal(verify(&k), SELFSAME_OK);
    assert_int_not_equal(try_open(), SELFSAME_OK);
    shell("cp kept checkpoint");
    assert_int_equal(verify(&k), SELFSAME_OK);
    /* All rows gone, and the checkpoint left. */
    shell("rm rows-*");
    assert_int_equal(verify(&k), SELFSAME_LOG);
    assert_int_equal(try_open(), SELFSAME_LOG);
}

/* ---- what happens to a writer ---- */

/* A line without an end was heard of by nobody. */
static void
a_torn_line_is_cut_off(void **state)
{
    struct audit_check k;

    (void)state;
    write_rows(6);
    shell("printf '{\"seq\":6,\"prev\"' >> rows-000000000000.jsonl");
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.rows, 6);
    write_rows(2);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.rows, 8);
}

static void
one_process_writes(void **state)
{
    struct audit *a = open_log(NULL);

    (void)state;
    assert_int_equal(try_open(), SELFSAME_IO);
    audit_close(&a);
    assert_int_equal(try_open(), SELFSAME_OK);
}

static const char *failing;

static int
fail_step(void *ctx, const char *step)
{
    (void)ctx;
    return failing != NULL && strcmp(step, failing) == 0 ? ENOSPC : 0;
}

/* Nobody hears that a row is durable when it is not, and nothing is written any more. */
static void
a_disk_that_fails_shuts_it(void **state)
{
    static const char *const steps[] = { "append", "sync" };

    for (size_t i = 0; i < COUNT(steps); i++) {
        const struct audit_config c = { .fail = fail_step };
        struct audit_check k;

        assert_int_equal(fresh(state), 0);
        failing = NULL;
        struct audit *a = open_log(&c);
        atomic_store(&durable, 0);
        atomic_store(&refused, 0);
        add(a, "one", "before");
        while (atomic_load(&durable) == 0)
            (void)usleep(1000);
        assert_true(audit_healthy(a));
        failing = steps[i];
        add(a, "one", "during");
        while (atomic_load(&refused) == 0)
            (void)usleep(1000);
        failing = NULL;
        assert_false(audit_healthy(a));
        add(a, "one", "after");
        while (atomic_load(&refused) == 1)
            (void)usleep(1000);
        assert_int_equal(atomic_load(&durable), 1);
        audit_close(&a);
        assert_int_equal(verify(&k), SELFSAME_OK);
        assert_int_equal(try_open(), SELFSAME_OK);
    }
}

/* A segment that cannot be begun, a checkpoint that cannot be signed: it is shut. */
static void
a_step_that_fails_shuts_it(void **state)
{
    static const char *const steps[] = { "begin", "checkpoint" };

    for (size_t i = 0; i < COUNT(steps); i++) {
        const struct audit_config c = { .fail = fail_step, .segment = 2000 };
        struct audit_check k;
        int given = 0;

        assert_int_equal(fresh(state), 0);
        failing = NULL;
        struct audit *a = open_log(&c);
        atomic_store(&durable, 0);
        atomic_store(&refused, 0);
        failing = steps[i];
        for (; audit_healthy(a) && given < 200; given++) {
            add(a, "one", "row");
            (void)usleep(3000);
        }
        assert_true(given < 200);
        add(a, "one", "after");
        while (atomic_load(&refused) == 0)
            (void)usleep(1000);
        failing = NULL;
        audit_close(&a);
        assert_int_equal(atomic_load(&durable) + atomic_load(&refused), given + 1);
        assert_int_equal(verify(&k), SELFSAME_OK);
        assert_int_equal(k.rows, atomic_load(&durable));
        write_rows(3); /* and goes on when the disk does */
        assert_int_equal(verify(&k), SELFSAME_OK);
        assert_int_equal(k.rows, atomic_load(&durable));
    }
    failing = "resume";
    const struct audit_config c = { .dir = dir, .fail = fail_step };
    struct selfsame_err e = { 0 };
    struct audit *a = NULL;
    assert_int_equal(audit_open(&c, &a, &e), SELFSAME_IO);
    failing = NULL;
}

/* ---- a process that is killed, and one whose disk is full ---- */

static int told[2];

static void
tell(void *ctx, enum selfsame_code code)
{
    const uint64_t seq = (uint64_t)(uintptr_t)ctx;

    if (code == SELFSAME_OK && write(told[1], &seq, sizeof(seq)) != sizeof(seq))
        _exit(1);
}

/* Says on a pipe what is durable. Its rows are in the order in which they are given. */
static void
write_for_ever(uint64_t from)
{
    const struct audit_config c = { .dir = dir, .segment = 20000 };
    struct selfsame_err e = { 0 };
    struct audit *a = NULL;

    if (audit_open(&c, &a, &e) != SELFSAME_OK || audit_size(a) < from)
        _exit(1);
    for (uint64_t seq = audit_size(a); audit_healthy(a);) {
        const struct audit_row row = { .request = "r",
            .tenant = "one",
            .key = "k",
            .policy = "p",
            .tee = "nitro",
            .status = "affirming",
            .class_ = "ok" };

        if (audit_add(a, &row, tell, (void *)(uintptr_t)(seq + 1)))
            seq++;
        else
            (void)usleep(500);
    }
    audit_close(&a);
    _exit(7);
}

/* How many rows its process said were durable, at most. */
static uint64_t
heard(void)
{
    uint64_t seq, most = 0;

    while (read(told[0], &seq, sizeof(seq)) == sizeof(seq))
        most = seq > most ? seq : most;
    (void)close(told[0]);
    return most;
}

static void
a_killed_process_loses_no_row(void **state)
{
    uint64_t most = 0;
    unsigned seed = (unsigned)getpid();

    (void)state;
    for (int life = 0; life < 25; life++) {
        struct audit_check k;

        assert_int_equal(pipe(told), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_for_ever(most);
        (void)close(told[1]);
        (void)usleep(5000 + (useconds_t)rand_r(&seed) % 40000);
        (void)kill(child, SIGKILL);
        const uint64_t got = heard();
        (void)waitpid(child, NULL, 0);
        most = got > most ? got : most;
        assert_int_equal(verify(&k), SELFSAME_OK);
        if (k.rows < most)
            fail_msg("life %d: %llu rows were durable, and there are %llu", life,
                (unsigned long long)most, (unsigned long long)k.rows);
    }
    assert_true(most > 0);
    write_rows(0); /* a checkpoint over all that is there */
    struct audit_check k;
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.checkpointed, k.rows);
}

/* Segments begin and checkpoints are signed while another process reads. */
static void
a_reader_beside_a_writer_finds_it_whole(void **state)
{
    struct audit_check k = { 0 };
    uint64_t segments = 0;

    (void)state;
    assert_int_equal(pipe(told), 0);
    write_rows(1);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(told[0]);
        told[1] = open("/dev/null", O_WRONLY);
        write_for_ever(1);
    }
    (void)close(told[0]);
    (void)close(told[1]);
    for (int i = 0; i < 200 && segments < 40; i++) {
        struct selfsame_err e = { 0 };

        if (audit_verify(dir, &k, &e) != SELFSAME_OK) {
            (void)kill(child, SIGKILL);
            (void)waitpid(child, NULL, 0);
            fail_msg("look %d: %s", i, err_text(&e));
        }
        segments = k.segments;
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    assert_true(segments > 1);
}

static void
a_full_disk_is_no_acknowledgement(void **state)
{
    const struct rlimit small = { 10000, 10000 };
    struct audit_check k;
    int status = 0;

    (void)state;
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &small) != 0)
            _exit(1);
        write_for_ever(0);
    }
    (void)close(told[1]);
    const uint64_t most = heard();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_true(k.rows >= most);
    write_rows(5);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_true(k.rows >= most + 5);
}

/* ---- lines from anybody ---- */

static void
heads_and_rows_are_read_whole(void **state)
{
    struct audit_chain c = { 0 }, got;
    struct row_seen seen;
    struct selfsame_err e = { 0 };
    char text[AUDIT_HEAD + 2];

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(chain_add(&c, BYTES_LIT("x")));
    const size_t len = head_print(&c, text) - 1;
    assert_int_equal(
        head_parse(BYTES((const uint8_t *)text, len), &got, &e), SELFSAME_OK);
    assert_int_equal(got.size, 5);
    for (size_t n = 0; n < len; n++) {
        const struct selfsame_bytes cut = BYTES((const uint8_t *)text, n);

        assert_int_equal(head_parse(cut, &got, &e), SELFSAME_MALFORMED);
        assert_int_equal(row_parse(cut, &seen, &e), SELFSAME_MALFORMED);
    }
    text[len] = '}';
    assert_int_equal(head_parse(BYTES((const uint8_t *)text, len + 1), &got, &e),
        SELFSAME_MALFORMED);
    /* As many subtrees as the number says, no more and no fewer. */
    text[len] = '\0';
    char *first = strstr(text, "\"first\":5");
    assert_non_null(first);
    first[8] = '7';
    assert_int_equal(
        head_parse(BYTES((const uint8_t *)text, len), &got, &e), SELFSAME_MALFORMED);
    first[8] = '4';
    assert_int_equal(
        head_parse(BYTES((const uint8_t *)text, len), &got, &e), SELFSAME_MALFORMED);
}

/* The example of docs/formats/audit.md: its hashes come from another program. */
static const char *const example_hash[] = {
    "8029389b7c918b2516afa5896060ba8bae9bc24d6e52c85c612f6772bccfa966",
    "0dbb7527b5a7d31fe2709245fe31fa73a12b7aca200c610760438137f2c59a97",
    "e2ee34f3732e2329330a6ae748dd4c3e8f57125f76c11aad93311653412e3ffa"
};
static const char example_root[] =
    "bbbcb9b76cc366527d4986f1598a1e56370e8b1613f976720618f03009e343af";

static void
the_format_is_as_written_down(void **state)
{
    const struct audit_row row = { .at_ms = 1795852800000,
        .request = "5f0c",
        .tenant = "default",
        .key = "web",
        .policy = "default/web@sha256:00",
        .tee = "nitro",
        .status = "affirming",
        .class_ = "ok",
        .token = "2d8d",
        .evidence_sha256 = { 0xee },
        .claims_sha256 = { 0xcc } };
    struct audit_chain c = { 0 };
    uint8_t root[32];
    char line[AUDIT_LINE], hex[65];

    (void)state;
    for (uint64_t seq = 0; seq < 3; seq++) {
        const size_t len = row_print(&row, seq, c.prev, line);

        assert_true(chain_add(&c, BYTES((const uint8_t *)line, len - 1)));
        hex_encode(BYTES_ARR(c.prev), hex);
        assert_string_equal(hex, example_hash[seq]);
    }
    assert_true(chain_root(&c, root));
    hex_encode(BYTES_ARR(root), hex);
    assert_string_equal(hex, example_root);
}

static void
files_are_for_their_owner(void **state)
{
    static const char *const names[] = { "audit.key", "rows-000000000000.jsonl" };
    char path[256];
    struct stat st;

    (void)state;
    write_rows(1);
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

/* ---- the last rows ---- */

static void
a_tenant_sees_its_own_last_rows(void **state)
{
    struct arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct audit_seen *seen;
    size_t count;

    (void)state;
    write_rows(700);
    struct audit *a = open_log(NULL); /* after a restart as well */
    assert_int_equal(audit_recent(a, "one", 10, &arena, &seen, &count, &e), 0);
    assert_int_equal(count, 10);
    assert_int_equal(seen[0].seq, 698);
    assert_int_equal(seen[9].seq, 680);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(strstr(seen[i].json, "\"tenant\":\"one\""));
        assert_null(strstr(seen[i].json, "\"tenant\":\"two\""));
    }
    assert_int_equal(audit_recent(a, "one", 1000, &arena, &seen, &count, &e), 0);
    assert_true(count > 200 && count <= 256);
    assert_int_equal(audit_recent(a, "three", 10, &arena, &seen, &count, &e), 0);
    assert_int_equal(count, 0);
    audit_close(&a);
    arena_free(&arena);
}

/* Whatever a name is, a row is one line of JSON, and reads back. */
static void
strangers_texts_stay_texts(void **state)
{
    static const char *const texts[] = { "\"}", "\\", "a\nb", "\x1b[2J", "\xff\xfe",
        "\xe2\x80\xae", "{\"seq\":1}", "" };
    struct audit_check k;

    (void)state;
    struct audit *a = open_log(NULL);
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct audit_row row = { .request = texts[i],
            .tenant = "one",
            .key = texts[i],
            .policy = texts[i],
            .tee = texts[i],
            .status = texts[i],
            .class_ = texts[i],
            .failed = texts[i],
            .release = texts[i],
            .token = texts[i],
            .given = texts[i] };

        assert_true(audit_add(a, &row, done, NULL));
    }
    char longest[2000];
    memset(longest, '"', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    const struct audit_row row = { .request = longest,
        .tenant = "one",
        .key = longest,
        .policy = longest,
        .tee = longest,
        .status = longest,
        .class_ = longest,
        .failed = longest,
        .release = longest,
        .token = longest,
        .given = longest };
    assert_true(audit_add(a, &row, done, NULL));
    audit_close(&a);
    assert_int_equal(verify(&k), SELFSAME_OK);
    assert_int_equal(k.rows, COUNT(texts) + 1);
    shell("python3 -c 'import json,sys,glob\n"
          "for l in open(glob.glob(\"rows-*\")[0]): json.loads(l)'");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_are_chained_and_signed, fresh),
        cmocka_unit_test_setup(an_empty_log_is_one, fresh),
        cmocka_unit_test_setup(segments_follow_one_another, fresh),
        cmocka_unit_test_setup(no_segment_is_begun_without_a_checkpoint, fresh),
        cmocka_unit_test_setup(every_tenant_sees_its_last_rows, fresh),
        cmocka_unit_test_setup(no_bit_may_change, fresh),
        cmocka_unit_test_setup(no_length_is_enough, fresh),
        cmocka_unit_test_setup(lines_that_move_are_found, fresh),
        cmocka_unit_test_setup(a_checkpoint_is_of_our_key, fresh),
        cmocka_unit_test_setup(a_torn_line_is_cut_off, fresh),
        cmocka_unit_test_setup(one_process_writes, fresh),
        cmocka_unit_test_setup(a_disk_that_fails_shuts_it, fresh),
        cmocka_unit_test_setup(a_step_that_fails_shuts_it, fresh),
        cmocka_unit_test_setup(a_killed_process_loses_no_row, fresh),
        cmocka_unit_test_setup(a_reader_beside_a_writer_finds_it_whole, fresh),
        cmocka_unit_test_setup(a_full_disk_is_no_acknowledgement, fresh),
        cmocka_unit_test(heads_and_rows_are_read_whole),
        cmocka_unit_test(the_format_is_as_written_down),
        cmocka_unit_test_setup(files_are_for_their_owner, fresh),
        cmocka_unit_test_setup(a_tenant_sees_its_own_last_rows, fresh),
        cmocka_unit_test_setup(strangers_texts_stay_texts, fresh),
    };
    char line[128];

    if (mkdtemp(dir) == NULL)
        return 1;
    const int bad = cmocka_run_group_tests(tests, NULL, NULL);
    (void)snprintf(line, sizeof(line), "rm -rf %s", dir);
    return system(line) != 0 ? 1 : bad;
}
