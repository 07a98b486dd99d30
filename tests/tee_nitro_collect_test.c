/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_nitro.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const uint8_t binder[64] = { 0xb1, 0xb2, 0xb3 };

/* A document, without what other TEEs get along with theirs. */
static enum selfsame_code
nitro_collect(const struct tee_report_request *q, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct tee_collected got = { BYTES_NONE, BYTES_NONE };
    enum selfsame_code code = nitro_attester.collect(q, arena, &got, e);

    if (code == SELFSAME_OK) {
        assert_null(got.endorsement.ptr);
        *ret = got.evidence;
    }
    return code;
}

static void
requests_have_the_bytes_of_the_protocol(void **state)
{
    static const struct {
        struct nsm_request q;
        const char *hex;
    } rows[] = {
        { { .op = NSM_DESCRIBE_NSM }, "6b44657363726962654e534d" },
        { { .op = NSM_GET_RANDOM }, "6947657452616e646f6d" },
        { { .op = NSM_DESCRIBE_PCR, .index = 24 },
            "a16b4465736372696265504352a165696e6465781818" },
        { { .op = NSM_EXTEND_PCR, .index = 16, .data = { (const uint8_t *)"\1\2", 2 } },
            "a169457874656e64504352a265696e646578106464617461420102" },
        { { .op = NSM_LOCK_PCR, .index = 3 }, "a1674c6f636b504352a165696e64657803" },
        { { .op = NSM_LOCK_PCRS, .index = 32 },
            "a1684c6f636b50435273a16572616e67651820" },
        { { .op = NSM_ATTESTATION, .nonce = { (const uint8_t *)"\xaa", 1 } },
            "a16b4174746573746174696f6ea369757365725f64617461f6656e6f6e636541aa6a707562"
            "6c"
            "69635f6b6579f6" },
    };
    auto_arena arena = arena_new(1 << 16);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selfsame_err e = { .depth = 0 };
        struct nsm_request back;
        uint8_t buf[256];
        struct writer w = writer_of(buf, sizeof(buf));

        nsm_request_put(&w, &rows[i].q);
        assert_bytes(writer_bytes(&w), unhex(rows[i].hex, &arena));
        assert_code(nsm_request_parse(writer_bytes(&w), &back, &e), SELFSAME_OK, &e);
        assert_int_equal(back.op, rows[i].q.op);
        assert_true(back.index == rows[i].q.index);
        assert_bytes(back.data, rows[i].q.data);
        assert_bytes(back.nonce, rows[i].q.nonce);
        for (size_t n = 0; n < w.len; n++)
            assert_code(
                nsm_request_parse(BYTES(buf, n), &back, &e), SELFSAME_MALFORMED, &e);
    }
}

static void
requests_out_of_form_are_refused(void **state)
{
    static const char *const rows[] = {
        "6a446573637269626553544d",                   /* no such name */
        "69457874656e64504352",                       /* ExtendPCR without fields */
        "a0",                                         /* nothing asked */
        "a26947657452616e646f6da0674c6f636b504352a0", /* two at once */
        "a1674c6f636b504352a0",                       /* no index */
        "a1674c6f636b504352a16572616e676503",         /* another's field */
        "a1674c6f636b504352a265696e646578036572616e676503", /* one too many */
        "a1674c6f636b504352a165696e64657820",               /* index -1 */
        "a1674c6f636b504352a165696e6465780300",             /* a byte more */
    };
    auto_arena arena = arena_new(1 << 16);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selfsame_err e = { .depth = 0 };
        struct nsm_request q;

        assert_code(
            nsm_request_parse(unhex(rows[i], &arena), &q, &e), SELFSAME_MALFORMED, &e);
    }
}

static void
every_error_name_has_its_class(void **state)
{
    static const struct {
        const char *name;
        enum selfsame_code code;
    } rows[] = {
        { "InvalidArgument", SELFSAME_USAGE },
        { "InvalidIndex", SELFSAME_USAGE },
        { "InvalidResponse", SELFSAME_IO },
        { "ReadOnlyIndex", SELFSAME_DENIED },
        { "InvalidOperation", SELFSAME_UNSUPPORTED },
        { "BufferTooSmall", SELFSAME_IO },
        { "InputTooLarge", SELFSAME_USAGE },
        { "InternalError", SELFSAME_IO },
        { "NeverHeardOf", SELFSAME_IO },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selfsame_err e = { .depth = 0 };
        struct nsm_response back, r = { .error = rows[i].name };
        uint8_t buf[64];
        struct writer w = writer_of(buf, sizeof(buf));

        nsm_response_put(&w, &r);
        assert_code(nsm_response_parse(writer_bytes(&w), NSM_ATTESTATION, &back, &e),
            rows[i].code, &e);
        if (i + 1 < COUNT(rows))
            assert_non_null(strstr(err_text(&e), rows[i].name));
    }
}

