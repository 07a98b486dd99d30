/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier service over HTTPS that is kept alive, everything in one process: evidence
 * in, a token signed with ES256 and a durable row of the audit log out. For each TEE, as
 * ratios to
 *   bare   the signature verifications that known evidence needs, by OpenSSL with parsed
 *          keys, and one ES256 signature, measured in the same run on one core
 * by the processor time of the server's threads; and how long requests take when they
 * come at 80 % of that rate, whoever answers late or not. usage: bench_verifier
 * [-n N] [-t TEE]
 */
#include "verifier/verifier.h"
#include "api/api.h"
#include "bench.h"
#include "codec/cmw.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "fetch/fetch.h"
#include "os/os.h"
#include "store/registry.h"
#include "tee/simulate.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 32, REQUESTS = 6000, ANSWER = 32768, BARE = 400 };
#define NONCE "0123456789abcdef0123456789abcdef"
#define NONCE64 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

/* ---- the service ---- */

struct world {
    char dir[64];
    struct arena arena;
    struct verifier_service *service;
    pthread_t loop;
    struct net_addr addr;
    struct selfsame_bytes spki;
    char spki64[512];
    char *api_key;
    SSL_CTX *tls;
};

static void *
run(void *ctx)
{
    NEED_OK(verifier_run(ctx, &e));
    return NULL;
}

static const char *
in_dir(struct world *w, const char *name)
{
    const char *path = arena_printf(&w->arena, "%s/%s", w->dir, name);

    NEED(path != NULL);
    return path;
}

static void
write_certificate(struct world *w)
{
    const struct cert_request q = { .common_name = "127.0.0.1",
        .dns_name = "127.0.0.1",
        .not_before = os_now_ms() / 1000 - 60,
        .not_after = os_now_ms() / 1000 + 3600 };
    struct selfsame_bytes der;
    auto_key *key = NULL;
    char *pem;

    NEED_OK(key_generate(KEY_P256, &key, &e));
    NEED_OK(cert_make(&q, key, BYTES_NONE, key, &w->arena, &der, &e));
    pem = pem_encode("CERTIFICATE", der, &w->arena);
    NEED(pem != NULL);
    NEED_OK(file_write(in_dir(w, "tls.pem"), bytes_str(pem), false, &e));
    NEED_OK(key_to_pem(key, &w->arena, &pem, &e));
    NEED_OK(file_write(in_dir(w, "tls.key"), bytes_str(pem), true, &e));
    const char *settings = arena_printf(&w->arena,
        "{\"issuer\":\"https://127.0.0.1\",\"listen\":\"127.0.0.1:0\","
        "\"tls\":{\"certificate\":\"%s/tls.pem\",\"key\":\"%s/tls.key\"}}",
        w->dir, w->dir);
    NEED(settings != NULL);
    NEED_OK(file_write(in_dir(w, "verifier.json"), bytes_str(settings), false, &e));
}

static void
put_object(
    struct registry *r, enum registry_kind kind, const char *name, const char *body)
{
    const struct registry_object o = { .tenant = "default",
        .kind = kind,
        .name = name,
        .author = "bench",
        .body = bytes_str(body) };
    uint64_t version;

    NEED_OK(registry_put(r, &o, REGISTRY_ANY, &version, &e));
}

static void
fill(struct world *w)
{
    static const char policy[] = "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{},\"snp\":"
                                 "{},\"sgx\":{},\"tdx\":{}},"
                                 "\"freshness\":{\"nonce\":true},\"binding\":\"key\","
                                 "\"insecure\":[\"simulated\",\"any-measurement\"]}";
    auto_registry *r = NULL;
    char hash[65];

    NEED_OK(registry_open(in_dir(w, "registry.sqlite"), false, &r, &e));
    put_object(r, REGISTRY_POLICY, "bench", policy);
    NEED_OK(verifier_key_new(&w->arena, &w->api_key, hash, &e));
    const char *body = arena_printf(
        &w->arena, "{\"role\":\"relying-party\",\"sha256\":\"%s\"}", hash);
    NEED(body != NULL);
    put_object(r, REGISTRY_KEY, "bench", body);
}

static void
start(struct world *w)
{
    struct verifier_make m = { .dir = w->dir, .issuer = "https://127.0.0.1" };
    struct verifier_config c = { .dir = w->dir };
    auto_key *key = NULL;
    char *admin;

    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/selfsame-bench.XXXXXX");
    NEED(mkdtemp(w->dir) != NULL);
    w->arena = arena_new(256 << 20);
    NEED_OK(key_generate(KEY_P256, &key, &e));
    NEED_OK(key_spki(key, &w->arena, &w->spki, &e));
    (void)base64_encode(w->spki, true, w->spki64);
    NEED_OK(verifier_init(&m, &w->arena, &admin, &e));
    write_certificate(w);
    fill(w);
    NEED_OK(verifier_new(&c, &w->service, &e));
    NEED_OK(verifier_open(w->service, &e));
    verifier_bound(w->service, &w->addr);
    w->tls = SSL_CTX_new(TLS_client_method());
    NEED(w->tls != NULL);
    NEED(pthread_create(&w->loop, NULL, run, w->service) == 0);
}

