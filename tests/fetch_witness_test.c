/* SPDX-License-Identifier: Apache-2.0 */
#include "witness_world.h"

#include "fetch/witness.h"
#include "service/httpd.h"

#include <stdatomic.h>

static const char origin[] = "log.example/0";
#define ORIGIN_HASH "aa286ae6f383dfb3ca07a90100ee7159320579e677634d6732801fb27276ecb7"
enum { WITNESSES = 3 };

/* ---- witnesses that are as they are told ---- */

enum mode {
    HONEST,    /* a real one, behind this */
    SILENT,    /* answers nobody in time */
    LATE,      /* answers after a while */
    BROKEN,    /* 500 */
    UNKNOWN,   /* 404 */
    LARGER,    /* 409 with a size above */
    REFUSING,  /* 409 with a size below, then 422 */
    WANDERING, /* 409 with another size each time */
    SIZELESS,  /* 409 without a size */
    JUNK,      /* 200 with what is no line */
    NOBODY,    /* 200 with a line of somebody unknown */
    FORGED,    /* 200 with its own name and a wrong signature */
    TALKATIVE, /* 200 with its own line and others */
    FLAKY,     /* 503 once, then as it should */
};
struct fake {
    atomic_int mode, asked, shown;
    const char *_Atomic shows; /* its last checkpoint; NULL: there is no such path */
    atomic_int slow_ms;        /* before it is shown; -1: never */
    atomic_uint_fast64_t size; /* that it cosigned last; for itself, no check is made */
    struct key *key;
    char name[32], vkey[256];
    struct httpd *h;
    struct net_addr at;
    pthread_t thread;
    struct httpd_request *kept[64];
    atomic_size_t kept_count;
};
struct world {
    struct fake w[WITNESSES];
    struct arena arena;
    struct log_policy policy;
    struct witness_client *client;
};

static void
say(struct httpd_request *r, int status, const char *body)
{
    const struct httpd_answer a = { .status = status, .body = bytes_str(body) };

    httpd_answer(r, &a);
}

static char *
line_for(struct fake *f, const struct note *n, struct arena *arena)
{
    struct selfsame_err e = { 0 };
    char *line = NULL;

    assert_code(note_sign(n->text, bytes_str(f->name), NOTE_COSIGNATURE, f->key,
                    os_now_ms() / 1000, arena, &line, &e),
        SELFSAME_OK, &e);
    return line;
}

/* As tlog-witness says, with a state of its own. */
static void
serve_honestly(struct fake *f, struct httpd_request *r)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct witness_request q;
    struct checkpoint c;
    struct note n;

    assert_code(witness_request_parse(httpd_body(r), &arena, &q, &e), SELFSAME_OK, &e);
    assert_code(note_parse(q.checkpoint, &arena, &n, &e), SELFSAME_OK, &e);
    assert_code(checkpoint_parse(n.text, &c, &e), SELFSAME_OK, &e);
    if (q.old_size != atomic_load(&f->size)) {
        say(r, 409, arena_printf(&arena, "%" PRIu64 "\n", (uint64_t)f->size));
        return;
    }
    assert_true((q.path.count == 0) == (q.old_size == 0 || q.old_size == c.size));
    atomic_store(&f->size, c.size);
    const char *more = atomic_load(&f->mode) == TALKATIVE
                           ? "\xe2\x80\x94 x.example AAAAAAAAAA==\n"
                           : "";
    say(r, 200, arena_printf(&arena, "%s%s%s", more, line_for(f, &n, &arena), more));
}

static void
serve_forged(struct fake *f, struct httpd_request *r)
{
    auto_arena arena = arena_new(1 << 20);
    const struct checkpoint other = world_checkpoint(origin, 1, 3);
    char *text = checkpoint_text(&other, &arena);
    const struct note n = { .text = bytes_str(text) };

    say(r, 200, line_for(f, &n, &arena));
}

static void
keep(struct fake *f, struct httpd_request *r)
{
    size_t n = atomic_load(&f->kept_count);

    assert_true(n < COUNT(f->kept));
    f->kept[n] = r;
    atomic_store(&f->kept_count, n + 1);
}