static void
an_answer_to_another_request_is_refused(void **state)
{
    struct selfsame_err e = { .depth = 0 };
    struct nsm_response back, r = { .op = NSM_EXTEND_PCR, .bytes = BYTES_ARR(binder) };
    uint8_t buf[128];
    struct writer w = writer_of(buf, sizeof(buf));

    (void)state;
    nsm_response_put(&w, &r);
    assert_code(nsm_response_parse(writer_bytes(&w), NSM_ATTESTATION, &back, &e),
        SELFSAME_MALFORMED, &e);
    assert_code(nsm_response_parse(writer_bytes(&w), NSM_EXTEND_PCR, &back, &e),
        SELFSAME_OK, &e);
    assert_code(nsm_response_parse(BYTES_LIT("\xa1\x6b"
                                             "Attestation\xa0"),
                    NSM_ATTESTATION, &back, &e),
        SELFSAME_MALFORMED, &e);
    for (size_t n = 0; n < w.len; n++)
        assert_code(nsm_response_parse(BYTES(buf, n), NSM_EXTEND_PCR, &back, &e),
            SELFSAME_MALFORMED, &e);
}

/* ---- the simulated device ---- */

struct device {
    struct machine m;
    void *state;
};

static void
device_start(struct device *d, uint64_t defects)
{
    struct selfsame_err e = { .depth = 0 };

    machine_start(&d->m);
    const struct sim_subject subject = { .measured = d->m.measured,
        .measured_count = COUNT(d->m.measured),
        .defects = defects };
    assert_code(
        nitro_simulator.device_new(d->m.pki, &subject, &d->state, &e), SELFSAME_OK, &e);
}

static void
device_stop(struct device *d)
{
    nitro_simulator.device_free(d->state);
    machine_stop(&d->m);
}

static struct selfsame_bytes
call_raw(struct device *d, struct selfsame_bytes request, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes answer = BYTES_NONE;

    assert_code(nitro_simulator.device_call(
                    d->state, test_now_s * 1000, request, arena, &answer, &e),
        SELFSAME_OK, &e);
    return answer;
}

static enum selfsame_code
call(struct device *d, struct nsm_request q, struct arena *arena,
    struct nsm_response *ret, struct selfsame_err *e)
{
    uint8_t *buf = arena_alloc(arena, 1, 4 * NSM_REQUEST_MAX);
    struct writer w = writer_of(buf, 4 * NSM_REQUEST_MAX);

    assert_non_null(buf);
    nsm_request_put(&w, &q);
    return nsm_response_parse(call_raw(d, writer_bytes(&w), arena), q.op, ret, e);
}

static void
assert_error(struct device *d, struct nsm_request q, const char *name)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct nsm_response r;

    assert_int_not_equal(call(d, q, &arena, &r, &e), SELFSAME_OK);
    if (strstr(err_text(&e), name) == NULL)
        fail_msg("expected %s, got: %s", name, err_text(&e));
}

static void
registers_extend_until_they_are_locked(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct nsm_response r;
    struct device d;
    uint8_t want[48] = { 0 };

    (void)state;
    device_start(&d, 0);
    const struct nsm_request extend = {
        .op = NSM_EXTEND_PCR, .index = 16, .data = BYTES_LIT("of any length")
    };
    assert_code(call(&d, extend, &arena, &r, &e), SELFSAME_OK, &e);
    assert_true(nitro_pcr_extend(want, extend.data));
    assert_bytes(r.bytes, BYTES_ARR(want));
    assert_code(call(&d, (struct nsm_request){ .op = NSM_DESCRIBE_PCR, .index = 16 },
                    &arena, &r, &e),
        SELFSAME_OK, &e);
    assert_false(r.lock);
    assert_bytes(r.bytes, BYTES_ARR(want));
    const struct nsm_request lock = { .op = NSM_LOCK_PCR, .index = 16 };
    assert_code(call(&d, lock, &arena, &r, &e), SELFSAME_OK, &e);
    assert_error(&d, extend, "ReadOnlyIndex");
    assert_error(&d, lock, "ReadOnlyIndex");
    /* The sixteen below belong to the platform. */
    for (uint64_t i = 0; i < 16; i++)
        assert_error(&d,
            (struct nsm_request){
                .op = NSM_EXTEND_PCR, .index = i, .data = BYTES_LIT("x") },
            "ReadOnlyIndex");
    device_stop(&d);
}

