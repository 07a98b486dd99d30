/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_TLS_WORLD_H
#define SELFSAME_TEST_TLS_WORLD_H

/*
 * A small world in one process: a simulated device behind a unix socket, a
 * service, the attested server in front of it, a client's policy, and an
 * attacker's TLS server that answers challenges as it likes.
 */
#include "test.h"

#include <selfsame/selfsame.h>

#include "crypto/crypto.h"
#include "net/http.h"
#include "os/os.h"
#include "tee/simulate.h"
#include "tls/internal.h"
#include "tls/message.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PCRS = 3, PCR_SIZE = 48 };

struct world {
    /* the device */
    const struct tee_simulator *sim;
    struct sim_pki *pki;
    void *device;
    uint8_t pcr[PCRS][PCR_SIZE];
    struct claim measured[PCRS];
    struct net_addr device_at;
    int device_fd;
    pthread_t device_thread;
    atomic_int device_delay_ms;
    /* the service */
    struct net_addr service_at;
    int service_fd;
    pthread_t service_thread;
    atomic_size_t service_bytes; /* all it ever saw */
    /* the attested server */
    struct selfsame_attester *attester;
    struct server *server;
    pthread_t server_thread;
    /* the client */
    struct selfsame_verifier *verifier;
    struct selfsame_policy *policy, *key_policy;
    atomic_bool stop;
};

/* ---- plumbing ---- */

static inline void
wait_for(int fd, short events)
{
    struct selfsame_err e = { 0 };

    assert_code(net_wait(fd, events, net_clock_ms() + 10000, &e), SELFSAME_OK, &e);
}

/* Next connection, or -1 when the world ends. */
static inline int
world_accept(struct world *w, int listener)
{
    struct selfsame_err e = { 0 };
    int fd = -1;

    while (fd < 0 && !atomic_load(&w->stop)) {
        struct pollfd p = { .fd = listener, .events = POLLIN };
        if (poll(&p, 1, 20) > 0)
            (void)!net_accept(listener, &fd, &e);
    }
    return fd;
}

static inline ssize_t
read_some_of(int fd, void *buf, size_t len)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    (void)poll(&p, 1, 10000);
    return read(fd, buf, len);
}