static void
serve(void *ctx, struct httpd_request *r)
{
    struct fake *f = ctx;
    char text[32];
    int asked = atomic_fetch_add(&f->asked, 1);

    switch ((enum mode)atomic_load(&f->mode)) {
    case LATE:
        (void)usleep(300000);
        serve_honestly(f, r);
        break;
    case FLAKY:
        if (asked == 0)
            say(r, 503, "");
        else
            serve_honestly(f, r);
        break;
    case HONEST:
    case TALKATIVE: serve_honestly(f, r); break;
    case SILENT: keep(f, r); break;
    case BROKEN: say(r, 500, ""); break;
    case UNKNOWN: say(r, 404, ""); break;
    case LARGER: say(r, 409, "60\n"); break;
    case REFUSING:
        if (strncmp((const char *)httpd_body(r).ptr, "old 4\n", 6) == 0)
            say(r, 422, "");
        else
            say(r, 409, "4\n");
        break;
    case WANDERING:
        (void)snprintf(text, sizeof(text), "%d\n", asked % 5);
        say(r, 409, text);
        break;
    case SIZELESS: say(r, 409, ""); break;
    case JUNK: say(r, 200, "what?\n"); break;
    case NOBODY: say(r, 200, "\xe2\x80\x94 x.example AAAAAAAAAA==\n"); break;
    case FORGED: serve_forged(f, r); break;
    }
}

static void
show(void *ctx, struct httpd_request *r)
{
    struct fake *f = ctx;
    const char *note = atomic_load(&f->shows);
    const int ms = atomic_load(&f->slow_ms);

    (void)atomic_fetch_add(&f->shown, 1);
    /* SHA-256 of the origin. */
    assert_string_equal(httpd_path(r), "/w/" ORIGIN_HASH "/checkpoint");
    if (ms < 0) {
        keep(f, r);
        return;
    }
    (void)usleep((unsigned)ms * 1000);
    say(r, note != NULL ? 200 : 404, note != NULL ? note : "");
}

static const struct httpd_route routes[] = {
    { "POST", "/w/add-checkpoint", serve },
    { "GET", "/w/*", show },
};

static void *
run(void *ctx)
{
    struct fake *f = ctx;
    struct selfsame_err e = { 0 };

    assert_code(httpd_run(f->h, &e), SELFSAME_OK, &e);
    return NULL;
}

static const char *
log_vkey(struct arena *arena)
{
    auto_key *key = world_key(3);
    struct selfsame_err e = { 0 };
    struct note_key k;

    assert_code(note_key_of(bytes_str(origin), NOTE_ED25519, key, arena, &k, &e),
        SELFSAME_OK, &e);
    return note_key_text(&k, arena);
}

/* A new client, which knows nothing of the witnesses. */
static void
client_with_grace(struct world *w, unsigned ms)
{
    const struct witness_client_config c = {
        .policy = &w->policy, .timeout_ms = 2000, .grace_ms = ms
    };
    struct selfsame_err e = { 0 };

    witness_client_free(&w->client);
    assert_code(witness_client_new(&c, &w->client, &e), SELFSAME_OK, &e);
}

static void
begin(struct world *w, const char *quorum)
{
    char *text;
    struct selfsame_err e = { 0 };

    *w = (struct world){ .arena = arena_new(1 << 22) };
    text = arena_printf(&w->arena, "log %s\n", log_vkey(&w->arena));
    for (size_t i = 0; i < WITNESSES; i++) {
        struct fake *f = &w->w[i];
        struct httpd_config c = { .routes = routes,
            .route_count = COUNT(routes),
            .ctx = f,
            .body_limit = 65536,
            .idle_s = 1 };
        struct note_key k;

        f->key = world_key((uint8_t)(10 + i));
        (void)snprintf(f->name, sizeof(f->name), "w.example/%zu", i);
        assert_code(note_key_of(bytes_str(f->name), NOTE_COSIGNATURE, f->key, &w->arena,
                        &k, &e),
            SELFSAME_OK, &e);
        assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
        assert_code(httpd_new(&c, &f->h, &e), SELFSAME_OK, &e);
        httpd_bound(f->h, &f->at);
        text = arena_printf(&w->arena, "%switness w%zu %s http://127.0.0.1:%u/w%s\n",
            text, i, note_key_text(&k, &w->arena), (unsigned)f->at.port,
            i == 1 ? "/" : "");
        assert_non_null(text);
        assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
    }
    text = arena_printf(&w->arena, "%s%s", text, quorum);
    assert_code(
        log_policy_parse(bytes_str(text), &w->arena, &w->policy, &e), SELFSAME_OK, &e);
    client_with_grace(w, 500);
}

