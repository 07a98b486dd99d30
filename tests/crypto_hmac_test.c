/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 against RFC 4231, whole and in pieces. */
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
expect(struct selfsame_bytes key, struct selfsame_bytes text, const char *hex)
{
    uint8_t got[HASH_MAX], want[HASH_MAX];
    size_t len;

    assert_true(hex_decode(hex, strlen(hex), want, sizeof(want), &len));
    for (size_t cut = 0; cut <= text.len; cut++) {
        const struct selfsame_bytes part[] = { { text.ptr, cut },
            { text.ptr + cut, text.len - cut } };

        assert_true(hmac_parts(HASH_SHA256, key, part, 2, got));
        assert_true(bytes_eq(BYTES(got, 32), BYTES(want, len)));
    }
}

static void
vectors_of_rfc_4231(void **state)
{
    uint8_t ones[20], twos[20], data[50];

    (void)state;
    memset(ones, 0x0b, sizeof(ones));
    memset(twos, 0xaa, sizeof(twos));
    memset(data, 0xdd, sizeof(data));
    expect(BYTES_ARR(ones), BYTES_LIT("Hi There"),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect(BYTES_LIT("Jefe"), BYTES_LIT("what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    expect(BYTES_ARR(twos), BYTES_ARR(data),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
}

static void
what_it_does_not_do(void **state)
{
    uint8_t key[65] = { 0 }, got[HASH_MAX];
    const struct selfsame_bytes part = BYTES_LIT("x");

    (void)state;
    assert_false(hmac_parts(HASH_SHA256, BYTES_ARR(key), &part, 1, got));
    assert_false(hmac_parts(HASH_SHA384, BYTES(key, 32), &part, 1, got));
    assert_false(hmac_parts(HASH_SHA256, BYTES(key, 32), &part, 9, got));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_4231),
        cmocka_unit_test(what_it_does_not_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