static void
stop(struct world *w)
{
    verifier_stop(w->service);
    NEED(pthread_join(w->loop, NULL) == 0);
    verifier_free(&w->service);
    SSL_CTX_free(w->tls);
    NEED_OK(dir_remove(w->dir, &e));
    arena_free(&w->arena);
}

/* ---- evidence ---- */

static struct selfsame_bytes
file_of(const struct sim_file *files, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i].name, name) == 0)
            return files[i].bytes;
    return BYTES_NONE;
}

/* What the vendor's service would be asked for, as if it had been: in the service's cache. */
static void
keep_collateral(struct world *w, const struct tee_simulator *sim, struct sim_pki *pki,
    int64_t now_ms, struct selfsame_bytes evidence)
{
    static const struct {
        const char *need, *body, *chain;
    } pieces[] = { { "tcb-info", "tcb_info.json", "tcb_issuer_chain.pem" },
        { "qe-identity", "qe_identity.json", "qe_issuer_chain.pem" },
        { "pck-crl", "pck_crl.der", "pck_crl_issuer_chain.pem" },
        { "root-crl", "root_crl.der", NULL } };
    const struct sim_subject subject = { 0 };
    const struct fetcher f = { .cache = in_dir(w, "collateral") };
    struct tee_need *needs;
    struct sim_file *files;
    size_t count, need_count, kept = 0;

    if (sim->collateral == NULL)
        return;
    NEED_OK(sim->collateral(pki, now_ms, &subject, &w->arena, &files, &count, &e));
    NEED_OK(tee_verifier_find(sim->name)->needs(
        evidence, &w->arena, &needs, &need_count, &e));
    NEED_OK(dir_make(f.cache, true, &e));
    for (size_t i = 0; i < need_count; i++)
        for (size_t k = 0; k < COUNT(pieces) && needs[i].url != NULL; k++) {
            struct cached c = { .fetched_s = now_ms / 1000 };
            char path[1024];

            if (strcmp(needs[i].name, pieces[k].need) != 0)
                continue;
            c.url = arena_str(&w->arena, bytes_str(needs[i].url));
            c.body = file_of(files, count, pieces[k].body);
            if (pieces[k].chain != NULL)
                c.chain = file_of(files, count, pieces[k].chain);
            NEED(c.url != NULL && c.body.len > 0);
            NEED(cache_path(&f, c.url, "", path));
            NEED_OK(cache_write(path, &c, &e));
            kept++;
        }
    NEED(kept == need_count);
}

static struct selfsame_bytes
make_evidence(struct world *w, const struct tee_simulator *sim)
{
    const int64_t now_ms = os_now_ms();
    const bool named = strcmp(sim->name, "nitro") == 0;
    struct tee_collected made = { .evidence = BYTES_NONE };
    struct sim_quote_request q = { .now_ms = now_ms };
    static const uint8_t pcr[48] = { 1 }; /* all zero is debug mode */
    const struct claim measured[] = {
        { .path = "pcr.0", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(pcr) },
        { .path = "pcr.1", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(pcr) },
        { .path = "pcr.2", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(pcr) },
    };
    struct sim_pki *pki;
    struct binder b;
    uint8_t binder[64];

    NEED(binder_http(&b, BYTES_LIT(NONCE), w->spki) && binder64(&b, binder));
    NEED_OK(sim->pki(BYTES_NONE, now_ms, &pki, &e));
    q.report_data = BYTES_ARR(binder);
    if (named) {
        q.nonce = BYTES_LIT(NONCE);
        q.public_key = w->spki;
        q.subject.measured = measured;
        q.subject.measured_count = COUNT(measured);
    }
    NEED_OK(sim->quote(pki, &q, &w->arena, &made, &e));
    keep_collateral(w, sim, pki, now_ms, made.evidence);
    sim->pki_free(pki);
    if (made.endorsement.len == 0)
        return made.evidence;
    struct selfsame_bytes whole;
    NEED_OK(cmw_encode_evidence(tee_verifier_find(sim->name)->media_types[0],
        made.evidence, "application/vnd.attest.snp-certs", made.endorsement, &w->arena,
        &whole, &e));
    return whole;
}