static void
leave(struct fake *f)
{
    if (f->h == NULL)
        return;
    /* Those who asked have gone; the server need not wait for its answers. */
    for (size_t i = 0; i < atomic_load(&f->kept_count); i++)
        say(f->kept[i], 503, "");
    httpd_stop(f->h);
    (void)pthread_join(f->thread, NULL);
    httpd_free(f->h);
    f->h = NULL;
}

static void
end(struct world *w)
{
    witness_client_free(&w->client);
    for (size_t i = 0; i < WITNESSES; i++) {
        leave(&w->w[i]);
        key_free(&w->w[i].key);
    }
    arena_free(&w->arena);
}

/* How many witnesses of the policy signed the lines; -1 for lines of others. */
static int
good_lines(
    struct world *w, const struct checkpoint *c, const char *lines, struct arena *arena)
{
    struct selfsame_err e = { 0 };
    struct note n;
    uint64_t good = 0;
    int count = 0;

    char *all = arena_printf(arena, "%s\n%s", checkpoint_text(c, arena), lines);
    assert_code(note_parse(bytes_str(all), arena, &n, &e), SELFSAME_OK, &e);
    assert_code(
        note_verify(&n, w->policy.witnesses, w->policy.witness_count, &good, NULL, &e),
        SELFSAME_OK, &e);
    for (size_t i = 0; i < WITNESSES; i++)
        count += (int)(good >> i & 1);
    return n.count == (size_t)count ? count : -1;
}

/* One round; the number of cosignatures in *ret. */
static enum selfsame_code
ask(struct world *w, uint64_t size, int *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 22);
    uint64_t branch = 0;
    const struct merkle_source s = { .node = branch_node, .ctx = &branch };
    const struct checkpoint c = world_checkpoint(origin, 0, size);
    char *lines = NULL;

    TRY(witness_client_ask(
        w->client, world_note(&c, &arena), &c, &s, &arena, &lines, e));
    *ret = good_lines(w, &c, lines, &arena);
    return SELFSAME_OK;
}

static const char two[] = "group g 2 w0 w1 w2\nquorum g\n";

static void
all_are_asked_and_remembered(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    struct witness_health h;
    int n = 0;

    (void)state;
    begin(&w, two);
    for (uint64_t size = 1; size < 20; size += 3) {
        assert_code(ask(&w, size, &n, &e), SELFSAME_OK, &e);
        assert_int_equal(n, 3);
    }
    for (size_t i = 0; i < WITNESSES; i++) {
        assert_int_equal(w.w[i].asked, 7); /* no 409 */
        witness_client_health(w.client, i, &h);
        assert_int_equal(h.size, 19);
        assert_int_equal(h.cosigned, 7);
        assert_string_equal(h.why, "");
    }
    assert_code(ask(&w, 19, &n, &e), SELFSAME_OK, &e); /* the same again */
    assert_int_equal(n, 3);
    end(&w);
}

static void
sizes_that_were_forgotten_are_asked_for(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, two);
    for (size_t i = 0; i < WITNESSES; i++)
        atomic_store(&w.w[i].size, 3 + i);
    assert_code(ask(&w, 9, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < WITNESSES; i++)
        assert_int_equal(w.w[i].asked, 2);
    atomic_store(&w.w[0].size, 0); /* a witness may forget as well */
    assert_code(ask(&w, 10, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 3);
    end(&w);
}

/* With one that is like this the other two are enough, and its lines are not there. */
static const struct {
    enum mode mode;
    bool takes_part;
    const char *why;
} bad_ones[] = {
    { BROKEN, false, "status 500" },
    { UNKNOWN, false, "status 404" },
    { WANDERING, false, "its size changed" },
    { SIZELESS, false, "a conflict without a size" },
    { JUNK, false, "note: expected" },
    { NOBODY, false, "note: expected a signature" },
    { FORGED, false, "does not verify" },
    { TALKATIVE, true, "" },
    { FLAKY, true, "" },
    { LATE, true, "" },
    { SILENT, false, "no answer in time" },
};

static void
a_bad_one_does_not_hinder_a_quorum(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_ones); i++) {
        struct world w;
        struct selfsame_err e = { 0 };
        struct witness_health h;
        int n = 0;

        begin(&w, two);
        atomic_store(&w.w[1].mode, bad_ones[i].mode);
        int64_t began_ms = net_clock_ms();
        assert_code(ask(&w, 9, &n, &e), SELFSAME_OK, &e);
        if (n != (bad_ones[i].takes_part ? 3 : 2))
            fail_msg("%s: %d took part", bad_ones[i].why, n);
        assert_true(net_clock_ms() - began_ms < 1500);
        witness_client_health(w.client, 1, &h);
        if (strstr(h.why, bad_ones[i].why) == NULL)
            fail_msg("expected \"%s\", got \"%s\"", bad_ones[i].why, h.why);
        end(&w);
    }
}

