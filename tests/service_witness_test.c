/* SPDX-License-Identifier: Apache-2.0 */
#include "witness_world.h"

#include "store/witness_store.h"

#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;
enum { ANSWER = 65536 };

/* ---- a witness in this process ---- */

struct world {
    char top[64], dir[96], vkey[256];
    struct witness_service *s;
    struct net_addr at;
    pthread_t thread;
    pthread_mutex_t lock;
    char told[4096];
};

static void *
run(void *ctx)
{
    struct world *w = ctx;
    struct selfsame_err e = { 0 };

    assert_code(witness_service_run(w->s, &e), SELFSAME_OK, &e);
    return NULL;
}

static void
tell(void *ctx, const char *what, const char *sentence)
{
    struct world *w = ctx;

    (void)pthread_mutex_lock(&w->lock);
    size_t len = strlen(w->told);
    (void)snprintf(w->told + len, sizeof(w->told) - len, "%s: %s\n", what, sentence);
    (void)pthread_mutex_unlock(&w->lock);
}

static bool
was_told(struct world *w, const char *what)
{
    (void)pthread_mutex_lock(&w->lock);
    bool told = strstr(w->told, what) != NULL;
    (void)pthread_mutex_unlock(&w->lock);
    return told;
}

static void
start(struct world *w)
{
    struct witness_service_config c = { .dir = w->dir, .tell = tell, .ctx = w };
    struct selfsame_err e = { 0 };

    assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
    assert_code(witness_service_new(&c, &w->s, &e), SELFSAME_OK, &e);
    assert_code(witness_service_open(w->s, &e), SELFSAME_OK, &e);
    witness_service_bound(w->s, &w->at);
    assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

static void
stop(struct world *w)
{
    witness_service_stop(w->s);
    (void)pthread_join(w->thread, NULL);
    witness_service_free(&w->s);
}

static void
begin(struct world *w)
{
    *w = (struct world){ .lock = PTHREAD_MUTEX_INITIALIZER,
        .top = "/tmp/selfsame-witness.XXXXXX" };
    assert_non_null(mkdtemp(w->top));
    (void)snprintf(w->dir, sizeof(w->dir), "%s/w", w->top);
    world_dir(w->dir, "witness.example/w1", 2, 3, w->vkey, sizeof(w->vkey));
    start(w);
}

static void
end(struct world *w)
{
    struct selfsame_err e = { 0 };

    stop(w);
    assert_code(dir_remove(w->top, &e), SELFSAME_OK, &e);
}

static int
add(const struct world *w, const char *origin, uint64_t branch, uint64_t old,
    uint64_t size, char *buf)
{
    auto_arena arena = arena_new(1 << 20);
    auto_fd fd = world_dial(&w->at);
    char *body = world_request(origin, branch, old, size, &arena);

    return world_exchange(fd, "POST", "/add-checkpoint", body, buf, ANSWER);
}

static int
get(const struct world *w, const char *path, char *buf)
{
    auto_fd fd = world_dial(&w->at);

    return world_exchange(fd, "GET", path, "", buf, ANSWER);
}

static const char *
path_of(const char *origin, char ret[static 96])
{
    uint8_t digest[HASH_MAX];
    char hex[65];

    assert_true(hash_bytes(HASH_SHA256, bytes_str(origin), digest));
    hex_encode(BYTES(digest, 32), hex);
    (void)snprintf(ret, 96, "/%s/checkpoint", hex);
    return ret;
}

/* The answer, put behind the checkpoint, is a note that the witness's key signed now. */
static void
check_cosigned(const struct world *w, const char *origin, uint64_t branch,
    uint64_t size, const char *lines)
{
    auto_arena arena = arena_new(1 << 20);
    const struct checkpoint c = world_checkpoint(origin, branch, size);
    struct selfsame_err e = { 0 };
    struct note_key k;
    struct note n;
    uint64_t good = 0;
    int64_t when = 0;
    char *all = arena_printf(&arena, "%s\n%s", checkpoint_text(&c, &arena), lines);

    assert_code(note_key_parse(bytes_str(w->vkey), &arena, &k, &e), SELFSAME_OK, &e);
    assert_code(note_parse(bytes_str(all), &arena, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n.count, 1);
    assert_code(note_verify(&n, &k, 1, &good, &when, &e), SELFSAME_OK, &e);
    assert_in_range(when, os_now_ms() / 1000 - 5, os_now_ms() / 1000 + 5);
}

static size_t
files_in(const char *dir, const char *part)
{
    auto_arena arena = arena_new(1 << 16);
    char *command = arena_printf(&arena, "ls %s/forks | grep -c -e %s", dir, part);
    FILE *f = popen(command, "r");
    unsigned n = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%u", &n), 1);
    (void)pclose(f);
    return n;
}

static void
cosigns_what_follows_and_remembers(void **state)
{
    const char *log = "log.example/0";
    struct world w;
    char buf[ANSWER], path[96];

    (void)state;
    begin(&w);
    assert_int_equal(get(&w, path_of(log, path), buf), 404);
    assert_int_equal(add(&w, log, 0, 0, 4, buf), 200);
    check_cosigned(&w, log, 0, 4, buf);
    assert_int_equal(add(&w, log, 0, 4, 9, buf), 200);
    check_cosigned(&w, log, 0, 9, buf);
    assert_int_equal(add(&w, log, 0, 9, 9, buf), 200); /* again */
    check_cosigned(&w, log, 0, 9, buf);
    assert_int_equal(add(&w, log, 0, 4, 9, buf), 409);
    assert_string_equal(buf, "9\n");
    assert_int_equal(add(&w, log, 0, 0, 20, buf), 409);
    assert_string_equal(buf, "9\n");
    /* Each log for itself. */
    assert_int_equal(add(&w, "log.example/1", 5, 0, 2, buf), 200);
    assert_int_equal(add(&w, "log.example/9", 0, 0, 2, buf), 404);
    stop(&w);
    start(&w);
    assert_int_equal(add(&w, log, 0, 0, 4, buf), 409);
    assert_string_equal(buf, "9\n");
    assert_int_equal(add(&w, log, 0, 9, 10, buf), 200);
    assert_int_equal(get(&w, path_of(log, path), buf), 200);
    assert_non_null(strstr(buf, "log.example/0\n10\n"));
    assert_non_null(strstr(buf, "\xe2\x80\x94 log.example/0 "));
    assert_non_null(strstr(buf, "\xe2\x80\x94 witness.example/w1 "));
    assert_int_equal(get(&w, "/metrics", buf), 200);
    assert_non_null(
        strstr(buf, "selfsame_witness_size{origin=\"log.example/0\"} 10\n"));
    assert_int_equal(get(&w, "/healthz", buf), 200);
    assert_int_equal(get(&w, "/readyz", buf), 200);
    stop(&w);
    assert_string_equal(w.told, "");
    start(&w);
    end(&w);
}

static void
forks_are_refused_and_kept(void **state)
{
    const char *log = "log.example/0";
    struct world w;
    char buf[ANSWER];

    (void)state;
    begin(&w);
    assert_int_equal(add(&w, log, 0, 0, 8, buf), 200);
    /* Leaf 3 is another: the same size, then from that beginning. */
    assert_int_equal(add(&w, log, 8, 8, 8, buf), 422);
    assert_int_equal(add(&w, log, 8, 8, 8, buf), 422); /* kept once */
    assert_int_equal(add(&w, log, 8, 0, 8, buf), 409); /* and known as one */
    assert_int_equal(add(&w, log, 8, 8, 12, buf), 422);
    assert_int_equal(files_in(w.dir, "-fork-8-.*offered"), 1);
    assert_int_equal(files_in(w.dir, "-fork-8-.*cosigned"), 1);
    assert_int_equal(files_in(w.dir, "-suspect-12-.*offered"), 1);
    assert_true(was_told(&w, "fork: log.example/0 signed"));
    assert_true(was_told(&w, "inconsistent: log.example/0 signed"));
    assert_int_equal(get(&w, "/metrics", buf), 200);
    assert_non_null(strstr(buf, "selfsame_witness_forks_total 3\n"));
    /* The honest tree goes on. */
    assert_int_equal(add(&w, log, 0, 8, 12, buf), 200);
    check_cosigned(&w, log, 0, 12, buf);
    for (uint64_t branch = 1; branch < 30; branch++)
        assert_int_equal(add(&w, log, branch, 12, 20, buf), 422);
    assert_int_equal(files_in(w.dir, "-suspect-.*offered"), WITNESS_SUSPECTS);
    assert_int_equal(files_in(w.dir, "-suspect-.*cosigned"), WITNESS_SUSPECTS);
    stop(&w);
    start(&w);
    assert_int_equal(add(&w, log, 31, 12, 20, buf), 422);
    assert_int_equal(files_in(w.dir, "-suspect-.*offered"), WITNESS_SUSPECTS);
    end(&w);
}

/* Others than the log bring these about: they must not hide a later one that matters. */
static void
the_first_and_the_last_suspects_are_kept(void **state)
{
    const char *log = "log.example/0";
    struct world w;
    char buf[ANSWER], name[32];

    (void)state;
    begin(&w);
    assert_int_equal(add(&w, log, 0, 0, 8, buf), 200);
    for (uint64_t size = 20; size < 40; size++) {
        if (size == 30) { /* the order is that of the files */
            stop(&w);
            start(&w);
        }
        assert_int_equal(add(&w, log, 1, 8, size, buf), 422);
        assert_int_equal(add(&w, log, 1, 8, size, buf), 422); /* kept once */
        (void)usleep(10000);
    }
    for (int size = 20; size < 40; size++) {
        (void)snprintf(name, sizeof(name), "-suspect-%d-.*offered", size);
        assert_int_equal(files_in(w.dir, name), size < 25 || size >= 35);
    }
    assert_int_equal(files_in(w.dir, "-suspect-.*cosigned"), WITNESS_SUSPECTS);
    assert_true(was_told(&w, "dropped: log.example/0: 10 suspects are kept"));
    assert_true(was_told(&w, "8 between were dropped"));
    assert_false(was_told(&w, "9 between were dropped"));
    assert_int_equal(get(&w, "/metrics", buf), 200);
    assert_non_null(strstr(buf, "selfsame_witness_evidence_dropped_total 10\n"));
    /* A fork is another matter. */
    assert_int_equal(add(&w, log, 1, 8, 8, buf), 422);
    assert_int_equal(files_in(w.dir, "-fork-8-.*offered"), 1);
    end(&w);
}

static void
lines_of_others_are_not_kept(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct world w;
    char buf[ANSWER], path[96];

    (void)state;
    begin(&w);
    const char *body = arena_printf(&arena, "%s\xe2\x80\x94 x.example AAAAAAAAAA==\n",
        world_request("log.example/0", 0, 0, 4, &arena));
    auto_fd fd = world_dial(&w.at);
    assert_int_equal(
        world_exchange(fd, "POST", "/add-checkpoint", body, buf, ANSWER), 200);
    assert_int_equal(get(&w, path_of("log.example/0", path), buf), 200);
    assert_null(strstr(buf, "x.example"));
    assert_non_null(strstr(buf, "\xe2\x80\x94 log.example/0 "));
    end(&w);
}

/* As often as it fits; the next request is not the worse for it. */
static void
a_line_that_is_repeated_is_kept_once(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct world w;
    char buf[ANSWER], path[96];
    int lines = 0;

    (void)state;
    begin(&w);
    const char *request = world_request("log.example/0", 0, 0, 4, &arena);
    const char *line = strstr(request, "\xe2\x80\x94 log.example/0 ");
    char *body = arena_str(&arena, bytes_str(request));
    for (int i = 1; i < NOTE_LINES && body != NULL; i++)
        body = arena_printf(&arena, "%s%s", body, line);
    assert_non_null(body);
    auto_fd fd = world_dial(&w.at);
    assert_int_equal(
        world_exchange(fd, "POST", "/add-checkpoint", body, buf, ANSWER), 200);
    check_cosigned(&w, "log.example/0", 0, 4, buf);
    assert_int_equal(get(&w, path_of("log.example/0", path), buf), 200);
    for (const char *at = buf; (at = strstr(at, "\xe2\x80\x94 log.")) != NULL; at++)
        lines++;
    assert_int_equal(lines, 1);
    assert_int_equal(add(&w, "log.example/1", 0, 0, 4, buf), 200);
    end(&w);
}

static void
other_requests_have_their_status(void **state)
{
    static const struct {
        const char *method, *path, *body;
        int want;
    } cases[] = {
        { "GET", "/add-checkpoint", "", 405 },
        { "POST", "/add-checkpoint", "", 400 },
        { "POST", "/add-checkpoint", "old 0\n\nnothing\n", 400 },
        { "GET", "/", "", 404 },
        { "GET", "/checkpoint", "", 404 },
        { "GET", "/0000000000000000000000000000000000000000000000000000000000000000",
            "", 404 },
        { "POST", "/healthz", "", 405 },
    };
    struct world w;
    char buf[ANSWER], path[96];

    (void)state;
    begin(&w);
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_fd fd = world_dial(&w.at);
        int got = world_exchange(
            fd, cases[i].method, cases[i].path, cases[i].body, buf, ANSWER);
        if (got != cases[i].want)
            fail_msg("%s %s: expected %d, got %d", cases[i].method, cases[i].path,
                cases[i].want, got);
    }
    (void)path_of("log.example/0", path);
    path[65] = 'x';
    assert_int_equal(get(&w, path, buf), 404);
    char *big = calloc(1, WITNESS_REQUEST_MAX + 2);
    assert_non_null(big);
    memset(big, 'a', WITNESS_REQUEST_MAX + 1);
    auto_fd fd = world_dial(&w.at);
    assert_int_equal(
        world_exchange(fd, "POST", "/add-checkpoint", big, buf, ANSWER), 413);
    free(big);
    end(&w);
}

static void
second_process_on_a_directory_is_refused(void **state)
{
    struct world w;
    struct witness_service_config c;
    struct witness_service *second = NULL;
    struct selfsame_err e = { 0 };

    (void)state;
    begin(&w);
    c = (struct witness_service_config){ .dir = w.dir };
    assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
    assert_code(witness_service_new(&c, &second, &e), SELFSAME_OK, &e);
    assert_code(witness_service_open(second, &e), SELFSAME_IO, &e);
    witness_service_free(&second);
    end(&w);
}

static void
directories_that_do_not_agree_are_refused(void **state)
{
    static const struct {
        const char *file, *text;
        enum selfsame_code want;
    } cases[] = {
        { "witness.vkey", "", SELFSAME_MALFORMED },
        { "witness.vkey",
            "witness.example/"
            "w1+df1c0a36+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU\n",
            SELFSAME_MALFORMED },
        /* Right in itself, but the key of another seed. */
        { "witness.vkey",
            "example.com/witness+1b76cacc+BDoeX9Ew2hczl9oM38CM/"
            "OgYz7nRSJDDcYM2GUyDYsPL\n",
            SELFSAME_MALFORMED },
        { "witness.key", "", SELFSAME_MALFORMED },
        { "logs/x.vkey", "nonsense\n", SELFSAME_MALFORMED },
        { "logs/x.vkey", "# no newline", SELFSAME_MALFORMED },
        { "logs/x.vkey",
            "witness.example/"
            "w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU\n",
            SELFSAME_UNSUPPORTED },
        { "state.sqlite", "this is no database, but text of some length\n",
            SELFSAME_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world w;
        struct witness_service_config c;
        struct witness_service *s = NULL;
        struct selfsame_err e = { 0 };
        char path[256];

        begin(&w);
        stop(&w);
        (void)snprintf(path, sizeof(path), "%s/%s", w.dir, cases[i].file);
        assert_code(
            file_write(path, bytes_str(cases[i].text), true, &e), SELFSAME_OK, &e);
        c = (struct witness_service_config){ .dir = w.dir };
        assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
        enum selfsame_code code = witness_service_new(&c, &s, &e);
        if (code == SELFSAME_OK)
            code = witness_service_open(s, &e);
        if (code != cases[i].want)
            fail_msg("%s: expected %s, got %s", cases[i].file,
                selfsame_code_name(cases[i].want), selfsame_code_name(code));
        witness_service_free(&s);
        assert_code(dir_remove(w.top, &e), SELFSAME_OK, &e);
    }
}

/* No file may grow: as with a full disk, nothing is said that is not stored. */
static void
full_disk_cosigns_nothing_and_heals(void **state)
{
    const char *log = "log.example/0";
    struct rlimit was, none;
    struct world w;
    char buf[ANSWER];

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    begin(&w);
    assert_int_equal(add(&w, log, 0, 0, 4, buf), 200);
    none = was;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    int answered = add(&w, log, 0, 4, 5, buf);
    bool cosigned = strstr(buf, "witness.example") != NULL;
    int ready = get(&w, "/readyz", buf);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(answered, 503);
    assert_false(cosigned);
    assert_int_equal(ready, 503);
    assert_true(was_told(&w, "state: "));
    /* Another branch: what was not stored was not promised. */
    assert_int_equal(add(&w, log, 16, 4, 5, buf), 200);
    check_cosigned(&w, log, 16, 5, buf);
    assert_int_equal(add(&w, log, 0, 4, 5, buf), 409);
    assert_int_equal(get(&w, "/readyz", buf), 200);
    end(&w);
}

/* ---- many at once: of two trees of one size one is cosigned ---- */

struct racer {
    const struct world *w;
    uint64_t branch;
    int good[40];
};

static void *
race(void *ctx)
{
    struct racer *r = ctx;
    auto_fd fd = world_dial(&r->w->at);
    char buf[ANSWER];

    for (uint64_t size = 0; size < 40; size++) {
        auto_arena arena = arena_new(1 << 20);
        /* All leaves but the newest are everybody's. */
        uint64_t branch = (r->branch & 1) << size;
        char *body = world_request("log.example/0", branch, size, size + 1, &arena);
        int got = world_exchange(fd, "POST", "/add-checkpoint", body, buf, ANSWER);
        r->good[size] = got;
        if (got != 200 && got != 409 && got != 422)
            break;
    }
    return NULL;
}

static void
of_two_trees_of_one_size_one_is_cosigned(void **state)
{
    struct world w;
    struct racer r[16];
    pthread_t t[COUNT(r)];

    (void)state;
    begin(&w);
    for (size_t i = 0; i < COUNT(r); i++) {
        r[i] = (struct racer){ .w = &w, .branch = i };
        assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
    }
    for (size_t i = 0; i < COUNT(r); i++)
        (void)pthread_join(t[i], NULL);
    for (size_t size = 0; size < 40; size++) {
        size_t by[2] = { 0, 0 };
        for (size_t i = 0; i < COUNT(r); i++) {
            if (r[i].good[size] == 200)
                by[i & 1]++;
            assert_true(r[i].good[size] == 200 || r[i].good[size] == 409 ||
                        r[i].good[size] == 422);
        }
        assert_true(by[0] == 0 || by[1] == 0);
    }
    end(&w);
}

/* ---- killed at every step, under load ---- */

static const char *const steps[] = { "begun", "read", "judged", "signed", "swapped",
    "done", "committed", "answered" };
enum { KILLS = 30 * COUNT(steps), CLIENTS = 4, LOGS = 64, LAST = 56, TRIED = 100000 };

/* The other half of this test: a witness that kills itself at the n-th of a step. */
struct doom {
    const char *step;
    long left;
};

static void
kill_at(void *ctx, const char *step)
{
    struct doom *d = ctx;

    if (strcmp(step, d->step) == 0 && --d->left == 0)
        (void)kill(getpid(), SIGKILL);
}

static int
serve_until_killed(char **argv)
{
    struct doom d = { .step = argv[4], .left = strtol(argv[5], NULL, 10) };
    struct witness_service_config c = { .dir = argv[2], .step = kill_at, .ctx = &d };
    struct witness_service *s = NULL;
    struct selfsame_err e = { 0 };

    if (net_addr_parse(argv[3], 0, &c.listen, &e) != SELFSAME_OK ||
        witness_service_new(&c, &s, &e) != SELFSAME_OK ||
        witness_service_open(s, &e) != SELFSAME_OK ||
        witness_service_run(s, &e) != SELFSAME_OK) {
        char text[600];
        (void)selfsame_err_print(&e, text, sizeof(text));
        (void)fprintf(stderr, "%s\n", text);
        return 1;
    }
    return 0;
}

struct crash {
    struct net_addr at;
    pthread_mutex_t lock;
    size_t log;            /* which one grows now */
    uint64_t size, branch; /* the largest that was ever acknowledged of it */
    struct tried {
        uint64_t size, branch;
        uint8_t root[LOG_HASH];
    } * tried; /* of this log: what is stored has to be among them */
    size_t tried_count;
    unsigned long good, asked;
    atomic_bool over;
    const char *wrong; /* what must never happen, happened */
};

static uint64_t
low_bits(uint64_t v, uint64_t n)
{
    return n >= 64 ? v : v & ((UINT64_C(1) << n) - 1);
}

/* An acknowledged tree has to be a beginning of the largest, or to begin with it. */
static void
acknowledged(struct crash *c, size_t log, uint64_t size, uint64_t branch,
    uint64_t size_when_asked)
{
    c->good++;
    if (log != c->log)
        return;
    uint64_t common = size < c->size ? size : c->size;
    if (low_bits(branch, common) != low_bits(c->branch, common))
        c->wrong = "two trees were cosigned";
    if (size < size_when_asked)
        c->wrong = "a smaller tree was cosigned after a larger one";
    if (size > c->size) {
        c->size = size;
        c->branch = low_bits(branch, size);
    }
}

static void
next_log(struct crash *c)
{
    c->log = (c->log + 1) % LOGS;
    c->size = c->branch = 0;
    c->tried_count = 0;
}

/*
 * What is stored may be larger than what was acknowledged, and what is shown is promised
 * as well. False: the connection broke.
 */
static bool
look(struct crash *c, int fd, size_t log, uint64_t size_when_asked)
{
    char buf[ANSWER], path[96], origin[32];
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct checkpoint k;
    struct note n;
    bool found = false;

    (void)snprintf(origin, sizeof(origin), "log.example/%zu", log);
    int got = world_exchange(fd, "GET", path_of(origin, path), "", buf, ANSWER);
    if (got != 200)
        return got != 0;
    assert_code(note_parse(bytes_str(buf), &arena, &n, &e), SELFSAME_OK, &e);
    assert_code(checkpoint_parse(n.text, &k, &e), SELFSAME_OK, &e);
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->tried_count && !found && log == c->log; i++)
        if (c->tried[i].size == k.size &&
            bytes_eq(BYTES_ARR(c->tried[i].root), BYTES_ARR(k.root))) {
            acknowledged(c, log, k.size, c->tried[i].branch, size_when_asked);
            found = true;
        }
    if (!found && log == c->log)
        c->wrong = "what is stored was never asked for";
    (void)pthread_mutex_unlock(&c->lock);
    return true;
}

/* One or two leaves more, of either kind; sometimes none. False: the connection broke. */
static bool
grow(struct crash *c, int fd, unsigned *seed)
{
    auto_arena arena = arena_new(1 << 20);
    struct tried next = { .size = (uint64_t)rand_r(seed) % 3 };
    char buf[ANSWER], origin[32];

    (void)pthread_mutex_lock(&c->lock);
    size_t log = c->log;
    uint64_t acked = c->size;
    next.branch = low_bits(c->branch, acked) | (uint64_t)rand_r(seed) % 4 << acked;
    next.size += acked;
    next.branch = low_bits(next.branch, next.size);
    (void)snprintf(origin, sizeof(origin), "log.example/%zu", log);
    memcpy(next.root, world_checkpoint(origin, next.branch, next.size).root, LOG_HASH);
    assert_true(c->tried_count < TRIED);
    c->tried[c->tried_count++] = next;
    c->asked++;
    (void)pthread_mutex_unlock(&c->lock);
    char *body = world_request(origin, next.branch, acked, next.size, &arena);
    int got = world_exchange(fd, "POST", "/add-checkpoint", body, buf, ANSWER);
    (void)pthread_mutex_lock(&c->lock);
    if (got == 200)
        acknowledged(c, log, next.size, next.branch, acked);
    else if (got != 0 && got != 409 && got != 422)
        c->wrong = "an answer that is none of this table";
    if (c->size >= LAST && c->log == log)
        next_log(c);
    (void)pthread_mutex_unlock(&c->lock);
    return got == 409 ? look(c, fd, log, acked) : got != 0;
}

static void *
load(void *ctx)
{
    struct crash *c = ctx;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    int fd = -1;

    while (!atomic_load(&c->over)) {
        if (fd < 0)
            fd = world_dial(&c->at);
        if (fd < 0)
            (void)usleep(2000);
        else if (!grow(c, fd, &seed))
            fd_close(&fd);
    }
    fd_close(&fd);
    return NULL;
}

static pid_t
spawn(const char *dir, const char *at, const char *step, long n)
{
    char count[16], *argv[] = { NULL, NULL, NULL, NULL, NULL, NULL, NULL };
    auto_arena arena = arena_new(1 << 16);
    pid_t pid = 0;

    (void)snprintf(count, sizeof(count), "%ld", n);
    const char *words[] = { "witness", "serve", dir, at, step, count };
    for (size_t i = 0; i < COUNT(words); i++)
        argv[i] = arena_str(&arena, bytes_str(words[i]));
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return pid;
}

static void
killed_at_every_step_it_never_cosigns_two_trees(void **state)
{
    struct crash c = { .lock = PTHREAD_MUTEX_INITIALIZER,
        .tried = calloc(TRIED, sizeof(struct tried)) };
    char top[] = "/tmp/selfsame-witness.XXXXXX", dir[96], at[128], vkey[256];
    pthread_t t[CLIENTS];
    struct selfsame_err e = { 0 };

    (void)state;
    assert_non_null(c.tried);
    assert_non_null(mkdtemp(top));
    (void)snprintf(dir, sizeof(dir), "%s/w", top);
    (void)snprintf(at, sizeof(at), "unix:%s/socket", top);
    world_dir(dir, "witness.example/w1", 2, LOGS, vkey, sizeof(vkey));
    assert_code(net_addr_parse(at, 0, &c.at, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, load, &c), 0);
    for (size_t i = 0; i < KILLS && c.wrong == NULL; i++) {
        int status = 0;
        pid_t pid = spawn(dir, at, steps[i % COUNT(steps)], 1 + (long)(i * 7 % 11));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            fail_msg("run %zu ended with %x", i, (unsigned)status);
    }
    atomic_store(&c.over, true);
    for (size_t i = 0; i < CLIENTS; i++)
        (void)pthread_join(t[i], NULL);
    free(c.tried);
    if (c.wrong != NULL)
        fail_msg("%s", c.wrong);
    (void)printf("%d kills, %lu requests, %lu cosignatures, %zu logs\n", (int)KILLS,
        c.asked, c.good, c.log + 1);
    assert_true(c.good > KILLS / 4);
    assert_code(dir_remove(top, &e), SELFSAME_OK, &e);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosigns_what_follows_and_remembers),
        cmocka_unit_test(forks_are_refused_and_kept),
        cmocka_unit_test(the_first_and_the_last_suspects_are_kept),
        cmocka_unit_test(lines_of_others_are_not_kept),
        cmocka_unit_test(a_line_that_is_repeated_is_kept_once),
        cmocka_unit_test(other_requests_have_their_status),
        cmocka_unit_test(second_process_on_a_directory_is_refused),
        cmocka_unit_test(directories_that_do_not_agree_are_refused),
        cmocka_unit_test(full_disk_cosigns_nothing_and_heals),
        cmocka_unit_test(of_two_trees_of_one_size_one_is_cosigned),
        cmocka_unit_test(killed_at_every_step_it_never_cosigns_two_trees),
    };

    if (argc == 6 && strcmp(argv[1], "serve") == 0)
        return serve_until_killed(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
