/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "verifier/objects.h"

#define HASH_TEXT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PCR HASH_TEXT "00112233445566778899aabbccddeeff"
#define TRUST \
    "log log.example/releases+fc403f36+AddNQSqCvPjBXXQ9ty8GHOWCdnnmsVFJeO7ElbNMElNY"
#define PEM                                                           \
    "-----BEGIN PUBLIC KEY-----\\n"                                   \
    "MCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb8EN9k/4nwlQ=\\n" \
    "-----END PUBLIC KEY-----\\n"

struct good {
    enum registry_kind kind;
    const char *name, *body;
};
static const struct good goods[] = {
    { REGISTRY_TENANT, "t", "{}" },
    { REGISTRY_TENANT, "t",
        "{\"public\":true,\"policy\":\"web\",\"token_life_s\":3600,\"dialect\":"
        "\"draft\","
        "\"caller_nonces\":true,\"stale_collateral_s\":2592000}" },
    { REGISTRY_TENANT, "t", "{\"policy\":null,\"dialect\":null}" },
    { REGISTRY_KEY, "k", "{\"role\":\"admin\",\"sha256\":\"" HASH_TEXT "\"}" },
    { REGISTRY_KEY, "k",
        "{\"role\":\"auditor\",\"certificate\":\"" HASH_TEXT
        "\",\"expires\":1790000000}" },
    { REGISTRY_AUDIENCE, "a", "{}" },
    { REGISTRY_AUDIENCE, "a",
        "{\"alg\":\"EdDSA\",\"dialect\":\"draft\",\"life_s\":60}" },
    { REGISTRY_AUDIENCE, "sts.amazonaws.com", "{\"alg\":\"RS256\"}" },
    { REGISTRY_AUDIENCE, "https://iam.googleapis.com/projects/1",
        "{\"alg\":\"ES256\"}" },
    { REGISTRY_SECRET, "default/key/1",
        "{\"policies\":[\"web\"],\"releases\":[\"example.com/a\"],\"type\":\"text/"
        "plain\","
        "\"sealed\":\"AAEC\",\"warning\":true}" },
    { REGISTRY_IDENTITY, "i",
        "{\"release\":\"example.com/hello\",\"version\":\"1.0\",\"policy\":\"web\","
        "\"spiffe_id\":\"spiffe://example.org/t/hello\",\"warning\":false}" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"https://log.example/releases\",\"trust\":\"" TRUST
        "\\nquorum none\\n"
        "\",\"release\":\"example.com/hello\",\"publishers\":[\"" PEM
        "\"],\"keep\":3}" },
    { REGISTRY_POLICY, "p",
        "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"measurements\":[{\"tee\":"
        "\"nitro\","
        "\"pcr\":{\"0\":\"" PCR "\",\"1\":\"" PCR "\",\"2\":\"" PCR "\"}}],"
        "\"freshness\":{\"nonce\":true},\"binding\":\"key\"}" },
};

static struct registry_object
object_of(enum registry_kind kind, const char *name, struct selfsame_bytes body)
{
    return (struct registry_object){
        .tenant = "t", .kind = kind, .name = name, .body = body
    };
}

static enum selfsame_code
check(
    enum registry_kind kind, const char *name, const char *body, struct selfsame_err *e)
{
    const struct registry_object o = object_of(kind, name, bytes_str(body));

    return object_check(&o, e);
}

static void
good_ones_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goods); i++) {
        struct selfsame_err e = { 0 };

        assert_code(
            check(goods[i].kind, goods[i].name, goods[i].body, &e), SELFSAME_OK, &e);
    }
}