static void
two_bad_ones_are_named(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, two);
    atomic_store(&w.w[0].mode, UNKNOWN);
    atomic_store(&w.w[2].mode, SILENT);
    int64_t began_ms = net_clock_ms();
    assert_code(ask(&w, 9, &n, &e), SELFSAME_LOG, &e);
    int64_t took_ms = net_clock_ms() - began_ms;
    assert_true(took_ms >= 1900 && took_ms < 3500);
    assert_string_equal(err_text(&e),
        "the quorum is not met: 1 of 3 witnesses cosigned; "
        "w0: status 404; w2: no answer in time");
    end(&w);
}

static void
nobody_listens(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, "quorum w1\n");
    leave(&w.w[1]);
    int64_t began_ms = net_clock_ms();
    assert_code(ask(&w, 9, &n, &e), SELFSAME_LOG, &e);
    assert_true(net_clock_ms() - began_ms < 1000); /* refused at once, three times */
    assert_non_null(strstr(err_text(&e), "2 of 3"));
    end(&w);
}

/* A checkpoint that the log signed, of one tree or another. */
static const char *
signed_note(struct world *w, uint64_t branch, uint64_t size)
{
    const struct checkpoint c = world_checkpoint(origin, branch, size);

    return (const char *)world_note(&c, &w->arena).ptr;
}

/* The same by a key that the policy does not know, or with a signature that is none. */
static const char *
foreign_note(struct world *w, bool known)
{
    auto_key *key = world_key(known ? 3 : 5);
    const struct checkpoint c = world_checkpoint(origin, 0, 60);
    const struct checkpoint other = world_checkpoint(origin, 0, 59);
    const char *text = checkpoint_text(&c, &w->arena);
    struct selfsame_err e = { 0 };
    char *line = NULL;

    assert_code(note_sign(bytes_str(known ? checkpoint_text(&other, &w->arena) : text),
                    bytes_str(origin), NOTE_ED25519, key, 0, &w->arena, &line, &e),
        SELFSAME_OK, &e);
    return arena_printf(&w->arena, "%s\n%s", text, line);
}

static void
what_the_log_signed_is_an_alarm(void **state)
{
    const struct {
        enum mode mode;
        uint64_t branch, size;
        const char *want;
    } cases[] = {
        { LARGER, 0, 60, "w2 has cosigned 60 entries of this log, got 9 here" },
        { LARGER, 1, 60, "w2 has cosigned 60 entries of this log, got 9 here" },
        { LARGER, 1, 9, "w2 has cosigned 9 entries of this log that are not those" },
        { REFUSING, 1, 4, "w2 has cosigned 4 entries of this log that are not those" },
        { REFUSING, 0, 12, "w2 has cosigned 12 entries of this log, got 9 here" },
        { SIZELESS, 1, 9, "w2 has cosigned 9 entries of this log that are not those" },
    };

    (void)state;
    /* Also where the two others were enough long before it is shown. */
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world w;
        struct selfsame_err e = { 0 };
        int n = 0;

        begin(&w, two);
        const char *note = signed_note(&w, cases[i].branch, cases[i].size);
        atomic_store(&w.w[2].mode, cases[i].mode);
        atomic_store(&w.w[2].shows, note);
        atomic_store(&w.w[2].slow_ms, 1200);
        assert_code(ask(&w, 9, &n, &e), SELFSAME_IO, &e);
        if (strstr(err_text(&e), cases[i].want) == NULL)
            fail_msg("expected \"%s\", got \"%s\"", cases[i].want, err_text(&e));
        assert_non_null(e.remedy);
        assert_string_equal(witness_client_evidence(w.client, &w.arena), note);
        end(&w);
    }
}

