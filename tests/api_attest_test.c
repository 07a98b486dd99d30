/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <selfsame/attest.h>

#include "appraise/appraise.h"
#include "codec/cmw.h"
#include "tee/tee.h"

#include <pthread.h>
#include <sched.h>

/*
 * A toy TEE stands in the table instead of the real ones: its evidence is what it
 * was asked, so that the test sees what would have been signed.
 */
static bool is_present, fails;
static int inside; /* calls at the same time */

static bool endorsed;

static bool
present(const char *device)
{
    return is_present && (device == NULL || strcmp(device, "/dev/toy") == 0);
}

static enum selfsame_code
collect(const struct tee_report_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    if (fails)
        FAIL(e, SELFSAME_IO, "the toy is broken");
    if (++inside != 1)
        FAIL(e, SELFSAME_INTERNAL, "two calls at once");
    (void)sched_yield();
    inside--;
    uint8_t *buf = arena_alloc(arena, 1, 4096);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room");
    struct writer w = writer_of(buf, 4096);
    put_bytes(&w, BYTES(q->binder64, 64));
    put_bytes(&w, q->nonce);
    put_bytes(&w, q->public_key);
    *ret = (struct tee_collected){ .evidence = writer_bytes(&w) };
    if (endorsed)
        ret->endorsement = BYTES_LIT("from the host");
    return SELFSAME_OK;
}

static enum selfsame_code
extend(const char *device, unsigned index, struct selfsame_bytes digest,
    uint8_t ret[static TEE_REGISTER], struct selfsame_err *e)
{
    if (device == NULL || strcmp(device, "/dev/toy") != 0 || digest.len != TEE_REGISTER)
        FAIL(e, SELFSAME_USAGE, "the toy was asked for something else");
    memset(ret, (int)index, TEE_REGISTER);
    return SELFSAME_OK;
}

static struct tee_attester toy = {
    .name = "toy",
    .media_type = "application/toy",
    .endorsement_type = "application/toy-certs",
    .present = present,
    .collect = collect,
};

const struct tee_attester *
tee_attester_at(size_t i)
{
    return i == 0 ? &toy : NULL;
}

static int
reset(void **state)
{
    (void)state;
    is_present = true;
    fails = false;
    endorsed = false;
    return 0;
}

#define NONCE BYTES_LIT("12345678")
#define SPKI BYTES_LIT("a public key")
static const uint8_t exporter[32] = { 7 };

/* The record holds what the toy was asked: binder, nonce, key. */
static void
check_record(
    uint8_t *cmw, size_t len, const struct binder *b, struct selfsame_bytes key)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    uint8_t want[64 + 8 + 64];
    struct writer w = writer_of(want, sizeof(want));
    struct cmw record;

    assert_code(cmw_parse(BYTES(cmw, len), &arena, &record, &e), SELFSAME_OK, &e);
    assert_false(record.collection);
    assert_int_equal(record.entries[0].ind, CMW_EVIDENCE);
    assert_bytes(record.entries[0].type, BYTES_LIT("application/toy"));
    assert_true(binder64(b, want));
    w.len = 64;
    put_bytes(&w, NONCE);
    put_bytes(&w, key);
    assert_bytes(record.entries[0].value, writer_bytes(&w));
    selfsame_free(cmw);
}

static void
evidence_about_a_key_carries_the_key_binder(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct selfsame_attester *a;
    struct binder b;
    uint8_t *cmw;
    size_t len;

    assert_code(selfsame_attester_open("/dev/toy", &a, &e), SELFSAME_OK, &e);
    assert_string_equal(selfsame_attester_tee(a), "toy");
    assert_code(selfsame_attest_key(a, NONCE, SPKI, &cmw, &len, &e), SELFSAME_OK, &e);
    assert_true(binder_http(&b, NONCE, SPKI));
    check_record(cmw, len, &b, SPKI);
    assert_code(
        selfsame_attest_key(a, NONCE, BYTES_NONE, &cmw, &len, &e), SELFSAME_OK, &e);
    assert_true(binder_http(&b, NONCE, BYTES_NONE));
    check_record(cmw, len, &b, BYTES_NONE);
    selfsame_attester_close(a);
    selfsame_attester_close(NULL);
}

/* What the host gave along travels beside the evidence, marked as an endorsement. */
static void
endorsements_make_it_a_collection(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct selfsame_attester *a;
    struct cmw cmw;
    uint8_t *bytes;
    size_t len;

    (void)state;
    endorsed = true;
    assert_code(selfsame_attester_open("/dev/toy", &a, &e), SELFSAME_OK, &e);
    assert_code(selfsame_attest_key(a, NONCE, SPKI, &bytes, &len, &e), SELFSAME_OK, &e);
    assert_code(cmw_parse(BYTES(bytes, len), &arena, &cmw, &e), SELFSAME_OK, &e);
    assert_true(cmw.collection);
    assert_int_equal(cmw.count, 2);
    const struct cmw_entry *evidence = cmw_label(&cmw, "evidence"),
                           *along = cmw_label(&cmw, "endorsements");
    assert_int_equal(evidence->ind, CMW_EVIDENCE);
    assert_bytes(evidence->type, BYTES_LIT("application/toy"));
    assert_int_equal(along->ind, CMW_ENDORSEMENTS);
    assert_bytes(along->type, BYTES_LIT("application/toy-certs"));
    assert_bytes(along->value, BYTES_LIT("from the host"));
    selfsame_free(bytes);
    selfsame_attester_close(a);
}

