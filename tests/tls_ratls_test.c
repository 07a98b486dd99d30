/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_world.h"

#include "appraise/ratls.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

/*
 * Servers that show evidence in their certificate: ours, and an attacker's that shows
 * the genuine certificate, or evidence that stood in it, without the key.
 */
static struct world *world;
static struct selfsame_policy *young; /* binding "key", an age, no nonce */

static int
begin(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    char json[1024], hex[PCRS][2 * PCR_SIZE + 1];

    world = world_new();
    for (size_t i = 0; i < PCRS; i++)
        hex_encode(BYTES(world->pcr[i], PCR_SIZE), hex[i]);
    (void)snprintf(json, sizeof(json),
        "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"measurements\":[{\"tee\":"
        "\"nitro\",\"pcr\":{\"0\":[\"%s\"],\"1\":[\"%s\"],\"2\":[\"%s\"]}}],"
        "\"freshness\":{\"max_age\":\"5m\"},\"binding\":\"key\",\"insecure\":"
        "[\"simulated\"]}",
        hex[0], hex[1], hex[2]);
    assert_code(selfsame_policy_parse(bytes_str(json), &young, &e), SELFSAME_OK, &e);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    selfsame_policy_free(young);
    world_free(world);
    return 0;
}

/* The certificate that a client is shown, in the arena. */
static struct selfsame_bytes
shown(const struct net_addr *at, struct arena *arena)
{
    struct selfsame_bytes ret = BYTES_NONE;
    struct plain p;
    uint8_t *der = NULL;

    assert_true(plain_open(&p, at, NULL));
    X509 *cert = SSL_get0_peer_certificate(p.ssl);
    assert_non_null(cert);
    int len = i2d_X509(cert, &der);
    assert_true(len > 0 && arena_dup(arena, BYTES(der, (size_t)len), &ret));
    OPENSSL_free(der);
    plain_close(&p);
    return ret;
}

static enum selfsame_code
open_ratls(const struct net_addr *to, const struct selfsame_policy *policy,
    struct session **ret, struct selfsame_err *e)
{
    struct session_config c = world_client(world, to);
    struct selfsame_result *r = NULL;

    c.ratls = true;
    c.policy = policy;
    *e = (struct selfsame_err){ 0 };
    enum selfsame_code code = session_open(&c, ret, &r, e);
    selfsame_result_free(r);
    return code;
}

static void
serve(int64_t ratls_ms)
{
    const struct server_config c = { .ratls_ms = ratls_ms };

    world_serve(world, &c);
}

static void
a_certificate_is_enough_for_a_policy_that_says_so(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    uint8_t buf[64];
    size_t n = 0;

    serve(3600000);
    {
        auto_session *s = NULL;
        assert_code(
            open_ratls(server_address(world->server), young, &s, &e), SELFSAME_OK, &e);
        assert_code(session_write(s, BYTES_LIT("GET /hello HTTP/1.1\r\n\r\n"),
                        net_clock_ms() + 5000, &e),
            SELFSAME_OK, &e);
        assert_code(session_read(s, buf, sizeof(buf), net_clock_ms() + 5000, &n, &e),
            SELFSAME_OK, &e);
        assert_true(bytes_has_prefix(BYTES(buf, n), BYTES_LIT("HTTP/1.1 200")));
    }
    /* what else a policy may want, a certificate cannot give */
    assert_code(open_ratls(server_address(world->server), world->key_policy, NULL, &e),
        SELFSAME_STALE, &e);
    assert_code(open_ratls(server_address(world->server), world->policy, NULL, &e),
        SELFSAME_STALE, &e);
    world_unserve(world);
}

static void
challenges_are_answered_by_the_same_server(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };

    serve(3600000);
    for (int carrier = SESSION_RAW; carrier <= SESSION_HTTP; carrier++) {
        struct session_config c = world_client(world, server_address(world->server));
        c.carrier = (enum session_carrier)carrier;
        assert_code(session_open(&c, NULL, NULL, &e), SELFSAME_OK, &e);
    }
    world_unserve(world);
}