static void
what_a_witness_merely_says_is_its_failure(void **state)
{
    static const enum mode modes[] = { LARGER, REFUSING, SIZELESS };

    (void)state;
    for (size_t i = 0; i < 5 * COUNT(modes); i++) {
        struct world w;
        struct selfsame_err e = { 0 };
        struct witness_health h;
        int n = 0;

        begin(&w, two);
        const char *const shown[] = { NULL, "what?\n", foreign_note(&w, false),
            foreign_note(&w, true), signed_note(&w, 0, 4) };
        atomic_store(&w.w[1].mode, modes[i / 5]);
        atomic_store(&w.w[1].shows, shown[i % 5]);
        for (int round = 1; round <= 2; round++) {
            assert_code(ask(&w, 9, &n, &e), SELFSAME_OK, &e);
            assert_int_equal(n, 2);
            witness_client_health(w.client, 1, &h);
            assert_int_equal(h.unproven, round);
            assert_int_equal(w.w[1].shown, round + 1); /* also before */
        }
        if (strstr(h.why, i % 5 == 4 ? "refutes" : "no checkpoint that it shows") ==
            NULL)
            fail_msg("%zu: got \"%s\"", i, h.why);
        assert_null(witness_client_evidence(w.client, &w.arena));
        /* The quorum needs it: that is no alarm either. */
        atomic_store(&w.w[0].mode, UNKNOWN);
        assert_code(ask(&w, 10, &n, &e), SELFSAME_LOG, &e);
        assert_non_null(strstr(err_text(&e), "w1: it says"));
        /* And it may think better of it. */
        atomic_store(&w.w[1].mode, HONEST);
        assert_code(ask(&w, 10, &n, &e), SELFSAME_OK, &e);
        assert_int_equal(n, 2);
        end(&w);
    }
}

/* After a start, all of them before anybody is asked to cosign. */
static void
nobody_cosigns_a_fork_that_one_can_show(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, "quorum w0\n");
    atomic_store(&w.w[2].shows, signed_note(&w, 1, 5));
    atomic_store(&w.w[2].slow_ms, 500);
    assert_code(ask(&w, 9, &n, &e), SELFSAME_IO, &e);
    for (size_t i = 0; i < WITNESSES; i++)
        assert_int_equal(w.w[i].asked, 0);
    end(&w);
}

/* The path is optional, and whatever stands before a witness may let nobody through to it. */
static void
who_never_shows_anything_may_cosign(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, two);
    atomic_store(&w.w[1].slow_ms, -1);
    assert_code(ask(&w, 4, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 2);
    for (uint64_t size = 5; size < 13 && n == 2; size++) {
        (void)usleep(500000);
        assert_code(ask(&w, size, &n, &e), SELFSAME_OK, &e);
    }
    assert_int_equal(n, 3);
    assert_int_equal(w.w[1].shown, 1);
    end(&w);
}

/* Once the whole time of a round, then not again; but what it shows late is heard. */
static void
who_is_slow_to_show_is_waited_for_once(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    struct witness_health h;
    int n = 0;

    (void)state;
    begin(&w, two);
    assert_code(ask(&w, 4, &n, &e), SELFSAME_OK, &e);
    atomic_store(&w.w[1].mode, LARGER);
    atomic_store(&w.w[1].shows, signed_note(&w, 0, 60));
    atomic_store(&w.w[1].slow_ms, -1);
    int64_t began_ms = net_clock_ms();
    assert_code(ask(&w, 9, &n, &e), SELFSAME_OK, &e);
    assert_in_range(net_clock_ms() - began_ms, 1900, 3500);
    witness_client_health(w.client, 1, &h);
    assert_int_equal(h.unproven, 1);
    assert_non_null(strstr(h.why, "60 entries; no answer in time"));
    began_ms = net_clock_ms();
    enum selfsame_code code = ask(&w, 10, &n, &e);
    assert_true(net_clock_ms() - began_ms < 1500);
    atomic_store(&w.w[1].slow_ms, 0);
    for (int i = 0; i < 4 && code == SELFSAME_OK; i++) {
        (void)usleep(1000000);
        code = ask(&w, 11, &n, &e);
    }
    assert_code(code, SELFSAME_IO, &e);
    end(&w);
}

