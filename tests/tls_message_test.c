/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cbor.h"
#include "tls/message.h"

/* docs/formats/attest-messages.md, test vector */
static const char request_hex[] =
    "a40101025820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "0382736170706c69636174696f6e2f6561742b63777478216170706c69636174696f6e2f766e"
    "642e6174746573742e6e6974726f2b63626f720401";

static struct attest_request
vector_request(uint8_t nonce[static ATTEST_NONCE])
{
    for (size_t i = 0; i < ATTEST_NONCE; i++)
        nonce[i] = (uint8_t)i;
    return (struct attest_request){
        .nonce = BYTES(nonce, ATTEST_NONCE),
        .types = { BYTES_LIT("application/eat+cwt"),
            BYTES_LIT("application/vnd.attest.nitro+cbor") },
        .type_count = 2,
        .mode = ATTEST_EVIDENCE,
    };
}

static void
the_request_vector_is_written_and_read(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    uint8_t nonce[ATTEST_NONCE];
    struct attest_request m = vector_request(nonce), got;
    struct selfsame_bytes bytes;

    (void)state;
    assert_code(attest_request_encode(&m, &arena, &bytes, &e), SELFSAME_OK, &e);
    assert_bytes(bytes, unhex(request_hex, &arena));
    assert_code(attest_request_parse(bytes, &got, &e), SELFSAME_OK, &e);
    assert_bytes(got.nonce, m.nonce);
    assert_int_equal(got.type_count, 2);
    assert_int_equal(got.mode, ATTEST_EVIDENCE);
    assert_true(attest_request_accepts(&got, m.types[1]));
    assert_false(attest_request_accepts(&got, BYTES_LIT("application/eat")));
}

static struct attest_request
full_request(uint8_t nonce[static ATTEST_NONCE])
{
    struct attest_request m = vector_request(nonce);

    m.flags = ATTEST_WANT_RELEASE | ATTEST_WANT_ENDORSEMENTS;
    m.hint = BYTES_LIT("hint");
    return m;
}

static struct attest_response
full_response(void)
{
    return (struct attest_response){
        .cmw = BYTES_LIT("\x82\x61t\x41\x00"),
        .release = BYTES_LIT("proof"),
        .endorsements = BYTES_LIT("\x80"),
        .request = BYTES_LIT("\xa0"),
        .signature = BYTES_LIT("sig"),
    };
}

static void
optional_members_survive_a_round_trip(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    uint8_t nonce[ATTEST_NONCE];
    struct attest_request q = full_request(nonce), q2;
    struct attest_response r = full_response(), r2;
    struct attest_ack a = { .status = ATTEST_REFUSED, .error = BYTES_LIT("no") }, a2;
    struct selfsame_bytes b;

    (void)state;
    assert_code(attest_request_encode(&q, &arena, &b, &e), SELFSAME_OK, &e);
    assert_code(attest_request_parse(b, &q2, &e), SELFSAME_OK, &e);
    assert_int_equal(q2.flags, 3);
    assert_bytes(q2.hint, q.hint);
    assert_code(attest_response_encode(&r, &arena, &b, &e), SELFSAME_OK, &e);
    assert_code(attest_response_parse(b, &r2, &e), SELFSAME_OK, &e);
    assert_bytes(r2.cmw, r.cmw);
    assert_bytes(r2.release, r.release);
    assert_bytes(r2.endorsements, r.endorsements);
    assert_bytes(r2.request, r.request);
    assert_bytes(r2.signature, r.signature);
    assert_null(r2.error.ptr);
    assert_code(attest_ack_encode(&a, &arena, &b, &e), SELFSAME_OK, &e);
    assert_code(attest_ack_parse(b, &a2, &e), SELFSAME_OK, &e);
    assert_int_equal(a2.status, ATTEST_REFUSED);
    assert_bytes(a2.error, a.error);
}

#define NONCE_HEX                                                          \
    "02582000000000000000000000000000000000000000000000000000000000000000" \
    "00"

static void
wrong_requests_are_refused(void **state)
{
    static const struct {
        const char *why, *hex;
    } bad[] = {
        { "version 2", "a40102" NONCE_HEX "03816161"
                       "0401" },
        { "no version", "a3" NONCE_HEX "03816161"
                        "0401" },
        { "no nonce", "a3010103816161"
                      "0401" },
        { "no types", "a30101" NONCE_HEX "0401" },
        { "no mode", "a30101" NONCE_HEX "03816161" },
        { "empty types", "a40101" NONCE_HEX "0380"
                         "0401" },
        { "empty type", "a40101" NONCE_HEX "038160"
                        "0401" },
        { "types are bytes", "a40101" NONCE_HEX "03814161"
                             "0401" },
        { "nonce of 31 bytes", "a40101"
                               "02581f"
                               "00000000000000000000000000000000"
                               "000000000000000000000000000000"
                               "03816161"
                               "0401" },
        { "mode 0", "a40101" NONCE_HEX "03816161"
                    "0400" },
        { "mode 4", "a40101" NONCE_HEX "03816161"
                    "0404" },
        { "flags 0", "a50101" NONCE_HEX "03816161"
                     "0401"
                     "0500" },
        { "flags 4", "a50101" NONCE_HEX "03816161"
                     "0401"
                     "0504" },
        { "unknown member 7", "a50101" NONCE_HEX "03816161"
                              "0401"
                              "0700" },
        { "text key", "a50101" NONCE_HEX "03816161"
                      "0401"
                      "616100" },
        { "out of order", "a4" NONCE_HEX "0101"
                          "03816161"
                          "0401" },
        { "twice", "a501010101" NONCE_HEX "03816161"
                   "0401" },
        { "long length", "a4180101" NONCE_HEX "03816161"
                         "0401" },
        { "indefinite", "bf0101" NONCE_HEX "03816161"
                        "0401ff" },
        { "an array", "80" },
        { "nothing", "" },
    };
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct attest_request m;
        if (attest_request_parse(unhex(bad[i].hex, &arena), &m, &e) !=
            SELFSAME_MALFORMED)
            fail_msg("accepted: %s", bad[i].why);
    }
}

