/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cmw.h"
#include "tls/server.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * HTTP/1.1 in front of the service. Two paths are answered here, everything else
 * passes byte for byte; the framer only finds where messages end, so that a
 * challenge is seen at every request boundary and nowhere else.
 */
enum { NONCE_MIN = 8, NONCE_MAX = 512, FEED = TLS_RECORD, BODY_PART = 4096 };

void
exchange_free(struct exchange *x)
{
    free(x->post);
    *x = (struct exchange){ 0 };
}

/* ---- our own answers ---- */

static void
reply(struct conn *c, const char *status, const char *type, struct selfsame_bytes body)
{
    struct exchange *x = &c->http;
    bool close = x->close || c->server->draining;

    int n = evbuffer_add_printf(c->client.out,
        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\n%s\r\n",
        status, type, body.len, close ? "Connection: close\r\n" : "");
    bool sent = n > 0;
    if (sent && body.len > 0 && !x->head_request)
        sent = evbuffer_add(c->client.out, body.ptr, body.len) == 0;
    exchange_free(x);
    c->head_begun = false;
    if (!sent)
        conn_abort(c);
    else if (close)
        conn_finish(c);
}

static void
reply_text(struct conn *c, const char *status, const char *sentence)
{
    char body[SELFSAME_ERR_TEXT + 2];

    (void)snprintf(body, sizeof(body), "%s\n", sentence);
    reply(c, status, "text/plain; charset=utf-8", bytes_str(body));
}

/* After this the boundary of the next request is not known, or not worth knowing. */
static void
reply_last(struct conn *c, const char *status, const char *sentence)
{
    c->http.close = true;
    reply_text(c, status, sentence);
}

static void
reply_refusal(struct conn *c, const struct selfsame_err *e)
{
    auto_arena arena = arena_new(65536);
    enum attest_status status = conn_status(e);

    reply(c, status == ATTEST_MALFORMED ? "400 Bad Request" : "200 OK",
        "application/cbor", conn_refusal(status, e, &arena));
}

/* GET /.well-known/attestation: {"evidence": [type, base64url, 4]} (§6.1). */
static void
reply_collection(struct conn *c, struct job *job)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes json;
    struct cmw cmw;

    if (job->code != SELFSAME_OK) {
        server_log(c->server, "collecting evidence", &job->err);
        reply_text(c, "503 Service Unavailable", err_text(&job->err));
        return;
    }
    enum selfsame_code code = cmw_parse(
        BYTES(job->cmw, job->cmw_len), &job->arena, &cmw, &e);
    if (code == SELFSAME_OK && !cmw.collection && cmw.count == 1) {
        cmw.collection = true;
        cmw.entries[0].label = BYTES_LIT("evidence");
        cmw.entries[0].ind = CMW_EVIDENCE;
    }
    if (code == SELFSAME_OK)
        code = cmw_encode_json(&cmw, &job->arena, &json, &e);
    if (code == SELFSAME_OK)
        reply(c, "200 OK", "application/cmw+json", json);
    else
        reply_text(c, "500 Internal Server Error", err_text(&e));
}

void
exchange_answer(struct conn *c, struct job *job)
{
    if (job->key) {
        reply_collection(c, job);
        return;
    }
    struct selfsame_bytes message = conn_response(c, job);
    if (message.ptr == NULL)
        reply_last(c, "500 Internal Server Error", "no memory for the answer");
    else
        reply(c, job->code == SELFSAME_OK ? "200 OK" : "503 Service Unavailable",
            "application/cbor", message);
}

/* ---- requests for us ---- */

static void
begin_post(struct conn *c, const struct http_head *h)
{
    struct exchange *x = &c->http;

    if (!http_word_eq(h->method, "POST")) {
        reply_last(c, "405 Method Not Allowed", "only POST is answered here");
        return;
    }
    if (!http_word_eq(http_header(h, "content-type"), "application/cbor")) {
        reply_last(c, "415 Unsupported Media Type", "expected application/cbor");
        return;
    }
    if (h->framing == HTTP_NO_BODY || h->length > ATTEST_REQUEST_LIMIT) {
        reply_last(c, "413 Content Too Large",
            "expected an attest request of at most 16384 bytes");
        return;
    }
    x->post = calloc(1, ATTEST_REQUEST_LIMIT);
    x->phase = EXCHANGE_POST;
    if (x->post == NULL)
        reply_last(c, "503 Service Unavailable", "no memory");
    else if (h->expect_continue &&
             evbuffer_add_printf(c->client.out, "HTTP/1.1 100 Continue\r\n\r\n") < 0)
        conn_abort(c);
}