static void
members_are_where_they_belong(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct snap_tenant t = { .name = "t" };
    struct snap_key k = { .name = "k" };
    struct snap_audience a = { .name = "a" };
    struct snap_secret s = { .name = "s" };
    struct snap_identity id = { .name = "i" };
    struct object_follow f;
    uint8_t hash[32];
    size_t len;

    (void)state;
    assert_code(
        object_read_tenant(bytes_str(goods[1].body), &arena, &t, &e), SELFSAME_OK, &e);
    assert_true(t.public && t.caller_nonces && t.dialect == EAR_DRAFT);
    assert_string_equal(t.policy, "web");
    assert_int_equal(t.token_life_s, 3600);
    assert_int_equal(t.stale_collateral_s, 2592000);
    assert_code(object_read_tenant(BYTES_LIT("{}"), &arena, &t, &e), SELFSAME_OK, &e);
    assert_true(!t.public && !t.caller_nonces && t.dialect == EAR_DEPLOYED);
    assert_null(t.policy);
    assert_int_equal(t.token_life_s, 300);

    assert_true(hex_decode(HASH_TEXT, 64, hash, 32, &len));
    assert_code(
        object_read_key(bytes_str(goods[4].body), &arena, &k, &e), SELFSAME_OK, &e);
    assert_true(k.certificate && k.role == ROLE_AUDITOR && k.expires_s == 1790000000);
    assert_bytes(BYTES_ARR(k.sha256), BYTES_ARR(hash));
    assert_string_equal(k.name, "k");

    assert_code(object_read_audience(bytes_str(goods[6].body), &arena, &a, &e),
        SELFSAME_OK, &e);
    assert_true(a.alg == JOSE_EDDSA && a.dialect == EAR_DRAFT && a.life_s == 60);
    assert_code(object_read_audience(BYTES_LIT("{}"), &arena, &a, &e), SELFSAME_OK, &e);
    assert_true(a.alg == JOSE_ES256 && a.dialect == -1 && a.life_s == 0);

    assert_code(
        object_read_secret(bytes_str(goods[9].body), &arena, &s, &e), SELFSAME_OK, &e);
    assert_string_equal(s.policies[0], "web");
    assert_null(s.policies[1]);
    assert_string_equal(s.releases[0], "example.com/a");
    assert_bytes(s.sealed, BYTES_LIT("\0\1\2"));
    assert_true(s.warning);

    assert_code(object_read_identity(bytes_str(goods[10].body), &arena, &id, &e),
        SELFSAME_OK, &e);
    assert_string_equal(id.spiffe_id, "spiffe://example.org/t/hello");
    assert_string_equal(id.version, "1.0");

    assert_code(
        object_read_follow(bytes_str(goods[11].body), &arena, &f, &e), SELFSAME_OK, &e);
    assert_int_equal(f.publisher_count, 1);
    assert_int_equal(f.publishers[0].len, 44);
    assert_int_equal(f.trust.log_count, 1);
    assert_int_equal(f.keep, 3);
}

/* ---- each bad member, and what is said of it ---- */

