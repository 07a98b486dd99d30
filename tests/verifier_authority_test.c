/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "token/svid.h"
#include "verifier/authority.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The authority of a trust domain: which of its keys signs when, and for how long. */

enum { NOW = 1800000000, HOUR = 3600 };
static char path[64];

static int
setup(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/selfsame-authority.XXXXXX");
    const int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    (void)close(fd);
    return unlink(path);
}

static int
teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static struct authority *
read_at(int64_t now)
{
    struct authority *a = NULL;
    struct selfsame_err e = { 0 };

    assert_code(authority_read(path, "example.org", now, &a, &e), SELFSAME_OK, &e);
    return a;
}

static void
rotate(int64_t now, int64_t lead)
{
    struct selfsame_err e = { 0 };

    assert_code(authority_rotate(path, "example.org", now, lead, &e), SELFSAME_OK, &e);
}

/* Which pair signed, from 0; -1: none does. */
static int
signer_at(const struct authority *a, int64_t now)
{
    static const struct selfsame_bytes handled[] = {
        { (const uint8_t *)"\x55\x1d\x11", 3 }, { (const uint8_t *)"\x55\x1d\x25", 3 }
    };
    const struct cert_profile profile = { .handled = handled,
        .handled_count = COUNT(handled) };
    auto_arena arena = arena_new(1 << 20);
    auto_key *key = NULL;
    struct selfsame_bytes spki = BYTES_NONE;
    struct selfsame_err e = { 0 };
    struct spiffe_id id;
    struct chain chain = { .count = 1 };
    struct svid s;

    assert_code(key_generate(KEY_P256, &key, &e), SELFSAME_OK, &e);
    assert_code(key_spki(key, &arena, &spki, &e), SELFSAME_OK, &e);
    enum selfsame_code code = authority_issue(
        a, "spiffe://example.org/a", spki, now, HOUR, &arena, &s, &e);
    if (code == SELFSAME_BAD_CHAIN)
        return -1;
    assert_code(code, SELFSAME_OK, &e);
    assert_int_equal(s.expires_s, now + HOUR);
    assert_code(cert_parse_as(s.leaf, &profile, &chain.cert[0], &e), SELFSAME_OK, &e);
    assert_code(cert_parse_as(s.issuer, &profile, &chain.anchor, &e), SELFSAME_OK, &e);
    assert_code(chain_verify(&chain, now, NULL, &e), SELFSAME_OK, &e);
    assert_code(chain_verify(&chain, now + HOUR, NULL, &e), SELFSAME_OK, &e);
    assert_code(chain_verify(&chain, now + HOUR + 1, NULL, &e), SELFSAME_BAD_CHAIN, &e);
    assert_code(svid_x509_read(&chain.cert[0], &id, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < a->count; i++)
        if (bytes_eq(a->pairs[i].cert, s.issuer))
            return (int)i;
    fail_msg("an issuer that is none");
    return -2;
}

static void
it_is_made_once_for_its_owner(void **state)
{
    auto_authority *first = read_at(NOW), *second = read_at(NOW + 5), *none = NULL;
    struct selfsame_err e = { 0 };
    struct stat st;

    (void)state;
    assert_int_equal(first->count, 1);
    assert_bytes(first->pairs[0].cert, second->pairs[0].cert);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0640), 0);
    assert_code(
        authority_read(path, "example.org", NOW, &none, &e), SELFSAME_USAGE, &e);
    assert_int_equal(chmod(path, 0600), 0);
    assert_code(
        authority_read(path, "example.com", NOW, &none, &e), SELFSAME_USAGE, &e);
    assert_code(
        authority_read(path, "Example.org", NOW, &none, &e), SELFSAME_USAGE, &e);
}

