/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/httpd_parts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

/*
 * A connection as the server sees it, all at once and in pieces: what handlers get is
 * the same, no answer is a 5xx, and nothing of it stays. The first byte is the size of
 * the pieces.
 */
enum { TURNS = 4, OUT = 1 << 18 };

struct seen {
    uint64_t hash, count;
};
static struct seen seen;

static void
note(const void *p, size_t len)
{
    const uint8_t *at = p;

    for (size_t i = 0; i < len; i++)
        seen.hash = (seen.hash ^ at[i]) * 0x100000001b3;
    seen.hash = (seen.hash ^ len) * 0x100000001b3;
}

static void
serve(void *ctx, struct httpd_request *r)
{
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("answer") };
    struct selfsame_bytes body = httpd_body(r);
    char method[16];
    const char *q = httpd_query(r, "q");

    (void)ctx;
    seen.count++;
    (void)httpd_method(r, method);
    note(method, strlen(method));
    note(httpd_path(r), strlen(httpd_path(r)));
    note(body.ptr, body.len);
    if (q != NULL)
        note(q, strlen(q));
    httpd_answer(r, &a);
}

static const struct httpd_route routes[] = {
    { "GET", "/get/*", serve },
    { "POST", "/post", serve },
    { "PUT", "/post", serve },
};

static struct httpd *
server(void)
{
    static struct httpd *h;
    struct selfsame_err e = { 0 };
    struct httpd_config c = {
        .routes = routes, .route_count = COUNT(routes), .body_limit = 300
    };

    if (h != NULL)
        return h;
    if (net_addr_parse("127.0.0.1:0", 0, &c.listen, &e) != SELFSAME_OK ||
        httpd_new(&c, &h, &e) != SELFSAME_OK)
        abort();
    /* The loop is run below, in this thread. */
    h->loops[0].self = pthread_self();
    h->loops[0].running = true;
    return h;
}

static void
turn(struct httpd_loop *l)
{
    for (int i = 0; i < TURNS; i++)
        (void)event_base_loop(l->base, EVLOOP_NONBLOCK);
}

static void
look_at(int fd)
{
    static char out[OUT];
    ssize_t n = recv(fd, out, sizeof(out) - 1, MSG_DONTWAIT);

    if (n <= 0)
        return;
    out[n] = '\0';
    if (strncmp(out, "HTTP/1.1 ", 9) != 0 || strstr(out, "HTTP/1.1 5") != NULL)
        abort();
}

static struct seen
connection(struct selfsame_bytes data, size_t step)
{
    struct httpd *h = server();
    struct httpd_loop *l = &h->loops[0];
    int fds[2];

    seen = (struct seen){ 0xcbf29ce484222325, 0 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        abort();
    struct httpd_conn *c = httpd_conn_new(h, fds[1]);
    if (c == NULL)
        abort();
    (void)atomic_fetch_add(&l->load, 1);
    if (!httpd_conn_start(c, l))
        abort();
    for (size_t at = 0; at < data.len; at += step) {
        const size_t n = data.len - at < step ? data.len - at : step;

        if (send(fds[0], data.ptr + at, n, MSG_NOSIGNAL) != (ssize_t)n)
            break;
        turn(l);
    }
    (void)shutdown(fds[0], SHUT_WR);
    for (int i = 0; i < 100 && l->conn_count > 0; i++)
        turn(l);
    look_at(fds[0]);
    (void)close(fds[0]);
    if (l->conn_count != 0 || l->requests != NULL || atomic_load(&l->load) != 0 ||
        atomic_load(&h->bodies) != 0 || atomic_load(&h->waiting) != 0)
        abort();
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 60000)
        return 0;
    const struct selfsame_bytes text = BYTES(data + 1, size - 1);
    const struct seen whole = connection(text, text.len);
    const struct seen pieces = connection(text, (size_t)data[0] + 1);

    if (whole.hash != pieces.hash || whole.count != pieces.count)
        abort();
    return 0;
}