static const struct {
    enum registry_kind kind;
    const char *name, *body, *says;
} bads[] = {
    { REGISTRY_TENANT, "t", "", "tenant" },
    { REGISTRY_TENANT, "t", "[]", "tenant: expected an object" },
    { REGISTRY_TENANT, "t", "{} {}", "tenant" },
    { REGISTRY_TENANT, "t", "{\"public\":true,\"public\":true}", "public" },
    { REGISTRY_TENANT, "t", "{\n \"publik\":true}", "line 2: no such member: publik" },
    { REGISTRY_TENANT, "t", "{\"public\":1}",
        "line 1: public: expected true or false" },
    { REGISTRY_TENANT, "t", "{\"caller_nonces\":\"yes\"}", "caller_nonces" },
    { REGISTRY_TENANT, "t", "{\"policy\":\"\"}", "policy: expected a text" },
    { REGISTRY_TENANT, "t", "{\"policy\":\"a\\u0007b\"}", "control characters" },
    { REGISTRY_TENANT, "t", "{\"policy\":\"a\\nb\"}", "control characters" },
    { REGISTRY_TENANT, "t", "{\"policy\":\"\\u202eb\"}", "control characters" },
    { REGISTRY_TENANT, "t", "{\n\n\"token_life_s\":0}",
        "line 3: token_life_s: expected a whole number from 1 to 3600" },
    { REGISTRY_TENANT, "t", "{\"token_life_s\":3601}", "from 1 to 3600" },
    { REGISTRY_TENANT, "t", "{\"token_life_s\":300.5}", "a whole number" },
    { REGISTRY_TENANT, "t", "{\"stale_collateral_s\":-1}", "from 0 to 2592000" },
    { REGISTRY_TENANT, "t", "{\"dialect\":\"new\"}", "expected deployed or draft" },
    { REGISTRY_KEY, "k", "{}", "expected a member \"role\"" },
    { REGISTRY_KEY, "k", "{\"role\":\"admin\"}", "either \"sha256\"" },
    { REGISTRY_KEY, "k",
        "{\"role\":\"admin\",\"sha256\":\"" HASH_TEXT "\",\"certificate\":\"" HASH_TEXT
        "\"}",
        "either \"sha256\"" },
    { REGISTRY_KEY, "k", "{\"role\":\"root\",\"sha256\":\"" HASH_TEXT "\"}",
        "expected attester, relying-party, auditor or admin" },
    { REGISTRY_KEY, "k", "{\"role\":\"none\",\"sha256\":\"" HASH_TEXT "\"}", "role" },
    { REGISTRY_KEY, "k", "{\"role\":\"admin\",\"sha256\":\"0011\"}", "a SHA-256" },
    { REGISTRY_KEY, "k",
        "{\"role\":\"admin\",\"sha256\":"
        "\"00112233445566778899aabbccddeegg00112233445566778899aabbccddeeff\"}",
        "64 digits of hex" },
    { REGISTRY_KEY, "k",
        "{\"role\":\"admin\",\"sha256\":\"" HASH_TEXT "\",\"expires\":\"never\"}",
        "expires" },
    { REGISTRY_AUDIENCE, "a", "{\"alg\":\"none\"}", "expected RS256, ES256" },
    { REGISTRY_AUDIENCE, "a", "{\"alg\":\"HS256\"}", "alg" },
    { REGISTRY_AUDIENCE, "a", "{\"life_s\":0}", "life_s" },
    { REGISTRY_AUDIENCE, "a", "{\"dialect\":1}", "dialect" },
    { REGISTRY_AUDIENCE, "sts.amazonaws.com", "{\"alg\":\"EdDSA\"}", "RS256 or ES256" },
    { REGISTRY_AUDIENCE, "//iam.googleapis.com/projects/1/x", "{\"alg\":\"PS256\"}",
        "RS256 or ES256" },
    { REGISTRY_AUDIENCE, "api://AzureADTokenExchange", "{\"alg\":\"ES384\"}",
        "RS256 or ES256" },
    { REGISTRY_SECRET, "s", "{\"sealed\":\"AAEC\"}", "expected a member \"policies\"" },
    { REGISTRY_SECRET, "s", "{\"policies\":[],\"sealed\":\"AAEC\"}", "1 to 64 texts" },
    { REGISTRY_SECRET, "s", "{\"policies\":[1],\"sealed\":\"AAEC\"}", "policies" },
    { REGISTRY_SECRET, "s", "{\"policies\":\"web\",\"sealed\":\"AAEC\"}", "policies" },
    { REGISTRY_SECRET, "s", "{\"policies\":[\"web\"]}", "sealed" },
    { REGISTRY_SECRET, "s", "{\"policies\":[\"web\"],\"sealed\":\"AA\"}", "base64" },
    { REGISTRY_SECRET, "s", "{\"policies\":[\"web\"],\"sealed\":\"A-EC\"}", "base64" },
    { REGISTRY_SECRET, "s",
        "{\"policies\":[\"web\"],\"sealed\":\"AAEC\",\"value\":\"x\"}",
        "no such member: value" },
    { REGISTRY_IDENTITY, "i", "{\"release\":\"example.com/a\"}", "spiffe_id" },
    { REGISTRY_IDENTITY, "i", "{\"spiffe_id\":\"spiffe://example.org/a\"}", "release" },
    { REGISTRY_IDENTITY, "i",
        "{\"release\":\"A B\",\"spiffe_id\":\"spiffe://example.org/a\"}",
        "the name of a release" },
    { REGISTRY_IDENTITY, "i",
        "{\"release\":\"example.com/a\",\"spiffe_id\":\"https://example.org/a\"}",
        "spiffe://" },
    { REGISTRY_IDENTITY, "i",
        "{\"release\":\"example.com/a\",\"spiffe_id\":\"spiffe://example.org\"}",
        "an id with a path" },
    { REGISTRY_IDENTITY, "i",
        "{\"release\":\"example.com/a\",\"spiffe_id\":\"spiffe://example.org/../b\"}",
        "segments" },
    { REGISTRY_IDENTITY, "i",
        "{\"release\":\"example.com/a\",\"spiffe_id\":\"spiffe://Example.org/b\"}",
        "trust domain" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"/var/lib/log\",\"trust\":\"" TRUST "\\nquorum none\\n"
        "\",\"release\":\"example.com/hello\",\"publishers\":[\"" PEM "\"]}",
        "expected an https URL" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"https://u@log.example\",\"trust\":\"" TRUST "\\nquorum none\\n"
        "\",\"release\":\"example.com/hello\",\"publishers\":[\"" PEM "\"]}",
        "expected an https URL" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"https://log.example\",\"trust\":\"nonsense\\n\","
        "\"release\":\"example.com/hello\",\"publishers\":[\"" PEM "\"]}",
        "follow: trust" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"https://log.example\",\"trust\":\"" TRUST "\\nquorum none\\n"
        "\",\"release\":\"hello world\",\"publishers\":[\"" PEM "\"]}",
        "the name of a release" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"https://log.example\",\"trust\":\"" TRUST "\\nquorum none\\n"
        "\",\"release\":\"example.com/hello\",\"publishers\":[]}",
        "publishers" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"https://log.example\",\"trust\":\"" TRUST "\\nquorum none\\n"
        "\",\"release\":\"example.com/hello\",\"publishers\":[\"" PEM PEM "\"]}",
        "publishers[0]" },
    { REGISTRY_FOLLOW, "f",
        "{\"log\":\"https://log.example\",\"trust\":\"" TRUST "\\nquorum none\\n"
        "\",\"release\":\"example.com/hello\",\"publishers\":[\"" PEM
        "\"],\"keep\":33}",
        "from 1 to 32" },
    { REGISTRY_POLICY, "p", "{}", "selfsame_policy" },
    { REGISTRY_POLICY, "p", "{\"selfsame_policy\":1,\n\"tees\":{}}", "line 2" },
    { REGISTRY_POLICY, "p",
        "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"releases\":[{\"name\":"
        "\"example.com/a\",\"publisher\":["
        "\"MCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb8EN9k/4nwlQ=\"],"
        "\"trust\":\"trust.txt\"}],\"freshness\":{\"nonce\":true},\"binding\":\"key\"}",
        "refers to the file trust.txt" },
    { REGISTRY_RELEASE, "r", "", "a tlog-proof or a Sigstore bundle" },
    { REGISTRY_RELEASE, "r", "{}", "a tlog-proof or a Sigstore bundle" },
    { REGISTRY_RELEASE, "r", "{\"_type\":\"https://in-toto.io/Statement/v1\"}",
        "a tlog-proof or a Sigstore bundle" },
    { (enum registry_kind)0, "r", "{}", "no objects of this kind" },
    { REGISTRY_KINDS, "r", "{}", "no objects of this kind" },
};