static inline bool
read_all_of(int fd, uint8_t *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read_some_of(fd, buf + done, len - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static inline bool
write_all_of(int fd, struct selfsame_bytes b)
{
    while (b.len > 0) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        (void)poll(&p, 1, 10000);
        ssize_t n = send(fd, b.ptr, b.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        b = BYTES(b.ptr + n, b.len - (size_t)n);
    }
    return true;
}

/* ---- the device: u32 length, message; one connection per question ---- */

static inline void
device_answer(struct world *w, int fd)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    uint8_t head[4], *buf;
    struct selfsame_bytes out;

    while (read_all_of(fd, head, sizeof(head))) {
        struct reader r = reader_of(BYTES_ARR(head));
        size_t len = get_be32(&r);
        buf = arena_alloc(&arena, 1, len + 1);
        if (buf == NULL || !read_all_of(fd, buf, len))
            return;
        (void)poll(NULL, 0, atomic_load(&w->device_delay_ms));
        if (w->sim->device_call(w->device, os_now_ms(), BYTES(buf, len), &arena, &out,
                &e) != SELFSAME_OK)
            return;
        struct writer h = writer_of(head, sizeof(head));
        put_be32(&h, (uint32_t)out.len);
        if (!write_all_of(fd, BYTES_ARR(head)) || !write_all_of(fd, out))
            return;
    }
}

static inline void *
device_run(void *arg)
{
    struct world *w = arg;

    for (int fd = world_accept(w, w->device_fd); fd >= 0;
         fd = world_accept(w, w->device_fd)) {
        device_answer(w, fd);
        (void)close(fd);
    }
    return NULL;
}

/* ---- the service: HTTP for what it knows, an echo for everything else ---- */

struct guest {
    struct world *w;
    int fd;
};

/* Answers one request head at the start of buf; false: not HTTP, so echo. */
static inline bool
service_reply(int fd, const char *head, bool *echo)
{
    static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    static const char until_close[] = "HTTP/1.1 200 OK\r\n\r\nto the end";
    static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                  "Connection: upgrade\r\nUpgrade: echo\r\n\r\n";
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                                  "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel";
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n"
                                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static const struct {
        const char *target;
        struct selfsame_bytes reply;
        bool close, echo;
    } known[] = {
        { "GET /hello ", { (const uint8_t *)hello, sizeof(hello) - 1 }, false, false },
        { "GET /end ", { (const uint8_t *)until_close, sizeof(until_close) - 1 }, true,
            false },
        { "GET /upgrade ", { (const uint8_t *)upgrade, sizeof(upgrade) - 1 }, false,
            true },
        { "GET /chunked ", { (const uint8_t *)chunked, sizeof(chunked) - 1 }, false,
            false },
        { "GET /cut ", { (const uint8_t *)cut, sizeof(cut) - 1 }, true, false },
        { "POST /body ", { (const uint8_t *)interim, sizeof(interim) - 1 }, false,
            false },
    };

    for (size_t i = 0; i < COUNT(known); i++) {
        if (strncmp(head, known[i].target, strlen(known[i].target)) != 0)
            continue;
        *echo = known[i].echo;
        return write_all_of(fd, known[i].reply) && !known[i].close;
    }
    *echo = strncmp(head, "raw ", 4) == 0;
    return *echo && write_all_of(fd, bytes_str(head));
}

static inline void *
guest_run(void *arg)
{
    struct guest g = *(struct guest *)arg;
    char buf[70000];
    size_t have = 0;
    bool echo = false, open = true;

    free(arg);
    while (open) {
        ssize_t n = read_some_of(g.fd, buf + have, sizeof(buf) - 1 - have);
        if (n <= 0)
            break;
        (void)atomic_fetch_add(&g.w->service_bytes, (size_t)n);
        have += (size_t)n;
        buf[have] = '\0';
        if (echo) {
            open = write_all_of(g.fd, BYTES((uint8_t *)buf, have));
            have = 0;
        }
        for (char *end = strstr(buf, "\r\n\r\n"); !echo && open && have > 0;
             end = strstr(buf, "\r\n\r\n")) {
            if (end == NULL && strncmp(buf, "raw ", 4) != 0)
                break;
            open = service_reply(g.fd, buf, &echo);
            /* A body is swallowed with its head: the tests send them in one piece. */
            size_t used = end == NULL || strncmp(buf, "POST", 4) == 0
                              ? have
                              : (size_t)(end + 4 - buf);
            have -= used;
            memmove(buf, buf + used, have + 1);
        }
    }
    (void)close(g.fd);
    return NULL;
}

static inline void *
service_run(void *arg)
{
    struct world *w = arg;
    pthread_t guests[256];
    size_t count = 0;

    for (int fd = world_accept(w, w->service_fd); fd >= 0 && count < COUNT(guests);
         fd = world_accept(w, w->service_fd)) {
        struct guest *g = calloc(1, sizeof(*g));
        if (g == NULL)
            abort();
        *g = (struct guest){ .w = w, .fd = fd };
        if (pthread_create(&guests[count++], NULL, guest_run, g) != 0)
            abort();
    }
    while (count > 0)
        (void)pthread_join(guests[--count], NULL);
    return NULL;
}

/* ---- building it ---- */

static inline void
listen_somewhere(struct net_addr *at, int *fd)
{
    struct selfsame_err e = { 0 };
    struct net_addr any;

    assert_code(net_addr_parse("127.0.0.1:0", 0, &any, &e), SELFSAME_OK, &e);
    assert_code(net_listen(&any, fd, &e), SELFSAME_OK, &e);
    assert_code(net_bound(*fd, &any, at, &e), SELFSAME_OK, &e);
}

static inline struct selfsame_policy *
world_policy(const struct world *w, const char *binding)
{
    struct selfsame_err e = { 0 };
    struct selfsame_policy *p = NULL;
    char hex[PCRS][2 * PCR_SIZE + 1], json[1024];

    for (size_t i = 0; i < PCRS; i++)
        hex_encode(BYTES(w->pcr[i], PCR_SIZE), hex[i]);
    (void)snprintf(json, sizeof(json),
        "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"measurements\":[{\"tee\":"
        "\"nitro\",\"pcr\":{\"0\":[\"%s\"],\"1\":[\"%s\"],\"2\":[\"%s\"]}}],"
        "\"freshness\":{\"nonce\":true},\"binding\":\"%s\",\"insecure\":"
        "[\"simulated\"]}",
        hex[0], hex[1], hex[2], binding);
    assert_code(selfsame_policy_parse(bytes_str(json), &p, &e), SELFSAME_OK, &e);
    return p;
}

static inline void *
server_thread(void *arg)
{
    struct selfsame_err e = { 0 };

    if (server_run(arg, &e) != SELFSAME_OK)
        abort();
    return NULL;
}

static inline void
device_start(struct world *w)
{
    static const char *const paths[PCRS] = { "pcr.0", "pcr.1", "pcr.2" };
    struct selfsame_err e = { 0 };
    char device[NET_TEXT];

    w->sim = tee_simulator_find("nitro");
    assert_non_null(w->sim);
    for (size_t i = 0; i < PCRS; i++) {
        memset(w->pcr[i], (int)(0x50 + i), PCR_SIZE);
        w->measured[i] = (struct claim){
            .path = paths[i], .kind = CLAIM_BYTES, .bytes = BYTES(w->pcr[i], PCR_SIZE)
        };
    }
    assert_code(w->sim->pki(BYTES_NONE, os_now_ms(), &w->pki, &e), SELFSAME_OK, &e);
    const struct sim_subject subject = { .measured = w->measured,
        .measured_count = PCRS };
    assert_code(w->sim->device_new(w->pki, &subject, &w->device, &e), SELFSAME_OK, &e);
    w->device_at.kind = NET_UNIX;
    (void)snprintf(w->device_at.path, sizeof(w->device_at.path),
        "selfsame-tls-%ld.sock", (long)getpid());
    assert_code(net_listen(&w->device_at, &w->device_fd, &e), SELFSAME_OK, &e);
    assert_int_equal(pthread_create(&w->device_thread, NULL, device_run, w), 0);
    net_addr_text(&w->device_at, device);
    assert_code(selfsame_attester_open(device, &w->attester, &e), SELFSAME_OK, &e);
}

/* `config` may say more than the addresses and the source, or be NULL. */
static inline void
world_serve(struct world *w, const struct server_config *config)
{
    struct selfsame_err e = { 0 };
    struct server_config g = config != NULL ? *config : (struct server_config){ 0 };

    if (g.listen.kind == 0)
        assert_code(net_addr_parse("127.0.0.1:0", 0, &g.listen, &e), SELFSAME_OK, &e);
    if (g.upstream.kind == 0)
        g.upstream = w->service_at;
    g.source = attester_source(w->attester);
    assert_code(server_new(&g, &w->server, &e), SELFSAME_OK, &e);
    assert_int_equal(
        pthread_create(&w->server_thread, NULL, server_thread, w->server), 0);
}

static inline void
world_unserve(struct world *w)
{
    server_stop(w->server);
    assert_int_equal(pthread_join(w->server_thread, NULL), 0);
    server_free(&w->server);
}

static inline struct world *
world_new(void)
{
    struct selfsame_err e = { 0 };
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    device_start(w);
    listen_somewhere(&w->service_at, &w->service_fd);
    assert_int_equal(pthread_create(&w->service_thread, NULL, service_run, w), 0);
    assert_code(selfsame_verifier_new(&w->verifier, &e), SELFSAME_OK, &e);
    w->policy = world_policy(w, "session");
    w->key_policy = world_policy(w, "key");
    return w;
}

static inline void
world_free(struct world *w)
{
    atomic_store(&w->stop, true);
    assert_int_equal(pthread_join(w->device_thread, NULL), 0);
    assert_int_equal(pthread_join(w->service_thread, NULL), 0);
    fd_close(&w->device_fd);
    fd_close(&w->service_fd);
    assert_int_equal(unlink(w->device_at.path), 0);
    selfsame_attester_close(w->attester);
    w->sim->device_free(w->device);
    w->sim->pki_free(w->pki);
    selfsame_policy_free(w->policy);
    selfsame_policy_free(w->key_policy);
    selfsame_verifier_free(w->verifier);
    free(w);
}

static inline struct session_config
world_client(const struct world *w, const struct net_addr *to)
{
    return (struct session_config){
        .addr = *to,
        .timeout_ms = 10000,
        .verifier = w->verifier,
        .policy = w->policy,
    };
}

/* ---- a TLS client that asks for no evidence ---- */

struct plain {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

/* Connects, and says nothing yet. Blocking from here on; NULL alpn offers none. */
static inline void
plain_begin(struct plain *p, const struct net_addr *to, const char *alpn)
{
    struct selfsame_err e = { 0 };
    unsigned char wire[64];

    *p = (struct plain){ .fd = -1 };
    assert_code(net_connect(to, net_clock_ms() + 10000, &p->fd, &e), SELFSAME_OK, &e);
    struct timeval t = { .tv_sec = 10 };
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    (void)fcntl(p->fd, F_SETFL, 0);
    assert_code(tls_context(false, &p->ctx, &e), SELFSAME_OK, &e);
    (void)SSL_CTX_clear_mode(p->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    p->ssl = SSL_new(p->ctx);
    assert_non_null(p->ssl);
    if (alpn != NULL) {
        wire[0] = (unsigned char)strlen(alpn);
        memcpy(wire + 1, alpn, wire[0]);
        assert_int_equal(SSL_set_alpn_protos(p->ssl, wire, wire[0] + 1u), 0);
    }
    assert_int_equal(SSL_set_fd(p->ssl, p->fd), 1);
}

static inline bool
plain_open(struct plain *p, const struct net_addr *to, const char *alpn)
{
    plain_begin(p, to, alpn);
    return SSL_connect(p->ssl) == 1;
}

static inline void
plain_close(struct plain *p)
{
    ERR_clear_error();
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    fd_close(&p->fd);
}

/* Writes text, then reads until `want` bytes or the end; the text read, in the arena. */
static inline const char *
plain_talk(struct plain *p, const char *text, size_t want, struct arena *arena)
{
    char *got = arena_alloc(arena, 1, want + 1);
    size_t have = 0;

    assert_non_null(got);
    if (text[0] != '\0')
        assert_true(SSL_write(p->ssl, text, (int)strlen(text)) > 0);
    while (have < want) {
        int n = SSL_read(p->ssl, got + have, (int)(want - have));
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return got;
}

#endif