static void
evidence_about_a_session_carries_the_session_binder(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct selfsame_attester *a;
    struct binder b;
    uint8_t *cmw;
    size_t len;

    assert_code(selfsame_attester_open(NULL, &a, &e), SELFSAME_OK, &e);
    assert_code(selfsame_attest_session(a, BYTES_LIT("request"), NONCE,
                    BYTES_ARR(exporter), SPKI, &cmw, &len, &e),
        SELFSAME_OK, &e);
    assert_true(binder_session(
        &b, BINDER_SERVER, BYTES_LIT("request"), BYTES_ARR(exporter), SPKI));
    check_record(cmw, len, &b, SPKI);
    selfsame_attester_close(a);
}

static void
wrong_lengths_are_usage(void **state)
{
    (void)state;
    static const uint8_t long_nonce[513];
    struct selfsame_err e = { 0 };
    struct selfsame_attester *a;
    uint8_t *cmw = NULL;
    size_t len;

    assert_code(selfsame_attester_open(NULL, &a, &e), SELFSAME_OK, &e);
    assert_code(selfsame_attest_key(a, BYTES_LIT("1234567"), SPKI, &cmw, &len, &e),
        SELFSAME_USAGE, &e);
    assert_code(selfsame_attest_key(a, BYTES_ARR(long_nonce), SPKI, &cmw, &len, &e),
        SELFSAME_USAGE, &e);
    assert_code(selfsame_attest_session(
                    a, BYTES_NONE, NONCE, BYTES_ARR(exporter), SPKI, &cmw, &len, &e),
        SELFSAME_USAGE, &e);
    assert_code(selfsame_attest_session(a, BYTES_LIT("r"), NONCE, BYTES(exporter, 31),
                    SPKI, &cmw, &len, &e),
        SELFSAME_USAGE, &e);
    assert_code(selfsame_attest_session(a, BYTES_LIT("r"), NONCE, BYTES_ARR(exporter),
                    BYTES_NONE, &cmw, &len, &e),
        SELFSAME_USAGE, &e);
    assert_null(cmw);
    selfsame_attester_close(a);
}

static void
no_tee_and_a_broken_tee_are_told_apart(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct selfsame_attester *a = NULL;
    uint8_t *cmw = NULL;
    size_t len;

    assert_code(selfsame_attester_open("/dev/null", &a, &e), SELFSAME_IO, &e);
    is_present = false;
    assert_code(selfsame_attester_open(NULL, &a, &e), SELFSAME_UNSUPPORTED, &e);
    assert_non_null(e.remedy);
    assert_null(a);
    is_present = fails = true;
    assert_code(selfsame_attester_open(NULL, &a, &e), SELFSAME_OK, &e);
    assert_code(selfsame_attest_key(a, NONCE, SPKI, &cmw, &len, &e), SELFSAME_IO, &e);
    assert_null(cmw);
    selfsame_attester_close(a);
}

static void
registers_are_those_of_the_tee(void **state)
{
    (void)state;
    static const uint8_t digest[TEE_REGISTER] = { 1 };
    struct selfsame_err e = { 0 };
    struct selfsame_attester *a;
    uint8_t value[SELFSAME_REGISTER] = { 0xaa };

    assert_code(selfsame_attester_open("/dev/toy", &a, &e), SELFSAME_OK, &e);
    assert_code(selfsame_attest_extend(a, 3, BYTES_ARR(digest), value, &e),
        SELFSAME_UNSUPPORTED, &e);
    assert_non_null(strstr(err_text(&e), "nothing was measured"));
    toy.extend = extend;
    assert_code(
        selfsame_attest_extend(a, 3, BYTES(digest, 47), value, &e), SELFSAME_USAGE, &e);
    assert_int_equal(value[0], 0xaa);
    assert_code(
        selfsame_attest_extend(a, 3, BYTES_ARR(digest), value, &e), SELFSAME_OK, &e);
    assert_int_equal(value[47], 3);
    toy.extend = NULL;
    selfsame_attester_close(a);
}

static void *
work(void *arg)
{
    struct selfsame_err e = { 0 };
    uint8_t *cmw;
    size_t len;

    for (int i = 0; i < 200; i++) {
        if (selfsame_attest_key(arg, NONCE, SPKI, &cmw, &len, &e) != SELFSAME_OK)
            return arg;
        selfsame_free(cmw);
    }
    return NULL;
}

static void
threads_take_turns(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct selfsame_attester *a;
    pthread_t thread[4];
    void *failed;

    assert_code(selfsame_attester_open(NULL, &a, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, a), 0);
    for (size_t i = 0; i < COUNT(thread); i++) {
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    selfsame_attester_close(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(evidence_about_a_key_carries_the_key_binder, reset),
        cmocka_unit_test_setup(endorsements_make_it_a_collection, reset),
        cmocka_unit_test_setup(
            evidence_about_a_session_carries_the_session_binder, reset),
        cmocka_unit_test_setup(wrong_lengths_are_usage, reset),
        cmocka_unit_test_setup(no_tee_and_a_broken_tee_are_told_apart, reset),
        cmocka_unit_test_setup(threads_take_turns, reset),
        cmocka_unit_test_setup(registers_are_those_of_the_tee, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