static void
indices_from_32_on_are_invalid(void **state)
{
    static const enum nsm_op ops[] = { NSM_DESCRIBE_PCR, NSM_EXTEND_PCR, NSM_LOCK_PCR };
    struct device d;

    (void)state;
    device_start(&d, 0);
    for (size_t i = 0; i < COUNT(ops); i++)
        assert_error(&d,
            (struct nsm_request){ .op = ops[i], .index = 32, .data = BYTES_LIT("x") },
            "InvalidIndex");
    assert_error(
        &d, (struct nsm_request){ .op = NSM_LOCK_PCRS, .index = 33 }, "InvalidIndex");
    device_stop(&d);
}

static void
a_range_is_locked_twice_without_error(void **state)
{
    static const uint64_t ranges[] = { 0, 18, 18, 32 };
    static const uint32_t locked[] = { 0xffff, 0x3ffff, 0x3ffff, UINT32_MAX };
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct nsm_response r;
    struct device d;

    (void)state;
    device_start(&d, 0);
    for (size_t i = 0; i < COUNT(ranges); i++) {
        assert_code(
            call(&d, (struct nsm_request){ .op = NSM_LOCK_PCRS, .index = ranges[i] },
                &arena, &r, &e),
            SELFSAME_OK, &e);
        assert_code(
            call(&d, (struct nsm_request){ .op = NSM_DESCRIBE_NSM }, &arena, &r, &e),
            SELFSAME_OK, &e);
        assert_int_equal(r.locked, locked[i]);
        assert_int_equal(r.max_pcrs, 32);
        assert_true(bytes_has_prefix(r.module_id, BYTES_LIT("sim-i-")));
    }
    device_stop(&d);
}

/* The kernel's own random source reads these very bytes (drivers/misc/nsm.c). */
static void
random_comes_in_256_bytes_in_the_form_the_driver_reads(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct device d;

    (void)state;
    device_start(&d, 0);
    struct selfsame_bytes a = call_raw(&d, BYTES_LIT("\x69GetRandom"), &arena);
    struct selfsame_bytes b = call_raw(&d, BYTES_LIT("\x69GetRandom"), &arena);
    assert_true(
        bytes_has_prefix(a, BYTES_LIT("\xa1\x69GetRandom\xa1\x66random\x59\x01\0")));
    assert_int_equal(a.len, 1 + 10 + 1 + 7 + 3 + 256);
    assert_false(bytes_eq(a, b));
    device_stop(&d);
}

static void
a_document_shows_locked_registers_only(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct nsm_response r;
    struct device d;

    (void)state;
    device_start(&d, 0);
    assert_code(call(&d, (struct nsm_request){ .op = NSM_LOCK_PCR, .index = 20 },
                    &arena, &r, &e),
        SELFSAME_OK, &e);
    const struct nsm_request q = {
        .op = NSM_ATTESTATION, .user_data = BYTES_ARR(binder), .nonce = BYTES_LIT("n")
    };
    assert_code(call(&d, q, &arena, &r, &e), SELFSAME_OK, &e);
    struct judgement j = judge_at(r.bytes, test_now_s, &arena);
    assert_code(j.code, SELFSAME_OK, &j.err);
    assert_non_null(claims_find(&j.claims, "pcr.15"));
    assert_null(claims_find(&j.claims, "pcr.16"));
    assert_non_null(claims_find(&j.claims, "pcr.20"));
    assert_bytes(j.claims.report_data, BYTES_ARR(binder));
    device_stop(&d);
}

static void
bad_requests_are_answered_with_an_error(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    uint8_t *large = arena_alloc(&arena, 1, NSM_REQUEST_MAX + 1);
    struct device d;

    (void)state;
    assert_non_null(large);
    device_start(&d, 0);
    assert_bytes(call_raw(&d, BYTES_LIT("\x67Nothing"), &arena),
        BYTES_LIT("\xa1\x65"
                  "Error\x70InvalidOperation"));
    assert_bytes(
        call_raw(&d, BYTES_NONE, &arena), BYTES_LIT("\xa1\x65"
                                                    "Error\x70InvalidOperation"));
    assert_bytes(call_raw(&d, BYTES(large, NSM_REQUEST_MAX + 1), &arena),
        BYTES_LIT("\xa1\x65"
                  "Error\x6dInputTooLarge"));
    assert_error(&d,
        (struct nsm_request){ .op = NSM_ATTESTATION, .nonce = BYTES(large, 1025) },
        "InputTooLarge");
    device_stop(&d);
}