static void
begin_get(struct conn *c, const struct http_head *h, struct selfsame_bytes query)
{
    static const char prefix[] = "nonce=";
    uint8_t nonce[NONCE_MAX];
    size_t len = 0;
    struct selfsame_err e = { 0 };

    if (!http_word_eq(h->method, "GET") || !http_body_of(h).done) {
        reply_last(c, "405 Method Not Allowed", "only GET is answered here");
        return;
    }
    if (!bytes_has_prefix(query, BYTES_LIT(prefix)) ||
        !base64_decode((const char *)query.ptr + sizeof(prefix) - 1,
            query.len - (sizeof(prefix) - 1), true, nonce, sizeof(nonce), &len) ||
        len < NONCE_MIN) {
        reply_text(c, "400 Bad Request",
            "expected ?nonce= and 8 to 512 bytes as base64url without padding");
        return;
    }
    c->http.phase = EXCHANGE_WORK;
    if (!conn_challenge(c, true, BYTES(nonce, len), &e))
        reply_last(c, "503 Service Unavailable", "no memory");
}

static bool
post_step(struct conn *c)
{
    struct exchange *x = &c->http;
    struct selfsame_err e = { 0 };
    struct selfsame_bytes data;
    size_t used = 0, have = stream_have(&c->client);

    have = have < FEED ? have : FEED;
    const uint8_t *p = evbuffer_pullup(c->client.in, (ssize_t)have);
    if (http_body_feed(&x->request_body, BYTES(p, have), &used, &data, &e) !=
        SELFSAME_OK) {
        reply_last(c, "400 Bad Request", err_text(&e));
        return true;
    }
    if (data.len > ATTEST_REQUEST_LIMIT - x->post_len) {
        reply_last(c, "413 Content Too Large",
            "expected an attest request of at most 16384 bytes");
        return true;
    }
    if (data.len > 0)
        memcpy(x->post + x->post_len, data.ptr, data.len);
    x->post_len += data.len;
    (void)evbuffer_drain(c->client.in, used);
    if (!x->request_body.done) {
        if (used == 0 && c->client.eof)
            conn_finish(c);
        return used > 0 || c->phase != CONN_HTTP;
    }
    x->phase = EXCHANGE_WORK;
    if (!conn_challenge(c, false, BYTES(x->post, x->post_len), &e))
        reply_refusal(c, &e);
    return true;
}

/* ---- requests for the service ---- */

static void
begin_proxy(struct conn *c, const struct http_head *h, size_t head_len)
{
    struct exchange *x = &c->http;

    if (http_word_eq(h->method, "CONNECT")) {
        reply_last(c, "501 Not Implemented", "this is not a forward proxy");
        return;
    }
    bool usable = stream_is_open(&c->upstream) && !c->upstream.eof &&
                  !c->upstream.broken && stream_have(&c->upstream) == 0;
    if (!usable && !conn_open_upstream(c)) {
        reply_last(c, "502 Bad Gateway", "the service behind cannot be reached");
        return;
    }
    x->phase = EXCHANGE_PROXY;
    x->body_ms = net_clock_ms();
    if (evbuffer_remove_buffer(c->client.in, c->upstream.out, head_len) !=
        (int)head_len)
        conn_abort(c);
}

/* Passes on body bytes that are here; false in *ret_good when they are malformed. */
static bool
body_step(struct http_body *b, struct stream *from, struct stream *to, bool *ret_good)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes data;
    bool moved = false;

    *ret_good = true;
    while (!b->done && stream_have(from) > 0 && !stream_full(to)) {
        size_t used = 0, have = stream_have(from);
        have = have < FEED ? have : FEED;
        const uint8_t *p = evbuffer_pullup(from->in, (ssize_t)have);
        *ret_good = p != NULL &&
                    http_body_feed(b, BYTES(p, have), &used, &data, &e) == SELFSAME_OK;
        if (!*ret_good || used == 0)
            break;
        *ret_good = evbuffer_remove_buffer(from->in, to->out, used) == (int)used;
        moved = true;
    }
    return moved || !*ret_good;
}

static void
response_over(struct conn *c)
{
    struct exchange *x = &c->http;
    bool close = x->close || !x->request_body.done || c->server->draining;

    exchange_free(x);
    if (close)
        conn_finish(c);
}

static bool
response_head(struct conn *c)
{
    struct exchange *x = &c->http;
    struct stream *up = &c->upstream;
    struct selfsame_err e = { 0 };
    struct http_head h;
    size_t len = 0, have = stream_have(up);

    have = have < HTTP_HEAD_LIMIT ? have : HTTP_HEAD_LIMIT;
    const uint8_t *p = have > 0 ? evbuffer_pullup(up->in, (ssize_t)have) : NULL;
    if (http_head_find(BYTES(p, have), &x->response_seen, &len, &e) != SELFSAME_OK ||
        (len > 0 && http_response_parse(BYTES(p, len), x->head_request, &h, &e) !=
                        SELFSAME_OK) ||
        (len > 0 && h.status == 101 && !x->upgrade)) {
        reply_last(c, "502 Bad Gateway", "the service behind does not speak HTTP/1.1");
        return true;
    }
    if (len == 0) {
        if (!up->eof && !up->broken)
            return false;
        reply_last(c, "502 Bad Gateway", "the service behind closed without an answer");
        return true;
    }
    x->response_seen = 0;
    if (evbuffer_remove_buffer(up->in, c->client.out, len) != (int)len) {
        conn_abort(c);
    } else if (h.status == 101) {
        exchange_free(x);
        conn_set(c, CONN_PIPE);
    } else if (h.status >= 200) {
        x->response_begun = true;
        x->response_body = http_body_of(&h);
        x->close = x->close || h.close;
    }
    return true;
}

