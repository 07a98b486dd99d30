/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cmw.h"
#include "tls/server.h"

#include <stdlib.h>

enum { STEPS = 16, LINGER_MS = 2000, FRAME_HEAD = 4 };

void
conn_set(struct conn *c, enum conn_phase phase)
{
    bool was_handshake = c->phase == CONN_HANDSHAKE && phase != CONN_HANDSHAKE;

    c->phase = phase;
    if (was_handshake) {
        c->server->handshake_count--;
        server_resume(c->server);
    }
    c->since_ms = net_clock_ms();
}

void
conn_finish(struct conn *c)
{
    stream_close(&c->upstream);
    c->client.end = true;
    conn_set(c, CONN_CLOSING);
}

void
conn_abort(struct conn *c)
{
    stream_abort(&c->upstream);
    stream_abort(&c->client);
    conn_set(c, CONN_DEAD);
}

void
conn_free(struct conn *c)
{
    conn_set(c, CONN_DEAD);
    server_forget(c->server, c);
    if (c->job != NULL)
        worker_drop(c->server->worker, c->job);
    stream_close(&c->client);
    stream_close(&c->upstream);
    exchange_free(&c->http);
    if (c->timer != NULL)
        event_free(c->timer);
    if (c->again != NULL)
        event_free(c->again);
    free(c);
}

static void
wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    conn_step(arg);
}

bool
conn_open_upstream(struct conn *c)
{
    struct selfsame_err e = { 0 };
    int fd = -1;

    stream_close(&c->upstream);
    if (net_connect_start(&c->server->upstream, &fd, &e) != SELFSAME_OK) {
        server_log(c->server, "upstream", &e);
        return false;
    }
    return stream_open(&c->upstream, c->server->base, fd, NULL, wake, c);
}

/* ---- challenges ---- */

bool
conn_challenge(
    struct conn *c, bool key, struct selfsame_bytes challenge, struct selfsame_err *e)
{
    struct job *j = job_new();
    struct attest_request m;

    if (j == NULL) {
        (void)err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory");
        return false;
    }
    j->owner = c;
    j->key = key;
    j->spki = c->server->spki;
    bool good = arena_dup(&j->arena, challenge, &j->request);
    if (!good)
        (void)err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory");
    if (good && key) {
        j->nonce = j->request;
    } else if (good) {
        good = attest_request_parse(j->request, &m, e) == SELFSAME_OK;
        if (good && m.mode != ATTEST_EVIDENCE) {
            (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
                "mode %d is not offered here, only 1", (int)m.mode);
            good = false;
        }
        good = good &&
               tls_export(c->client.ssl, j->request, j->exporter, e) == SELFSAME_OK;
        j->nonce = good ? m.nonce : BYTES_NONE;
    }
    if (!good) {
        job_free(j);
        return false;
    }
    c->job = j;
    worker_put(c->server->worker, j);
    return true;
}

enum attest_status
conn_status(const struct selfsame_err *e)
{
    switch (e->code) {
    case SELFSAME_MALFORMED: return ATTEST_MALFORMED;
    case SELFSAME_UNSUPPORTED: return ATTEST_UNSUPPORTED;
    default: return ATTEST_FAILED;
    }
}

struct selfsame_bytes
conn_refusal(
    enum attest_status status, const struct selfsame_err *e, struct arena *arena)
{
    struct selfsame_bytes text = bytes_str(err_text(e));
    struct attest_response m = { .status = status,
        .error = utf8_valid(text) ? text : BYTES_LIT("no reason given") };
    struct selfsame_bytes ret = BYTES_NONE;
    struct selfsame_err ignored;

    if (attest_response_encode(&m, arena, &ret, &ignored) != SELFSAME_OK)
        return BYTES_NONE;
    return ret;
}

