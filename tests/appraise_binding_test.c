/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "appraise/appraise.h"

/* The vector of docs/formats/binder.md. */
static const char request_hex[] =
    "a40101025820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "0382736170706c69636174696f6e2f6561742b63777478216170706c69636174696f6e2f766e"
    "642e6174746573742e6e6974726f2b63626f720401";
static const char spki_hex[] =
    "302a300506032b65700321008a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf374"
    "8801b40f6f5c";
static const char ekm_hex[] =
    "e0e1e2e3e4e5e6e7e8e9eaebecedeeefe0e1e2e3e4e5e6e7e8e9eaebecedeeef";

static struct binder
vector(struct arena *a)
{
    struct binder b;

    assert_true(binder_session(&b, BINDER_SERVER, unhex(request_hex, a),
        unhex(ekm_hex, a), unhex(spki_hex, a)));
    return b;
}

static void
the_published_vector_holds(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct binder b = vector(&a);
    uint8_t wide[64], narrow[32];

    assert_bytes(BYTES_ARR(b.ctx),
        unhex("f4381f7d6d329ac3c286453f189e2acf89652b7d0026817067126ba42a0c23ec", &a));
    assert_bytes(BYTES_ARR(b.spki),
        unhex("fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2", &a));
    assert_bytes(BYTES_ARR(b.extra),
        unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", &a));
    assert_true(binder64(&b, wide));
    assert_bytes(BYTES_ARR(wide),
        unhex("334e2a49a7727bb38d581bb199634e7297810eecff9990087f44f4ae2729707b"
              "733094e756b9fc700057519d7e4edc748b45a86ac630206d9306ec5d7ea6ceb1",
            &a));
    assert_true(binder32(&b, narrow));
    assert_bytes(BYTES_ARR(narrow),
        unhex("b5daeb7dab903883c1b58f3ddf5bbd63666c7c3a8f4b99114f6523236bd75635", &a));
}

static void
every_field_changes_the_binder(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct binder b = vector(&a);
    uint8_t first[64], other[64];
    uint8_t *field[] = { b.ctx, b.spki, b.ekm, b.extra };

    assert_true(binder64(&b, first));
    for (size_t f = 0; f < COUNT(field); f++)
        for (size_t i = 0; i < 32; i++) {
            field[f][i] ^= 1;
            assert_true(binder64(&b, other));
            assert_false(bytes_eq(BYTES_ARR(first), BYTES_ARR(other)));
            field[f][i] ^= 1;
        }
    for (int role = BINDER_CLIENT; role <= BINDER_HTTP; role++) {
        b.role = (enum binder_role)role;
        assert_true(binder64(&b, other));
        assert_false(bytes_eq(BYTES_ARR(first), BYTES_ARR(other)));
    }
}

static void
a_binder_without_role_is_refused(void **state)
{
    (void)state;
    struct binder b = { 0 };
    uint8_t wide[64], narrow[32];

    assert_false(binder64(&b, wide));
    assert_false(binder32(&b, narrow));
}

static void
a_short_exporter_or_no_request_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes ekm = unhex(ekm_hex, &a), request = unhex(request_hex, &a);
    struct binder b = { 0 };

    assert_false(
        binder_session(&b, BINDER_SERVER, request, BYTES(ekm.ptr, 31), BYTES_NONE));
    assert_false(binder_session(&b, BINDER_SERVER, BYTES_NONE, ekm, BYTES_NONE));
    assert_false(binder_http(&b, BYTES_NONE, ekm));
    assert_int_equal(b.role, 0);
}

static void
no_key_is_thirty_two_zero_bytes(void **state)
{
    (void)state;
    struct binder b;

    assert_true(binder_http(&b, BYTES_LIT("12345678"), BYTES_NONE));
    assert_int_equal(b.role, BINDER_HTTP);
    assert_true(bytes_is_zero(BYTES_ARR(b.spki)));
    assert_true(bytes_is_zero(BYTES_ARR(b.ekm)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vector_holds),
        cmocka_unit_test(every_field_changes_the_binder),
        cmocka_unit_test(a_binder_without_role_is_refused),
        cmocka_unit_test(a_short_exporter_or_no_request_is_refused),
        cmocka_unit_test(no_key_is_thirty_two_zero_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