/* ---- collecting, over the simulator's transport ---- */

struct server {
    struct device *device;
    int listener;
    char path[128], name[160];
    size_t cut;                  /* answer bytes kept back */
    uint32_t claim;              /* length said instead, 0: the real one */
    struct selfsame_bytes other; /* answered instead of the device's */
    pthread_t thread;
};

static void
receive(int fd, uint8_t *buf, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, buf + got, len - got, 0);

        if (n <= 0)
            return;
        got += (size_t)n;
    }
}

static void *
serve_one(void *arg)
{
    auto_arena arena = arena_new(1 << 20);
    struct server *s = arg;
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes answer = s->other;
    uint8_t head[4] = { 0 }, request[NSM_REQUEST_MAX];
    int fd = accept(s->listener, NULL, NULL);

    receive(fd, head, sizeof(head));
    struct reader r = reader_of(BYTES_ARR(head));
    uint32_t len = get_be32(&r);
    if (len <= sizeof(request))
        receive(fd, request, len);
    if (answer.ptr == NULL &&
        nitro_simulator.device_call(s->device->state, test_now_s * 1000,
            BYTES(request, len), &arena, &answer, &e) != SELFSAME_OK)
        answer = BYTES_NONE;
    struct writer w = writer_of(head, sizeof(head));
    put_be32(&w, s->claim != 0 ? s->claim : (uint32_t)answer.len);
    (void)send(fd, head, sizeof(head), MSG_NOSIGNAL);
    if (answer.len > s->cut)
        (void)send(fd, answer.ptr, answer.len - s->cut, MSG_NOSIGNAL);
    (void)close(fd);
    return NULL;
}

static void
server_start(struct server *s)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };

    (void)snprintf(s->path, sizeof(at.sun_path), P_tmpdir "/selfsame-nsm-%d-%p.sock",
        (int)getpid(), (void *)s);
    (void)snprintf(s->name, sizeof(s->name), "unix:%s", s->path);
    memcpy(at.sun_path, s->path, strlen(s->path));
    (void)unlink(s->path);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->listener >= 0);
    assert_int_equal(bind(s->listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve_one, s), 0);
}

static void
server_stop(struct server *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->listener);
    (void)unlink(s->path);
}

static enum selfsame_code
collect_from(struct server *s, struct selfsame_bytes nonce, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct tee_report_request q = { .binder64 = binder,
        .nonce = nonce,
        .public_key = BYTES_LIT("a key"),
        .device = s->name };

    server_start(s);
    assert_true(nitro_attester.present(s->name));
    enum selfsame_code code = nitro_collect(&q, arena, ret, e);
    server_stop(s);
    return code;
}

static void
a_document_is_collected_for_what_was_asked(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes doc = BYTES_NONE;
    struct device d;
    struct server s = { .device = &d };

    (void)state;
    device_start(&d, 0);
    assert_code(
        collect_from(&s, BYTES_LIT("12345678"), &arena, &doc, &e), SELFSAME_OK, &e);
    struct judgement j = judge_at(doc, test_now_s, &arena);
    assert_code(j.code, SELFSAME_OK, &j.err);
    assert_bytes(j.claims.report_data, BYTES_ARR(binder));
    assert_bytes(j.claims.nonce, BYTES_LIT("12345678"));
    assert_bytes(j.claims.public_key, BYTES_LIT("a key"));
    device_stop(&d);
}

/* guest-side mistake 5: the device answered for somebody else. */
static void
a_document_for_something_else_is_not_passed_on(void **state)
{
    static const uint64_t defects[] = { SIM_WRONG_NONCE, SIM_NO_NONCE,
        SIM_WRONG_BINDING };

    (void)state;
    for (size_t i = 0; i < COUNT(defects); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { .depth = 0 };
        struct selfsame_bytes doc = BYTES_NONE;
        struct device d;
        struct server s = { .device = &d };

        device_start(&d, defects[i]);
        assert_code(collect_from(&s, BYTES_LIT("12345678"), &arena, &doc, &e),
            SELFSAME_UNBOUND, &e);
        assert_null(doc.ptr);
        device_stop(&d);
    }
}