static struct selfsame_bytes
make_request(struct world *w, struct selfsame_bytes evidence)
{
    const char *head = arena_printf(&w->arena,
        "POST /v1/verify?policy=bench&audience=bench&nonce=" NONCE64
        "&key=%s HTTP/1.1\r\n"
        "Host: bench\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
        w->spki64, w->api_key, evidence.len);
    NEED(head != NULL);
    const size_t len = strlen(head);
    uint8_t *all = arena_alloc(&w->arena, 1, len + evidence.len);
    NEED(all != NULL);
    memcpy(all, head, len);
    memcpy(all + len, evidence.ptr, evidence.len);
    return BYTES(all, len + evidence.len);
}

/* ---- clients ---- */

struct client {
    int fd;
    SSL *ssl;
    bool busy;
    size_t have;
    double due; /* when its request was to be sent */
    char buf[ANSWER];
};

static void
dial(struct world *w, struct client *c)
{
    NEED_OK(net_connect(&w->addr, net_clock_ms() + 5000, &c->fd, &e));
    c->ssl = SSL_new(w->tls);
    NEED(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
    for (;;) {
        const int n = SSL_connect(c->ssl);

        if (n == 1)
            break;
        const int why = SSL_get_error(c->ssl, n);
        NEED(why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE);
        struct selfsame_err e = { 0 };
        NEED(net_wait(c->fd, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT,
                 net_clock_ms() + 5000, &e) == SELFSAME_OK);
    }
    c->busy = false;
}

static void
put(struct client *c, struct selfsame_bytes request, double due)
{
    c->have = 0;
    c->busy = true;
    c->due = due;
    NEED(SSL_write(c->ssl, request.ptr, (int)request.len) == (int)request.len);
}

/* True: the answer is whole. */
static bool
take(struct client *c)
{
    unsigned long long length = 0;
    const int n = SSL_read(c->ssl, c->buf + c->have, (int)(ANSWER - 1 - c->have));

    if (n <= 0) {
        NEED(SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ);
        return false;
    }
    c->have += (size_t)n;
    c->buf[c->have] = '\0';
    const char *end = strstr(c->buf, "\r\n\r\n"),
               *l = strstr(c->buf, "Content-Length: ");
    if (end == NULL || l == NULL || sscanf(l + 16, "%llu", &length) != 1 ||
        c->have < (size_t)(end + 4 - c->buf) + length)
        return false;
    if (strncmp(c->buf, "HTTP/1.1 200", 12) != 0) {
        (void)fprintf(stderr, "%s\n", c->buf);
        exit(1);
    }
    c->busy = false;
    return true;
}

/* What was measured must be tokens of accepted evidence. */
static void
need_accepted(const struct client *c)
{
    static uint8_t claims[ANSWER];
    const char *body = strstr(c->buf, "\r\n\r\n");
    const char *first = body != NULL ? strchr(body, '.') : NULL;
    size_t len = 0;

    NEED(first != NULL);
    NEED(base64_decode(
        first + 1, strcspn(first + 1, "."), true, claims, sizeof(claims) - 1, &len));
    claims[len] = 0;
    if (strstr((const char *)claims, "\"verdict_class\":\"ok\"") == NULL) {
        (void)fprintf(stderr, "%s\n", claims);
        exit(1);
    }
}

static struct client clients[CONNECTIONS];
static int poll_fd;

static void
dial_all(struct world *w)
{
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    NEED(poll_fd >= 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &clients[i] };

        dial(w, &clients[i]);
        NEED(epoll_ctl(poll_fd, EPOLL_CTL_ADD, clients[i].fd, &ev) == 0);
    }
}

static void
hang_up(void)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        SSL_free(clients[i].ssl);
        fd_close(&clients[i].fd);
    }
    (void)close(poll_fd);
}

struct load {
    double wall, server; /* seconds; of processors */
    double *took;        /* of each request; or NULL */
};

/* Every connection always has a request under way. */
static void
flood(struct selfsame_bytes request, unsigned count, struct load *ret)
{
    struct epoll_event events[CONNECTIONS];
    unsigned sent = 0, done = 0;
    const double all = seconds(CLOCK_PROCESS_CPUTIME_ID),
                 own = seconds(CLOCK_THREAD_CPUTIME_ID), t = seconds(CLOCK_MONOTONIC);

    for (unsigned i = 0; i < CONNECTIONS; i++, sent++)
        put(&clients[i], request, t);
    while (done < count) {
        const int n = epoll_wait(poll_fd, events, CONNECTIONS, 30000);

        NEED(n > 0);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            while (c->busy && take(c)) {
                done++;
                if (sent < count) {
                    put(c, request, 0);
                    sent++;
                }
                if (!SSL_has_pending(c->ssl))
                    break;
            }
        }
    }
    ret->wall = seconds(CLOCK_MONOTONIC) - t;
    ret->server = seconds(CLOCK_PROCESS_CPUTIME_ID) - all -
                  (seconds(CLOCK_THREAD_CPUTIME_ID) - own);
}