static void
bad_ones_are_refused_with_line_and_member(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct selfsame_err e = { 0 };
        char text[1200];

        if (check(bads[i].kind, bads[i].name, bads[i].body, &e) != SELFSAME_USAGE)
            fail_msg("%s: expected it to be refused", bads[i].body);
        (void)selfsame_err_print(&e, text, sizeof(text));
        if (strstr(text, bads[i].says) == NULL)
            fail_msg("%s: expected \"%s\", got: %s", bads[i].body, bads[i].says, text);
    }
}

/* ---- sweeps: nothing but OK and USAGE comes of any body ---- */

static void
try_bytes(const struct good *g, struct selfsame_bytes body)
{
    const struct registry_object o = object_of(g->kind, g->name, body);
    struct selfsame_err e = { 0 };
    const enum selfsame_code code = object_check(&o, &e);

    if (code != SELFSAME_OK && code != SELFSAME_USAGE)
        fail_msg("%s: %s", g->body, selfsame_code_name(code));
}

static void
every_bit_flipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goods); i++) {
        const size_t len = strlen(goods[i].body);
        uint8_t copy[4096];

        assert_true(len < sizeof(copy));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            memcpy(copy, goods[i].body, len);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            try_bytes(&goods[i], BYTES(copy, len));
        }
    }
}

static void
every_length_but_its_own_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goods); i++) {
        const size_t len = strlen(goods[i].body);
        uint8_t copy[4096];

        assert_true(len + 1 < sizeof(copy));
        memcpy(copy, goods[i].body, len);
        copy[len] = '}';
        for (size_t n = 0; n <= len + 1; n++) {
            const struct registry_object o = object_of(
                goods[i].kind, goods[i].name, BYTES(copy, n));
            struct selfsame_err e = { 0 };

            assert_code(
                object_check(&o, &e), n == len ? SELFSAME_OK : SELFSAME_USAGE, &e);
        }
    }
}

static void
every_allocation_failed(void **state)
{
    (void)state;
    for (long at = 1;; at++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct object_follow f;

        arena.fail_at = at;
        const enum selfsame_code code = object_read_follow(
            bytes_str(goods[11].body), &arena, &f, &e);
        if (code == SELFSAME_OK) {
            assert_true(at > 4);
            return;
        }
        assert_int_equal(code, SELFSAME_NOMEM);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_read),
        cmocka_unit_test(members_are_where_they_belong),
        cmocka_unit_test(bad_ones_are_refused_with_line_and_member),
        cmocka_unit_test(every_bit_flipped),
        cmocka_unit_test(every_length_but_its_own_is_refused),
        cmocka_unit_test(every_allocation_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