static void
a_replacement_waits(void **state)
{
    struct selfsame_bytes certs[AUTHORITY_KEYS];
    auto_authority *one = read_at(NOW);

    (void)state;
    assert_int_equal(signer_at(one, NOW), 0);
    rotate(NOW, HOUR);
    auto_authority *two = read_at(NOW);
    assert_int_equal(two->count, 2);
    assert_true(two->sequence > one->sequence);
    assert_int_equal(authority_certs(two, NOW, certs), 2);
    assert_int_equal(signer_at(two, NOW), 0);
    assert_int_equal(signer_at(two, NOW + HOUR - 61), 0);
    assert_int_equal(signer_at(two, NOW + HOUR - 60), 1);
    assert_int_equal(signer_at(two, NOW + HOUR), 1);
    /* The first ends before what it would sign; the second goes on. */
    const int64_t end = one->pairs[0].not_after;
    assert_int_equal(signer_at(two, end), 1);
    assert_int_equal(authority_certs(two, end, certs), 2);
    assert_int_equal(authority_certs(two, end + 1, certs), 1);
    assert_int_equal(signer_at(one, end - HOUR), 0);
    assert_int_equal(signer_at(one, end - HOUR + 1), -1);
    assert_int_equal(signer_at(one, NOW - 3600), -1);
}

static void
those_that_ended_go(void **state)
{
    auto_authority *one = read_at(NOW);
    const int64_t end = one->pairs[0].not_after;
    struct selfsame_err e = { 0 };

    (void)state;
    for (int i = 1; i < AUTHORITY_KEYS; i++)
        rotate(NOW + i * HOUR, HOUR);
    assert_code(authority_rotate(path, "example.org", NOW + 9 * HOUR, HOUR, &e),
        SELFSAME_USAGE, &e);
    rotate(end + 1, 0);
    auto_authority *all = read_at(end + 1);
    assert_int_equal(all->count, AUTHORITY_KEYS);
    assert_int_equal(signer_at(all, end + 1), AUTHORITY_KEYS - 1);
}

/* A file cut anywhere, or with a certificate of another key. */
static void
a_broken_file_signs_nothing(void **state)
{
    struct authority *one = read_at(NOW);
    uint8_t buf[8192];
    struct selfsame_err e = { 0 };

    (void)state;
    authority_free(&one);
    rotate(NOW, HOUR);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    const ssize_t size = read(fd, buf, sizeof(buf));
    assert_true(size > 1000 && size < (ssize_t)sizeof(buf));
    for (ssize_t n = 0; n < size - 1; n += 7) {
        struct authority *a = NULL;

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, buf, (size_t)n, 0), n);
        enum selfsame_code code = authority_read(path, "example.org", NOW, &a, &e);
        /* Whole pairs are whole files. */
        if (code == SELFSAME_OK)
            assert_true(a->count == 1 && n >= size / 2 - 8 && n <= size / 2 + 40);
        authority_free(&a);
    }
    (void)close(fd);
}

static void
trust_domains_are_named_or_are_the_host(void **state)
{
    static const struct {
        const char *settings, *want; /* NULL: none */
    } cases[] = {
        { "{\"issuer\":\"https://as.example\"}", "as.example" },
        { "{\"issuer\":\"https://as.example:8443/x\"}", "as.example" },
        { "{\"issuer\":\"http://127.0.0.1:7390\"}", "127.0.0.1" },
        { "{\"issuer\":\"https://as.example\",\"spiffe\":{\"trust_domain\":\"prod\"}}",
            "prod" },
        { "{\"issuer\":\"https://As.example\"}", NULL },
        { "{\"issuer\":\"http://[::1]:1\"}", NULL },
        { "{\"issuer\":\"https://as.example\",\"spiffe\":{\"trust_domain\":\"a/b\"}}",
            NULL },
        { "{}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena arena = arena_new(1 << 16);
        auto_json *j = NULL;
        struct selfsame_err e = { 0 };
        const char *domain = NULL;

        assert_code(
            json_parse(bytes_str(cases[i].settings), "s", &j, &e), SELFSAME_OK, &e);
        assert_code(authority_domain(j, &arena, &domain, &e),
            cases[i].want != NULL ? SELFSAME_OK : SELFSAME_USAGE, &e);
        if (cases[i].want != NULL)
            assert_string_equal(domain, cases[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_made_once_for_its_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(a_replacement_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(those_that_ended_go, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_file_signs_nothing, setup, teardown),
        cmocka_unit_test(trust_domains_are_named_or_are_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
