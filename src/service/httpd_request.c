/* SPDX-License-Identifier: Apache-2.0 */
#include "service/httpd_parts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int64_t
httpd_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
httpd_peer(const struct httpd_request *r, char ret[static HTTPD_PEER])
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    const void *address = NULL;

    ret[0] = '\0';
    if (r->conn == NULL || getpeername(r->conn->fd, (struct sockaddr *)&at, &len) != 0)
        return;
    if (at.ss_family == AF_INET)
        address = &((const struct sockaddr_in *)&at)->sin_addr;
    else if (at.ss_family == AF_INET6)
        address = &((const struct sockaddr_in6 *)&at)->sin6_addr;
    if (address == NULL || inet_ntop(at.ss_family, address, ret, HTTPD_PEER) == NULL)
        ret[0] = '\0';
}

int64_t
httpd_reading_us(const struct httpd_request *r)
{
    return httpd_now_us() - r->begun_us;
}

struct httpd_request *
httpd_request_new(struct httpd_loop *l)
{
    struct httpd_request *r = malloc(sizeof(*r));

    if (r == NULL)
        return NULL;
    *r = (struct httpd_request){
        .h = l->h,
        .l = l,
        .next = l->requests,
        .path = "",
        .file = -1,
        .begun_us = httpd_now_us(),
    };
    if (r->next != NULL)
        r->next->prev = r;
    l->requests = r;
    return r;
}

void
httpd_request_free(struct httpd_request *r)
{
    struct httpd_loop *l = r->l;

    httpd_answer_drop(r);
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        l->requests = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    free(r->text);
    httpd_request_body_drop(r);
    free(r);
}

/* ---- the target ---- */

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Of a path: what no honest client encodes, since it would mean something else bare. */
static bool
path_char(unsigned char c, bool encoded)
{
    return c > ' ' && c < 0x7f && c != '\\' && (!encoded || strchr("/.%?#", c) == NULL);
}

/*
 * Decodes the %xx of [from, from + len) to *to, once, ends it with NUL and moves *to
 * behind. Control characters are refused.
 */
static bool
decode(const char *from, size_t len, bool path, char **to)
{
    char *out = *to;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)from[i];
        bool encoded = c == '%';

        if (c == '#')
            return false;
        if (encoded) {
            int high = i + 2 < len ? hex_value(from[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(from[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (c < ' ' || c == 0x7f || (path && !path_char(c, encoded)))
            return false;
        *out++ = (char)c;
    }
    *out++ = '\0';
    *to = out;
    return true;
}

/* Neither empty segments nor "." nor "..", but one '/' may stand at the end. */
static bool
segments_ok(const char *path)
{
    for (const char *s = path; *s == '/';) {
        size_t len = strcspn(s + 1, "/");

        if ((len == 0 && s[1] == '/') || (len == 1 && s[1] == '.') ||
            (len == 2 && s[1] == '.' && s[2] == '.'))
            return false;
        s += 1 + len;
    }
    return path[0] == '/';
}

static bool
parse_query(struct httpd_request *r, const char *q, size_t len, char **to)
{
    while (len > 0) {
        const char *amp = memchr(q, '&', len);
        size_t n = amp != NULL ? (size_t)(amp - q) : len;
        const char *equal = memchr(q, '=', n);
        size_t name_len = equal != NULL ? (size_t)(equal - q) : n;
        size_t value_len = equal != NULL ? n - name_len - 1 : 0;
        struct httpd_pair p = { .name = *to };

        if (r->query_count == HTTPD_QUERY_MAX || name_len == 0 ||
            !decode(q, name_len, false, to))
            return false;
        p.value = *to;
        if (!decode(q + n - value_len, value_len, false, to) ||
            !utf8_valid(bytes_str(p.name)) || !utf8_valid(bytes_str(p.value)) ||
            httpd_query(r, p.name) != NULL)
            return false;
        r->query[r->query_count++] = p;
        n += amp != NULL ? 1 : 0;
        q += n;
        len -= n;
    }
    return true;
}

/* RFC 9112 §3.2.1: the origin form alone; what proxies are asked is not for us. */
static bool
parse_target(struct httpd_request *r, char *to)
{
    const char *t = (const char *)r->head.target.ptr;
    size_t len = r->head.target.len;
    const char *mark = memchr(t, '?', len);
    size_t path_len = mark != NULL ? (size_t)(mark - t) : len;

    r->path = to;
    return decode(t, path_len, true, &to) && segments_ok(r->path) &&
           (mark == NULL || parse_query(r, mark + 1, len - path_len - 1, &to));
}

/* ---- the head ---- */

static int
refuse_head(const struct httpd_request *r, struct selfsame_err *e)
{
    size_t hosts = 0;

    for (size_t i = 0; i < r->head.count; i++)
        hosts += http_word_eq(r->head.headers[i].name, "host") ? 1 : 0;
    if (hosts > 1 || (hosts == 0 && r->head.minor > 0)) {
        (void)err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
            "HTTP: expected one Host, got %zu", hosts);
        return 400;
    }
    if (http_header(&r->head, "expect").ptr != NULL && !r->head.expect_continue) {
        (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
            "HTTP: expected no expectation but 100-continue, got another");
        return 417;
    }
    return 0;
}

/* Views become strings: what stands behind a value is white space or CR. */
static void
end_values(struct httpd_request *r)
{
    for (size_t i = 0; i < r->head.count; i++) {
        const struct http_header *f = &r->head.headers[i];
        r->text[(size_t)((const char *)f->value.ptr - r->text) + f->value.len] = '\0';
    }
}

int
httpd_request_parse(
    struct httpd_request *r, struct selfsame_bytes head, struct selfsame_err *e)
{
    /* The decoded target is at most as long as the target, and a NUL for each part. */
    size_t room = 2 * head.len + (size_t)2 * HTTPD_QUERY_MAX + 2;

    r->text = malloc(room);
    if (r->text == NULL) {
        (void)err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "out of memory");
        return 503;
    }
    memcpy(r->text, head.ptr, head.len);
    head.ptr = (const uint8_t *)r->text;
    if (http_request_parse(head, &r->head, e) != SELFSAME_OK)
        return 400;
    if (!parse_target(r, r->text + head.len)) {
        r->path = "";
        (void)err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
            "HTTP: expected a plain path in the request, got another target");
        return 400;
    }
    int status = refuse_head(r, e);
    end_values(r);
    return status;
}