/* Evidence of a type the client did not name would only be refused there (§4.2). */
static enum selfsame_code
check_offered(struct job *job, struct selfsame_err *e)
{
    struct attest_request m;
    struct cmw cmw;

    TRY(attest_request_parse(job->request, &m, e));
    TRY(cmw_parse(BYTES(job->cmw, job->cmw_len), &job->arena, &cmw, e));
    for (size_t i = 0; i < cmw.count; i++)
        if (attest_request_accepts(&m, cmw.entries[i].type))
            return SELFSAME_OK;
    FAIL(
        e, SELFSAME_UNSUPPORTED, "this TEE's evidence is not among the accepted types");
}

struct selfsame_bytes
conn_response(struct conn *c, struct job *job)
{
    struct attest_response m = { .status = ATTEST_OK,
        .cmw = BYTES(job->cmw, job->cmw_len) };
    struct selfsame_bytes ret = BYTES_NONE;
    struct selfsame_err e = { 0 };

    if (job->code != SELFSAME_OK) {
        server_log(c->server, "collecting evidence", &job->err);
        return conn_refusal(ATTEST_FAILED, &job->err, &job->arena);
    }
    if (check_offered(job, &e) != SELFSAME_OK)
        return conn_refusal(ATTEST_UNSUPPORTED, &e, &job->arena);
    if (attest_response_encode(&m, &job->arena, &ret, &e) != SELFSAME_OK)
        return BYTES_NONE;
    return ret;
}

/* ---- the raw carrier: length || message, then a pipe ---- */

/* The frame at the start of the input: true when it is whole. */
static bool
frame_whole(struct conn *c, struct selfsame_bytes *ret)
{
    uint8_t head[FRAME_HEAD];

    if (evbuffer_copyout(c->client.in, head, sizeof(head)) != FRAME_HEAD)
        return false;
    struct reader r = reader_of(BYTES_ARR(head));
    size_t len = get_be32(&r);
    if (len == 0 || len > ATTEST_REQUEST_LIMIT) {
        conn_abort(c);
        return false;
    }
    if (evbuffer_get_length(c->client.in) < FRAME_HEAD + len)
        return false;
    const uint8_t *p = evbuffer_pullup(c->client.in, (ssize_t)(FRAME_HEAD + len));
    if (p == NULL) {
        conn_abort(c);
        return false;
    }
    *ret = BYTES(p + FRAME_HEAD, len);
    return true;
}

static bool
frame_send(struct conn *c, struct selfsame_bytes message)
{
    uint8_t head[FRAME_HEAD];
    struct writer w = writer_of(head, sizeof(head));

    put_be32(&w, (uint32_t)message.len);
    return message.ptr != NULL &&
           evbuffer_add(c->client.out, head, sizeof(head)) == 0 &&
           evbuffer_add(c->client.out, message.ptr, message.len) == 0;
}

static void
raw_refuse(struct conn *c, const struct selfsame_err *e)
{
    auto_arena arena = arena_new(65536);

    if (frame_send(c, conn_refusal(conn_status(e), e, &arena)))
        conn_finish(c);
    else
        conn_abort(c);
}

static bool
raw_request(struct conn *c)
{
    struct selfsame_bytes message;
    struct selfsame_err e = { 0 };

    if (!frame_whole(c, &message)) {
        if (c->phase == CONN_RAW_REQUEST && c->client.eof)
            conn_finish(c);
        return c->phase != CONN_RAW_REQUEST;
    }
    if (conn_challenge(c, false, message, &e)) {
        (void)evbuffer_drain(c->client.in, FRAME_HEAD + message.len);
        conn_set(c, CONN_RAW_WORK);
    } else {
        raw_refuse(c, &e);
    }
    return true;
}