static bool
response_rest(struct conn *c)
{
    struct exchange *x = &c->http;
    bool good, moved = body_step(&x->response_body, &c->upstream, &c->client, &good);

    if (!good) {
        conn_abort(c);
        return true;
    }
    bool dry = stream_have(&c->upstream) == 0;
    if (x->response_body.framing == HTTP_UNTIL_CLOSE && c->upstream.eof && dry)
        x->response_body.done = true;
    if (x->response_body.done) {
        response_over(c);
        return true;
    }
    if (dry && (c->upstream.eof || c->upstream.broken)) {
        conn_abort(c);
        return true;
    }
    return moved;
}

bool
exchange_wants_body(const struct conn *c)
{
    const struct exchange *x = &c->http;

    return x->phase == EXCHANGE_PROXY && !x->request_body.done && !x->response_begun &&
           !x->body_held;
}

/* A window ends when enough has come, and begins anew while the service takes none. */
static void
watch_body(struct conn *c, size_t arrived)
{
    struct exchange *x = &c->http;
    bool held = stream_full(&c->upstream);

    x->body_bytes += arrived;
    if (x->body_bytes >= BODY_PART || held || x->body_held) {
        x->body_bytes = 0;
        x->body_ms = net_clock_ms();
    }
    x->body_held = held;
}

static bool
proxy_step(struct conn *c)
{
    struct exchange *x = &c->http;
    bool good = true, moved = false;
    size_t before = stream_have(&c->client);

    if (!c->upstream.broken && !c->upstream.eof)
        moved = body_step(&x->request_body, &c->client, &c->upstream, &good);
    watch_body(c, before - stream_have(&c->client));
    if (!good) {
        stream_abort(&c->upstream); /* the service must not take it for whole */
        if (x->response_begun)
            conn_abort(c);
        else
            reply_last(c, "400 Bad Request", "the request body is malformed");
        return true;
    }
    if (c->client.eof && !x->request_body.done && stream_have(&c->client) == 0) {
        conn_abort(c);
        return true;
    }
    return (x->response_begun ? response_rest(c) : response_head(c)) || moved;
}

/* ---- the head of a request ---- */

static void
route(struct conn *c, const struct http_head *h, size_t len)
{
    struct exchange *x = &c->http;
    const uint8_t *mark = memchr(h->target.ptr, '?', h->target.len);
    size_t path_len = mark != NULL ? (size_t)(mark - h->target.ptr) : h->target.len;
    struct selfsame_bytes path = BYTES(h->target.ptr, path_len), query = BYTES_NONE;

    if (mark != NULL)
        query = BYTES(mark + 1, h->target.len - path_len - 1);
    x->request_body = http_body_of(h);
    x->close = h->close;
    x->upgrade = h->upgrade;
    x->head_request = bytes_eq(h->method, BYTES_LIT("HEAD"));
    c->head_begun = false;
    if (bytes_eq(path, BYTES_LIT(ATTEST_PATH)))
        begin_post(c, h);
    else if (bytes_eq(path, BYTES_LIT(ATTESTATION_PATH)))
        begin_get(c, h, query);
    else {
        begin_proxy(c, h, len);
        return;
    }
    if (c->phase != CONN_DEAD)
        (void)evbuffer_drain(c->client.in, len);
}

static bool
head_step(struct conn *c)
{
    struct exchange *x = &c->http;
    struct selfsame_err e = { 0 };
    struct http_head h;
    size_t len = 0, have = stream_have(&c->client);

    if (have == 0) {
        if (c->client.eof || c->server->draining)
            conn_finish(c);
        return c->phase != CONN_HTTP;
    }
    if (!c->head_begun) {
        c->head_begun = true;
        c->since_ms = net_clock_ms();
    }
    have = have < HTTP_HEAD_LIMIT ? have : HTTP_HEAD_LIMIT;
    const uint8_t *p = evbuffer_pullup(c->client.in, (ssize_t)have);
    if (p == NULL) {
        conn_abort(c);
        return true;
    }
    if (http_head_find(BYTES(p, have), &x->request_seen, &len, &e) != SELFSAME_OK ||
        (len > 0 && http_request_parse(BYTES(p, len), &h, &e) != SELFSAME_OK)) {
        reply_last(c, "400 Bad Request", err_text(&e));
        return true;
    }
    if (len > 0) {
        route(c, &h, len);
        return true;
    }
    if (c->client.eof)
        conn_finish(c);
    return c->phase != CONN_HTTP;
}

bool
exchange_step(struct conn *c)
{
    switch (c->http.phase) {
    case EXCHANGE_HEAD:
        /* A client that does not read its answers gets no further ones. */
        return !stream_full(&c->client) && head_step(c);
    case EXCHANGE_POST: return post_step(c);
    case EXCHANGE_PROXY: return proxy_step(c);
    default: return false;
    }
}