/* Clients that do not end what they send must not fill the memory together. */
static bool
grow(struct httpd_request *r, size_t cap)
{
    struct httpd *h = r->h;
    const size_t more = cap - r->body_cap;
    uint8_t *body = NULL;

    if (atomic_fetch_add(&h->bodies, more) + more <= h->config.bodies_limit ||
        cap <= HTTPD_BODY_FREE)
        body = realloc(r->body, cap);
    if (body == NULL) {
        (void)atomic_fetch_sub(&h->bodies, more);
        return false;
    }
    r->body = body;
    r->body_cap = cap;
    return true;
}

bool
httpd_request_body_add(struct httpd_request *r, struct selfsame_bytes data)
{
    if (data.len > r->body_cap - r->body_len && !grow(r, 2 * r->body_cap + data.len))
        return false;
    if (data.len > 0)
        memcpy(r->body + r->body_len, data.ptr, data.len);
    r->body_len += data.len;
    return true;
}

void
httpd_request_body_drop(struct httpd_request *r)
{
    (void)atomic_fetch_sub(&r->h->bodies, r->body_cap);
    free(r->body);
    r->body = NULL;
    r->body_len = r->body_cap = 0;
}

/* ---- what handlers ask ---- */

const char *
httpd_path(const struct httpd_request *r)
{
    return r->path;
}

const char *
httpd_query(const struct httpd_request *r, const char *name)
{
    for (size_t i = 0; i < r->query_count; i++)
        if (strcmp(r->query[i].name, name) == 0)
            return r->query[i].value;
    return NULL;
}

const char *
httpd_header(const struct httpd_request *r, const char *name)
{
    return (const char *)http_header(&r->head, name).ptr;
}

const char *
httpd_method(const struct httpd_request *r, char ret[static 16])
{
    (void)snprintf(ret, 16, "%.*s",
        r->head.method.len < 16 ? (int)r->head.method.len : 15,
        (const char *)r->head.method.ptr);
    return ret;
}

bool
httpd_client_certificate(const struct httpd_request *r, uint8_t ret[static 32])
{
    if (r->certified)
        memcpy(ret, r->client, sizeof(r->client));
    return r->certified;
}

void
httpd_peer_text(const struct httpd_request *r, char ret[static NET_TEXT])
{
    if (r->has_peer)
        net_peer_text(&r->peer, ret);
    else
        (void)snprintf(ret, NET_TEXT, "local");
}

const struct httpd_route *
httpd_route_of(const struct httpd_request *r)
{
    return r->route;
}

struct selfsame_bytes
httpd_body(const struct httpd_request *r)
{
    return BYTES(r->body, r->body_len);
}