static bool
raw_ack(struct conn *c)
{
    struct selfsame_bytes message;
    struct selfsame_err e = { 0 };
    struct attest_ack ack;

    if (!frame_whole(c, &message)) {
        if (c->phase == CONN_RAW_ACK && c->client.eof)
            conn_finish(c);
        return c->phase != CONN_RAW_ACK;
    }
    /* Only now does the service behind learn that anybody is there. */
    if (attest_ack_parse(message, &ack, &e) != SELFSAME_OK || ack.status != ATTEST_OK) {
        conn_finish(c);
        return true;
    }
    (void)evbuffer_drain(c->client.in, FRAME_HEAD + message.len);
    conn_set(c, CONN_PIPE);
    if (!conn_open_upstream(c))
        conn_abort(c);
    return true;
}

void
conn_answer(struct job *job)
{
    struct conn *c = job->owner;

    if (job->certificate) {
        certificate_renewed(job);
        return;
    }
    if (c == NULL) {
        job_free(job);
        return;
    }
    c->job = NULL;
    if (c->phase == CONN_RAW_WORK) {
        struct selfsame_bytes message = conn_response(c, job);
        bool sent = frame_send(c, message);
        conn_set(c, CONN_RAW_ACK);
        if (!sent)
            conn_abort(c);
    } else if (c->phase == CONN_HTTP) {
        exchange_answer(c, job);
    }
    job_free(job);
    conn_step(c);
}

/* ---- the pipe ---- */

static bool
pipe_move(struct stream *from, struct stream *to)
{
    bool moved = false;

    if (stream_have(from) > 0 && !stream_full(to))
        moved = evbuffer_add_buffer(to->out, from->in) == 0;
    if (from->eof && stream_have(from) == 0 && !to->end) {
        to->end = true;
        moved = true;
    }
    return moved;
}

static bool
pipe_step(struct conn *c)
{
    if (c->client.broken || c->upstream.broken) {
        conn_abort(c);
        return true;
    }
    bool moved = pipe_move(&c->client, &c->upstream);
    moved = pipe_move(&c->upstream, &c->client) || moved;
    if (c->client.ended && c->upstream.ended) {
        conn_finish(c);
        return true;
    }
    return moved;
}

/* ---- stepping ---- */

static bool
handshake_step(struct conn *c)
{
    if (c->client.opening)
        return false;
    conn_set(
        c, tls_alpn_is(c->client.ssl, TLS_ALPN_RAW) ? CONN_RAW_REQUEST : CONN_HTTP);
    return true;
}

static bool
closing_step(struct conn *c)
{
    (void)evbuffer_drain(c->client.in, stream_have(&c->client));
    if (c->client.ended && !c->lingering) {
        c->lingering = true;
        c->since_ms = net_clock_ms();
    }
    if (c->client.broken || (c->client.eof && c->client.ended))
        conn_set(c, CONN_DEAD);
    return c->phase == CONN_DEAD;
}

static bool
phase_step(struct conn *c)
{
    if (c->client.broken && c->phase != CONN_PIPE && c->phase != CONN_CLOSING) {
        /* Not reset here: an alert of ours may be on its way. */
        stream_abort(&c->upstream);
        conn_set(c, CONN_DEAD);
        return false;
    }
    switch (c->phase) {
    case CONN_HANDSHAKE: return handshake_step(c);
    case CONN_RAW_REQUEST: return raw_request(c);
    case CONN_RAW_ACK: return raw_ack(c);
    case CONN_PIPE: return pipe_step(c);
    case CONN_HTTP: return exchange_step(c);
    case CONN_CLOSING: return closing_step(c);
    default: return false; /* CONN_RAW_WORK waits, CONN_DEAD is over */
    }
}