static void
a_server_without_evidence_in_its_certificate_is_refused(void **state)
{
    (void)state;
    struct selfsame_err e;
    struct session *s = NULL;

    serve(0);
    assert_code(open_ratls(server_address(world->server), young, &s, &e),
        SELFSAME_UNSUPPORTED, &e);
    assert_null(s);
    assert_int_equal(
        atomic_load(&world->service_bytes) > 0, 1); /* of the tests before */
    world_unserve(world);
}

static void
the_certificate_is_made_anew_with_the_same_key(void **state)
{
    (void)state;
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct ratls first, next;
    int tries = 0;

    serve(200);
    struct selfsame_bytes before = shown(server_address(world->server), &arena), after;
    do {
        (void)poll(NULL, 0, 50);
        after = shown(server_address(world->server), &arena);
    } while (bytes_eq(before, after) && ++tries < 100);
    assert_code(ratls_parse(before, &arena, &first, &e), SELFSAME_OK, &e);
    assert_code(ratls_parse(after, &arena, &next, &e), SELFSAME_OK, &e);
    assert_false(bytes_eq(first.evidence, next.evidence));
    assert_bytes(first.cert.spki, next.cert.spki);
    assert_bytes(first.report_data, next.report_data);
    assert_code(ratls_self_signed(&next, &e), SELFSAME_OK, &e);
    assert_code(
        open_ratls(server_address(world->server), young, NULL, &e), SELFSAME_OK, &e);
    world_unserve(world);
}

/* ---- a source that fails ---- */

static atomic_int calls, failures;

static enum selfsame_code
sometimes(void *arg, struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
    struct selfsame_err *e)
{
    if (atomic_fetch_add(&calls, 1) > 0 && atomic_fetch_add(&failures, 1) < 3)
        FAIL(e, SELFSAME_IO, "the device is busy");
    return selfsame_attest_certificate(arg, spki, ret, ret_len, e);
}

static enum selfsame_code
never(void *arg, struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
    struct selfsame_err *e)
{
    (void)arg, (void)spki, (void)ret, (void)ret_len;
    FAIL(e, SELFSAME_IO, "there is no device");
}

static struct server_config with_source(enum selfsame_code (*certificate)(void *arg,
    struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len, struct selfsame_err *e))
{
    struct selfsame_err e = { 0 };
    struct server_config c = { .ratls_ms = 100, .upstream = world->service_at };

    assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
    c.source = attester_source(world->attester);
    c.source.certificate = certificate;
    return c;
}

static void
a_device_that_fails_leaves_the_certificate_that_is_there(void **state)
{
    (void)state;
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    const struct server_config c = with_source(sometimes);

    atomic_store(&calls, 0);
    atomic_store(&failures, 0);
    assert_code(server_new(&c, &world->server, &e), SELFSAME_OK, &e);
    assert_int_equal(
        pthread_create(&world->server_thread, NULL, server_thread, world->server), 0);
    struct selfsame_bytes before = shown(server_address(world->server), &arena);
    for (int i = 0; i < 100 && atomic_load(&failures) < 4; i++)
        (void)poll(NULL, 0, 50);
    assert_true(atomic_load(&failures) >= 4); /* it was tried again until it worked */
    assert_code(
        open_ratls(server_address(world->server), young, NULL, &e), SELFSAME_OK, &e);
    struct selfsame_bytes after = before;
    for (int i = 0; i < 100 && bytes_eq(before, after); i++) {
        (void)poll(NULL, 0, 20);
        after = shown(server_address(world->server), &arena);
    }
    assert_false(bytes_eq(before, after));
    world_unserve(world);
}