static void
wrong_responses_are_refused(void **state)
{
    static const struct {
        const char *why, *hex;
    } bad[] = {
        { "no status", "a1010103" },
        { "ok without evidence", "a201010200" },
        { "ok with an error", "a4010102000380086161" },
        { "failure with evidence", "a3010102010380" },
        { "unknown member 9", "a401010200"
                              "0380"
                              "0900" },
        { "unknown member 10", "a401010200"
                               "0380"
                               "0a00" },
        { "release is text", "a401010200"
                             "0380"
                             "046161" },
        { "error is bytes", "a301010201"
                            "084161" },
        { "evidence with a trailing byte", "a301010200038000" },
    };
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct attest_response m;
        if (attest_response_parse(unhex(bad[i].hex, &arena), &m, &e) !=
            SELFSAME_MALFORMED)
            fail_msg("accepted: %s", bad[i].why);
    }
}

static void
wrong_acks_are_refused(void **state)
{
    static const char *const bad[] = { "a10101", "a10200",
        "a3010102000861"
        "61",
        "a301010200"
        "0300",
        "a201020200", "a20101020000" };
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct attest_ack m;
        if (attest_ack_parse(unhex(bad[i], &arena), &m, &e) != SELFSAME_MALFORMED)
            fail_msg("accepted: %s", bad[i]);
    }
}

/* Every truncation, one byte appended, every bit: refused, or another value in the same encoding. */
static void
sweep(struct selfsame_bytes good,
    enum selfsame_code (*again)(struct selfsame_bytes in, struct arena *arena,
        struct selfsame_bytes *ret, struct selfsame_err *e))
{
    auto_arena arena = arena_new(64 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out;
    uint8_t *copy = arena_alloc(&arena, 1, good.len + 1);

    assert_non_null(copy);
    memcpy(copy, good.ptr, good.len);
    assert_code(again(good, &arena, &out, &e), SELFSAME_OK, &e);
    assert_bytes(out, good);
    for (size_t n = 0; n < good.len; n++)
        assert_code(again(BYTES(copy, n), &arena, &out, &e), SELFSAME_MALFORMED, &e);
    assert_code(
        again(BYTES(copy, good.len + 1), &arena, &out, &e), SELFSAME_MALFORMED, &e);
    for (size_t bit = 0; bit < good.len * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum selfsame_code code = again(BYTES(copy, good.len), &arena, &out, &e);
        if (code == SELFSAME_OK)
            assert_bytes(out, BYTES(copy, good.len));
        else
            assert_int_equal(code, SELFSAME_MALFORMED);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static enum selfsame_code
again_request(struct selfsame_bytes in, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct attest_request m;

    TRY(attest_request_parse(in, &m, e));
    return attest_request_encode(&m, arena, ret, e);
}

static enum selfsame_code
again_response(struct selfsame_bytes in, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct attest_response m;

    TRY(attest_response_parse(in, &m, e));
    return attest_response_encode(&m, arena, ret, e);
}

static enum selfsame_code
again_ack(struct selfsame_bytes in, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct attest_ack m;

    TRY(attest_ack_parse(in, &m, e));
    return attest_ack_encode(&m, arena, ret, e);
}

static void
changed_messages_are_refused_or_mean_something_else(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    uint8_t nonce[ATTEST_NONCE];
    struct attest_request q = full_request(nonce);
    struct attest_response r = full_response();
    struct attest_ack a = { .status = ATTEST_REFUSED,
        .error = BYTES_LIT("no"),
        .response = BYTES_LIT("\xa0") };
    struct selfsame_bytes b;

    (void)state;
    assert_code(attest_request_encode(&q, &arena, &b, &e), SELFSAME_OK, &e);
    sweep(b, again_request);
    assert_code(attest_response_encode(&r, &arena, &b, &e), SELFSAME_OK, &e);
    sweep(b, again_response);
    assert_code(attest_ack_encode(&a, &arena, &b, &e), SELFSAME_OK, &e);
    sweep(b, again_ack);
}

static void
a_full_arena_is_nomem(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct attest_response r = full_response();
    struct selfsame_bytes b = BYTES_NONE;

    (void)state;
    arena.fail_at = 1;
    assert_code(attest_response_encode(&r, &arena, &b, &e), SELFSAME_NOMEM, &e);
    assert_null(b.ptr);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_vector_is_written_and_read),
        cmocka_unit_test(optional_members_survive_a_round_trip),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(wrong_responses_are_refused),
        cmocka_unit_test(wrong_acks_are_refused),
        cmocka_unit_test(changed_messages_are_refused_or_mean_something_else),
        cmocka_unit_test(a_full_arena_is_nomem),
    };

    return cmocka_run_group_tests_name("tls/message", tests, NULL, NULL);
}