/* Requests come when they are due; those that find no connection free wait, and that counts. */
static void
paced(struct selfsame_bytes request, unsigned count, double rate, double *took)
{
    struct epoll_event events[CONNECTIONS];
    unsigned sent = 0, done = 0;
    const double t = seconds(CLOCK_MONOTONIC);

    while (done < count) {
        const double now = seconds(CLOCK_MONOTONIC);

        for (unsigned i = 0; i < CONNECTIONS && sent < count && t + sent / rate <= now;
             i++)
            if (!clients[i].busy) {
                put(&clients[i], request, t + sent / rate);
                sent++;
            }
        const int n = epoll_wait(poll_fd, events, CONNECTIONS, 1);
        NEED(n >= 0 || errno == EINTR);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            if (c->busy && take(c))
                took[done++] = seconds(CLOCK_MONOTONIC) - c->due;
        }
    }
}

/* ---- bare ---- */

/* Microseconds of one signature and of one verification with this curve. */
static void
bare(const char *curve, const EVP_MD *md, double *ret_sign, double *ret_verify)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    EVP_PKEY_CTX *s = EVP_PKEY_CTX_new(key, NULL), *v = EVP_PKEY_CTX_new(key, NULL);
    unsigned char digest[64] = { 1 }, sig[256];
    size_t len = sizeof(sig);
    const size_t size = (size_t)EVP_MD_get_size(md);

    NEED(key != NULL && s != NULL && v != NULL && EVP_PKEY_sign_init(s) == 1 &&
         EVP_PKEY_verify_init(v) == 1);
    double t = processor_us();
    for (int i = 0; i < BARE; i++) {
        len = sizeof(sig);
        NEED(EVP_PKEY_sign(s, sig, &len, digest, size) == 1);
    }
    *ret_sign = (processor_us() - t) / (int)BARE;
    t = processor_us();
    for (int i = 0; i < BARE; i++)
        NEED(EVP_PKEY_verify(v, sig, len, digest, size) == 1);
    *ret_verify = (processor_us() - t) / (int)BARE;
    EVP_PKEY_CTX_free(s);
    EVP_PKEY_CTX_free(v);
    EVP_PKEY_free(key);
}

static long
resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    NEED(f != NULL && fscanf(f, "%ld %ld", &pages, &resident) == 2);
    (void)fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
measure(struct world *w, const char *tee, double bare_us)
{
    static double took[REQUESTS];
    const struct selfsame_bytes request = make_request(
        w, make_evidence(w, tee_simulator_find(tee)));
    struct load l;

    flood(request, REQUESTS / 10, &l);
    need_accepted(&clients[0]);
    flood(request, REQUESTS, &l);
    const double rate = REQUESTS / l.wall, us = l.server / REQUESTS * 1e6;
    paced(request, REQUESTS, 0.8 * rate, took);
    qsort(took, REQUESTS, sizeof(*took), by_size);
    const double p50 = took[REQUESTS / 2] * 1e3, p99 = took[REQUESTS * 99 / 100] * 1e3;
    (void)printf("  %-6s %7.0f/s %8.1f us a core   %5.2f of bare (aim 0.6)   at 80 %%: "
                 "p50 %.2f ms, p99 %.2f ms, %.1f x (aim < 10)\n",
        tee, rate, us, bare_us / us, p50, p99, p99 / p50);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *tee;
        unsigned p256, p384; /* verifications, of known evidence */
    } tees[] = { { "nitro", 0, 1 }, { "snp", 0, 1 }, { "sgx", 3, 0 }, { "tdx", 3, 0 } };
    unsigned many = 20000;
    const char *only = NULL;
    struct world w = { .dir = "" };
    double sign256, verify256, sign384, verify384;
    struct load l;

    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "-n") == 0)
            many = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else
            only = argv[i + 1];
    start(&w);
    dial_all(&w);
    bare("P-256", EVP_sha256(), &sign256, &verify256);
    bare("P-384", EVP_sha384(), &sign384, &verify384);
    (void)printf(
        "\nVerifier over HTTPS, %d connections kept alive: known evidence to a "
        "signed token and a durable row\n",
        (int)CONNECTIONS);
    for (size_t i = 0; i < COUNT(tees); i++)
        if (only == NULL || strcmp(only, tees[i].tee) == 0)
            measure(&w, tees[i].tee,
                tees[i].p256 * verify256 + tees[i].p384 * verify384 + sign256);
    const struct selfsame_bytes request = make_request(
        &w, make_evidence(&w, tee_simulator_find(only != NULL ? only : "snp")));
    flood(request, 2000, &l);
    const long before = resident_kib();
    flood(request, many, &l);
    (void)printf("  memory after %u further requests: %+ld KiB of %ld KiB\n", many,
        resident_kib() - before, before);
    hang_up();
    stop(&w);
    return 0;
}