/* One that cosigns between its claims does not get a whole round for each of them. */
static void
whoever_claims_again_is_not_waited_for_again(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, two);
    assert_code(ask(&w, 4, &n, &e), SELFSAME_OK, &e);
    atomic_store(&w.w[1].slow_ms, -1);
    for (uint64_t size = 9; size < 13; size += 3) {
        atomic_store(&w.w[1].mode, LARGER);
        int64_t began_ms = net_clock_ms();
        assert_code(ask(&w, size, &n, &e), SELFSAME_OK, &e);
        assert_int_equal(n, 2);
        assert_in_range(
            net_clock_ms() - began_ms, size == 9 ? 1900 : 400, size == 9 ? 3500 : 1500);
        atomic_store(&w.w[1].slow_ms, 0);
        atomic_store(&w.w[1].mode, HONEST);
        for (int i = 0; i < 8 && n == 2; i++) {
            (void)usleep(500000);
            assert_code(ask(&w, size + 1, &n, &e), SELFSAME_OK, &e);
        }
        assert_int_equal(n, 3);
        atomic_store(&w.w[1].slow_ms, -1);
    }
    end(&w);
}

/* Who was too late for one checkpoint takes part in the next. */
static void
who_was_late_takes_part_in_the_next(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, "quorum w0\n");
    client_with_grace(&w, 100);
    assert_code(ask(&w, 4, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 3);
    atomic_store(&w.w[1].mode, LATE);
    assert_code(ask(&w, 5, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 2);
    (void)usleep(50000);
    atomic_store(&w.w[1].mode, HONEST);
    (void)usleep(300000);
    assert_code(ask(&w, 9, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 3);
    assert_int_equal(w.w[1].asked, 3); /* it was known that it cosigned 5 */
    end(&w);
}

/* One that was never heard may know more than a copy that was put back: it has longer. */
static void
a_stranger_is_waited_for(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, "quorum w0\n");
    client_with_grace(&w, 20);
    atomic_store(&w.w[1].mode, LATE);
    assert_code(ask(&w, 5, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 3);
    assert_code(ask(&w, 9, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 2);
    end(&w);
}

/* The servers close what is idle for a second. */
static void
connections_that_were_closed_are_opened_again(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    struct witness_health h;
    int n = 0;

    (void)state;
    begin(&w, "group g all w0 w1 w2\nquorum g\n");
    for (uint64_t size = 1; size < 4; size++) {
        assert_code(ask(&w, size, &n, &e), SELFSAME_OK, &e);
        assert_int_equal(n, 3);
        (void)usleep(size == 2 ? 1500000 : 0);
    }
    for (size_t i = 0; i < WITNESSES; i++) {
        assert_int_equal(w.w[i].asked, 3);
        witness_client_health(w.client, i, &h);
        assert_int_equal(h.failed, 0);
    }
    end(&w);
}

static void
without_a_quorum_it_is_enough_to_have_asked(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    int n = 0;

    (void)state;
    begin(&w, "quorum none\n");
    assert_code(ask(&w, 5, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 3);
    end(&w);
}

/* ---- against the witness that is served ---- */

static void *
run_real(void *ctx)
{
    struct witness_service *s = ctx;
    struct selfsame_err e = { 0 };

    assert_code(witness_service_run(s, &e), SELFSAME_OK, &e);
    return NULL;
}

static void
the_real_one_understands(void **state)
{
    char top[] = "/tmp/selfsame-witness.XXXXXX", dir[96], vkey[256];
    auto_arena arena = arena_new(1 << 22);
    struct witness_service_config sc = { .dir = dir };
    auto_witness_service *s = NULL;
    auto_witness_client *client = NULL;
    struct log_policy policy;
    struct net_addr at;
    struct selfsame_err e = { 0 };
    uint64_t branch = 0;
    const struct merkle_source source = { .node = branch_node, .ctx = &branch };
    pthread_t t;
    char *lines;

    (void)state;
    assert_non_null(mkdtemp(top));
    (void)snprintf(dir, sizeof(dir), "%s/w", top);
    world_dir(dir, "witness.example/w1", 2, 1, vkey, sizeof(vkey));
    assert_code(net_addr_parse("127.0.0.1:0", 0, &sc.listen, &e), SELFSAME_OK, &e);
    assert_code(witness_service_new(&sc, &s, &e), SELFSAME_OK, &e);
    assert_code(witness_service_open(s, &e), SELFSAME_OK, &e);
    witness_service_bound(s, &at);
    assert_int_equal(pthread_create(&t, NULL, run_real, s), 0);
    char *text = arena_printf(&arena,
        "log %s\nwitness w %s http://127.0.0.1:%u\nquorum w\n", log_vkey(&arena), vkey,
        (unsigned)at.port);
    assert_code(
        log_policy_parse(bytes_str(text), &arena, &policy, &e), SELFSAME_OK, &e);
    for (uint64_t size = 0; size < 40; size += 3) {
        const struct witness_client_config c = { .policy = &policy };
        const struct checkpoint k = world_checkpoint(origin, 0, size);

        if (size % 4 == 0) { /* as after a start */
            witness_client_free(&client);
            assert_code(witness_client_new(&c, &client, &e), SELFSAME_OK, &e);
        }
        assert_code(witness_client_ask(client, world_note(&k, &arena), &k, &source,
                        &arena, &lines, &e),
            SELFSAME_OK, &e);
    }
    /* Another tree of the same size, and one that is behind. */
    branch = 1;
    struct checkpoint k = world_checkpoint(origin, 1, 39);
    assert_code(witness_client_ask(
                    client, world_note(&k, &arena), &k, &source, &arena, &lines, &e),
        SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "w has cosigned 39 entries"));
    assert_non_null(strstr(err_text(&e), "forked"));
    assert_non_null(
        strstr(witness_client_evidence(client, &arena), "log.example/0\n39\n"));
    branch = 0;
    k = world_checkpoint(origin, 0, 20);
    witness_client_free(&client);
    const struct witness_client_config c = { .policy = &policy };
    assert_code(witness_client_new(&c, &client, &e), SELFSAME_OK, &e);
    assert_code(witness_client_ask(
                    client, world_note(&k, &arena), &k, &source, &arena, &lines, &e),
        SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "older copy"));
    witness_service_stop(s);
    (void)pthread_join(t, NULL);
    assert_code(dir_remove(top, &e), SELFSAME_OK, &e);
}

static void *
hurry_soon(void *client)
{
    (void)usleep(300000);
    witness_client_hurry(client, 200);
    return NULL;
}

static void
an_end_does_not_wait_for_a_silent_one(void **state)
{
    struct world w;
    struct witness_client *client = NULL;
    auto_arena arena = arena_new(1 << 22);
    struct selfsame_err e = { 0 };
    uint64_t branch = 0;
    const struct merkle_source s = { .node = branch_node, .ctx = &branch };
    const struct checkpoint c = world_checkpoint(origin, 0, 5);
    char *lines = NULL;
    pthread_t t;

    (void)state;
    begin(&w, "group all all w0 w1 w2\nquorum all\n");
    w.w[1].mode = SILENT;
    const struct witness_client_config config = { .policy = &w.policy,
        .timeout_ms = 60000 };
    assert_code(witness_client_new(&config, &client, &e), SELFSAME_OK, &e);
    const int64_t began_ms = net_clock_ms();
    assert_int_equal(pthread_create(&t, NULL, hurry_soon, client), 0);
    assert_code(
        witness_client_ask(client, world_note(&c, &arena), &c, &s, &arena, &lines, &e),
        SELFSAME_LOG, &e);
    (void)pthread_join(t, NULL);
    assert_true(net_clock_ms() - began_ms < 2000);
    /* Nor does the next round begin to wait. */
    assert_code(
        witness_client_ask(client, world_note(&c, &arena), &c, &s, &arena, &lines, &e),
        SELFSAME_LOG, &e);
    witness_client_free(&client);
    assert_true(net_clock_ms() - began_ms < 5000);
    end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_asked_and_remembered),
        cmocka_unit_test(sizes_that_were_forgotten_are_asked_for),
        cmocka_unit_test(a_bad_one_does_not_hinder_a_quorum),
        cmocka_unit_test(two_bad_ones_are_named),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(what_the_log_signed_is_an_alarm),
        cmocka_unit_test(what_a_witness_merely_says_is_its_failure),
        cmocka_unit_test(nobody_cosigns_a_fork_that_one_can_show),
        cmocka_unit_test(who_never_shows_anything_may_cosign),
        cmocka_unit_test(who_is_slow_to_show_is_waited_for_once),
        cmocka_unit_test(whoever_claims_again_is_not_waited_for_again),
        cmocka_unit_test(a_stranger_is_waited_for),
        cmocka_unit_test(who_was_late_takes_part_in_the_next),
        cmocka_unit_test(connections_that_were_closed_are_opened_again),
        cmocka_unit_test(without_a_quorum_it_is_enough_to_have_asked),
        cmocka_unit_test(the_real_one_understands),
        cmocka_unit_test(an_end_does_not_wait_for_a_silent_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