/* guest-side mistake 7: truncated answers, and an error taken for a document. */
static void
broken_answers_are_refused(void **state)
{
    static const struct {
        struct server s;
        enum selfsame_code code;
    } rows[] = {
        { { .cut = 1 }, SELFSAME_IO },
        { { .cut = 100000 }, SELFSAME_IO },
        { { .claim = NSM_RESPONSE_MAX + 1 }, SELFSAME_IO },
        { { .cut = 5000, .claim = 100 }, SELFSAME_IO },
        { { .other = { (const uint8_t *)"\xa1\x65"
                                        "Error\x6dInternalError",
                21 } },
            SELFSAME_IO },
        { { .other = { (const uint8_t *)"\xa1\x65"
                                        "Error\x6dReadOnlyIndex",
                21 } },
            SELFSAME_DENIED },
        { { .other = { (const uint8_t *)"\x67LockPCR", 8 } }, SELFSAME_MALFORMED },
        { { .other = { (const uint8_t *)"\xa1\x6b"
                                        "Attestation\xa1\x68"
                                        "document\x41\x00",
                25 } },
            SELFSAME_MALFORMED },
    };
    struct device d;

    (void)state;
    device_start(&d, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { .depth = 0 };
        struct selfsame_bytes doc = BYTES_NONE;
        struct server s = rows[i].s;

        s.device = &d;
        assert_code(collect_from(&s, BYTES_LIT("12345678"), &arena, &doc, &e),
            rows[i].code, &e);
        assert_null(doc.ptr);
    }
    device_stop(&d);
}

static void
a_missing_device_is_named_with_a_remedy(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    static const char *const devices[] = { "/nonexistent/nsm",
        "unix:/nonexistent/nsm.sock", "/dev/null" };

    (void)state;
    for (size_t i = 0; i < COUNT(devices); i++) {
        struct selfsame_err e = { .depth = 0 };
        struct selfsame_bytes doc = BYTES_NONE;
        const struct tee_report_request q = { .binder64 = binder,
            .device = devices[i] };

        assert_code(nitro_collect(&q, &arena, &doc, &e), SELFSAME_IO, &e);
        assert_non_null(strstr(err_text(&e), devices[i]));
        assert_true(i == 2 || e.remedy != NULL);
        assert_int_equal(nitro_attester.present(devices[i]), i == 2);
    }
}

static void
a_request_over_the_limit_is_refused_before_it_is_sent(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes doc;
    uint8_t *large = arena_alloc(&arena, 1, NSM_REQUEST_MAX);
    const struct tee_report_request q = { .binder64 = binder,
        .nonce = BYTES(large, NSM_REQUEST_MAX),
        .device = "/nonexistent/nsm" };

    (void)state;
    assert_non_null(large);
    assert_code(nitro_collect(&q, &arena, &doc, &e), SELFSAME_USAGE, &e);
}

static void
the_attester_is_listed(void **state)
{
    (void)state;
    /* Last: it takes any device for its own that a caller names. */
    assert_ptr_equal(tee_attester_at(1), &nitro_attester);
    assert_null(tee_attester_at(2));
    assert_ptr_equal(tee_simulator_find("nitro"), &nitro_simulator);
    assert_null(tee_simulator_find("skeleton"));
    const struct tee_simulator *sim;
    for (size_t i = 0; (sim = tee_simulator_at(i)) != NULL; i++) {
        for (uint64_t bit = 1; bit != 0; bit <<= 1)
            if (sim->defects & bit)
                assert_true(
                    sim_defect_from_word(sim, sim_defect_word(sim, bit)) == bit);
        assert_true(sim_defect_from_word(sim, "no-such-defect") == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_have_the_bytes_of_the_protocol),
        cmocka_unit_test(requests_out_of_form_are_refused),
        cmocka_unit_test(every_error_name_has_its_class),
        cmocka_unit_test(an_answer_to_another_request_is_refused),
        cmocka_unit_test(registers_extend_until_they_are_locked),
        cmocka_unit_test(indices_from_32_on_are_invalid),
        cmocka_unit_test(a_range_is_locked_twice_without_error),
        cmocka_unit_test(random_comes_in_256_bytes_in_the_form_the_driver_reads),
        cmocka_unit_test(a_document_shows_locked_registers_only),
        cmocka_unit_test(bad_requests_are_answered_with_an_error),
        cmocka_unit_test(a_document_is_collected_for_what_was_asked),
        cmocka_unit_test(a_document_for_something_else_is_not_passed_on),
        cmocka_unit_test(broken_answers_are_refused),
        cmocka_unit_test(a_missing_device_is_named_with_a_remedy),
        cmocka_unit_test(a_request_over_the_limit_is_refused_before_it_is_sent),
        cmocka_unit_test(the_attester_is_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