static void
without_evidence_no_server_starts(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct server_config c = with_source(never);
    struct server *s = NULL;

    assert_code(server_new(&c, &s, &e), SELFSAME_IO, &e);
    c.source.certificate = NULL;
    assert_code(server_new(&c, &s, &e), SELFSAME_USAGE, &e);
    c = with_source(sometimes);
    c.certificate = c.key = BYTES_LIT("a key that others may have");
    assert_code(server_new(&c, &s, &e), SELFSAME_USAGE, &e);
    assert_null(s);
}

/* ---- the attacker ---- */

struct thief {
    SSL_CTX *ctx;
    struct net_addr at;
    int listener;
    pthread_t thread;
    atomic_int handshakes;
    atomic_size_t application_bytes;
};

static void *
steal(void *arg)
{
    struct thief *t = arg;
    char buf[256];

    for (int fd = world_accept(world, t->listener); fd >= 0; fd = -1) {
        (void)fcntl(fd, F_SETFL, 0);
        SSL *ssl = SSL_new(t->ctx);
        if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
            abort();
        if (SSL_accept(ssl) == 1) {
            (void)atomic_fetch_add(&t->handshakes, 1);
            for (int n; (n = SSL_read(ssl, buf, sizeof(buf))) > 0;)
                (void)atomic_fetch_add(&t->application_bytes, (size_t)n);
        }
        ERR_clear_error();
        SSL_free(ssl);
        (void)close(fd);
    }
    return NULL;
}

/* Public half of the certificate's key, private half of the thief's own. */
static EVP_PKEY *
chimera(X509 *cert, EVP_PKEY *own)
{
    char group[64];
    uint8_t point[133];
    size_t group_len, len;
    BIGNUM *secret = NULL;
    EVP_PKEY *ret = NULL;
    EVP_PKEY *genuine = X509_get0_pubkey(cert);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

    assert_true(EVP_PKEY_get_group_name(genuine, group, sizeof(group), &group_len));
    assert_true(EVP_PKEY_get_octet_string_param(
        genuine, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len));
    assert_true(EVP_PKEY_get_bn_param(own, OSSL_PKEY_PARAM_PRIV_KEY, &secret));
    assert_true(
        b != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(
            b, OSSL_PKEY_PARAM_GROUP_NAME, group, group_len) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, len) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, secret));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    assert_true(EVP_PKEY_fromdata_init(ctx) == 1 &&
                EVP_PKEY_fromdata(ctx, &ret, EVP_PKEY_KEYPAIR, params) == 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(secret);
    return ret;
}

/* A server with this certificate; `key` NULL: a key that is not the certificate's. */
static void
thief_start(
    struct thief *t, struct selfsame_bytes der, const struct key *key, int version)
{
    struct selfsame_err e = { 0 };
    struct key *own = NULL;
    const uint8_t *p = der.ptr;
    X509 *cert = d2i_X509(NULL, &p, (long)der.len);

    *t = (struct thief){ .listener = -1 };
    assert_non_null(cert);
    assert_code(key_generate(KEY_P256, &own, &e), SELFSAME_OK, &e);
    EVP_PKEY *pkey = key != NULL ? key_native(key) : chimera(cert, key_native(own));
    t->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(t->ctx);
    assert_int_equal(SSL_CTX_set_max_proto_version(t->ctx, version), 1);
    assert_int_equal(SSL_CTX_use_certificate(t->ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(t->ctx, pkey), 1);
    if (key == NULL)
        EVP_PKEY_free(pkey);
    X509_free(cert);
    key_free(&own);
    listen_somewhere(&t->at, &t->listener);
    assert_int_equal(pthread_create(&t->thread, NULL, steal, t), 0);
}

static void
thief_stop(struct thief *t)
{
    assert_int_equal(pthread_join(t->thread, NULL), 0);
    assert_int_equal(atomic_load(&t->application_bytes), 0);
    SSL_CTX_free(t->ctx);
    fd_close(&t->listener);
}

static void
a_certificate_without_its_key_ends_the_handshake(void **state)
{
    (void)state;
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    auto_arena arena = arena_new(4 << 20);

    serve(3600000);
    struct selfsame_bytes genuine = shown(server_address(world->server), &arena);
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct selfsame_err e;
        struct thief t;

        thief_start(&t, genuine, NULL, versions[i]);
        assert_code(open_ratls(&t.at, young, NULL, &e), SELFSAME_IO, &e);
        thief_stop(&t);
        assert_int_equal(atomic_load(&t.handshakes), 0);
    }
    world_unserve(world);
}