/* When this connection has waited too long; INT64_MAX while the device is asked. */
static int64_t
phase_deadline(const struct conn *c)
{
    const struct server_config *g = &c->server->config;

    if (c->job != NULL)
        return INT64_MAX;
    switch (c->phase) {
    case CONN_HANDSHAKE:
        if (server_hurries(c->server) && g->hurry_ms < g->handshake_ms)
            return c->since_ms + g->hurry_ms;
        return c->since_ms + g->handshake_ms;
    case CONN_RAW_REQUEST:
    case CONN_RAW_ACK: return c->since_ms + g->handshake_ms;
    case CONN_CLOSING:
        return c->lingering ? c->since_ms + LINGER_MS : c->active_ms + g->idle_ms;
    case CONN_HTTP:
        if (c->head_begun || c->http.phase == EXCHANGE_POST)
            return c->since_ms + g->handshake_ms;
        return c->active_ms + g->idle_ms;
    default: return c->active_ms + g->idle_ms;
    }
}

static int64_t
deadline(const struct conn *c)
{
    int64_t at = phase_deadline(c);

    if (c->job == NULL && c->phase == CONN_HTTP && exchange_wants_body(c) &&
        c->http.body_ms + c->server->config.body_ms < at)
        at = c->http.body_ms + c->server->config.body_ms;
    return at;
}

static void
arm_timer(struct conn *c)
{
    int64_t at = deadline(c), now = net_clock_ms();

    /* Later deadlines need no new timer: it looks again when it fires. */
    if (at == INT64_MAX || (c->armed_ms != 0 && c->armed_ms <= at))
        return;
    int64_t left = at > now ? at - now : 1;
    struct timeval t = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
    c->armed_ms = at;
    (void)event_add(c->timer, &t);
}

void
conn_hurry(struct conn *c)
{
    arm_timer(c);
}

static void
timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;

    (void)fd, (void)what;
    c->armed_ms = 0;
    if (net_clock_ms() >= deadline(c) && c->lingering)
        conn_set(c, CONN_DEAD);
    else if (net_clock_ms() >= deadline(c))
        conn_abort(c);
    conn_step(c);
}

void
conn_step(struct conn *c)
{
    struct timeval now = { 0 };
    bool moved = true;
    int rounds = 0;

    for (; moved && c->phase != CONN_DEAD && rounds < STEPS; rounds++) {
        moved = stream_turn(&c->client);
        moved = stream_turn(&c->upstream) || moved;
        if (moved)
            c->active_ms = net_clock_ms();
        moved = phase_step(c) || moved;
    }
    if (c->phase == CONN_DEAD) {
        conn_free(c);
        return;
    }
    if (moved) /* others get their turn first */
        (void)event_add(c->again, &now);
    stream_arm(&c->client);
    stream_arm(&c->upstream);
    arm_timer(c);
}

void
conn_drain(struct conn *c)
{
    if (c->phase == CONN_HTTP && c->http.phase == EXCHANGE_HEAD && !c->head_begun)
        conn_finish(c);
    else if (c->phase < CONN_RAW_WORK)
        conn_abort(c);
    conn_step(c);
}

bool
conn_new(struct server *s, int fd, const struct net_peer *peer)
{
    struct conn *c = calloc(1, sizeof(*c));
    SSL *ssl = SSL_new(s->ctx);

    if (c == NULL || ssl == NULL) {
        free(c);
        SSL_free(ssl);
        net_reset_on_close(fd);
        return false;
    }
    SSL_set_accept_state(ssl);
    c->server = s;
    c->upstream.fd = -1;
    c->next = s->conns;
    if (s->conns != NULL)
        s->conns->prev = c;
    s->conns = c;
    s->conn_count++;
    s->handshake_count++;
    c->counted = peer != NULL;
    if (peer != NULL)
        c->peer = *peer;
    c->timer = evtimer_new(s->base, timer_fired, c);
    c->again = evtimer_new(s->base, wake, c);
    bool open = stream_open(&c->client, s->base, fd, ssl, wake, c);
    if (!open || c->timer == NULL || c->again == NULL) {
        conn_free(c);
        return true; /* the descriptor is closed */
    }
    c->active_ms = net_clock_ms();
    conn_set(c, CONN_HANDSHAKE);
    conn_step(c);
    return true;
}