/* The genuine evidence in a certificate of the thief's own key. */
static void
evidence_in_a_certificate_of_another_key_is_unbound(void **state)
{
    (void)state;
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    auto_arena arena = arena_new(4 << 20);
    auto_key *own = NULL;
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der;
    struct ratls r;

    serve(3600000);
    struct selfsame_bytes genuine = shown(server_address(world->server), &arena);
    assert_code(ratls_parse(genuine, &arena, &r, &e), SELFSAME_OK, &e);
    const struct cert_extension x = { .oid = RATLS_OID_CMW, .value = r.evidence };
    const struct cert_request q = { .common_name = "selfsame",
        .path_len = -1,
        .extensions = &x,
        .extension_count = 1 };
    assert_code(key_generate(KEY_P256, &own, &e), SELFSAME_OK, &e);
    assert_code(cert_make(&q, own, BYTES_NONE, own, &arena, &der, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct session *s = NULL;
        struct thief t;

        thief_start(&t, der, own, versions[i]);
        assert_code(open_ratls(&t.at, young, &s, &e), SELFSAME_UNBOUND, &e);
        assert_null(s);
        thief_stop(&t);
        assert_int_equal(atomic_load(&t.handshakes), 1);
    }
    world_unserve(world);
}

/* A server that knows neither ALPN nor TLS 1.3, with a sound certificate. */
static void
older_servers_are_verified_too(void **state)
{
    (void)state;
    auto_arena arena = arena_new(4 << 20);
    auto_key *own = NULL;
    struct cert_extension list[RATLS_EXTENSIONS];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes spki, der;
    struct thief t;
    uint8_t *cmw = NULL;
    size_t len, count;

    assert_code(key_generate(KEY_P384, &own, &e), SELFSAME_OK, &e);
    assert_code(key_spki(own, &arena, &spki, &e), SELFSAME_OK, &e);
    assert_code(selfsame_attest_certificate(world->attester, spki, &cmw, &len, &e),
        SELFSAME_OK, &e);
    assert_code(ratls_extensions(BYTES(cmw, len), spki, &arena, list, &count, &e),
        SELFSAME_OK, &e);
    const struct cert_request q = { .common_name = "RATLS",
        .not_before = 978307200, /* 2001 to 2030, as such certificates are */
        .not_after = 1925078399,
        .path_len = -1,
        .extensions = list,
        .extension_count = count };
    assert_code(cert_make(&q, own, BYTES_NONE, own, &arena, &der, &e), SELFSAME_OK, &e);
    selfsame_free(cmw);
    thief_start(&t, der, own, TLS1_2_VERSION);
    assert_code(open_ratls(&t.at, young, NULL, &e), SELFSAME_OK, &e);
    thief_stop(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_enough_for_a_policy_that_says_so),
        cmocka_unit_test(challenges_are_answered_by_the_same_server),
        cmocka_unit_test(a_server_without_evidence_in_its_certificate_is_refused),
        cmocka_unit_test(the_certificate_is_made_anew_with_the_same_key),
        cmocka_unit_test(a_device_that_fails_leaves_the_certificate_that_is_there),
        cmocka_unit_test(without_evidence_no_server_starts),
        cmocka_unit_test(a_certificate_without_its_key_ends_the_handshake),
        cmocka_unit_test(evidence_in_a_certificate_of_another_key_is_unbound),
        cmocka_unit_test(older_servers_are_verified_too),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
