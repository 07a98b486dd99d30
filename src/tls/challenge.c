/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cmw.h"
#include "crypto/crypto.h"
#include "net/http.h"
#include "tee/tee.h"
#include "tls/session.h"

#include <stdio.h>

#include <openssl/x509.h>

enum { FRAME_HEAD = 4, BODY_LIMIT = ATTEST_FRAME_LIMIT };

/* ---- what we say ---- */

/* Every type a verifier of this build reads; the policy decides later. */
static void
offer_types(struct attest_request *m)
{
    for (size_t i = 0; tee_verifier_at(i) != NULL; i++) {
        const char *const *type = tee_verifier_at(i)->media_types;
        for (; *type != NULL && m->type_count < ATTEST_TYPES; type++)
            m->types[m->type_count++] = bytes_str(*type);
    }
}

static enum selfsame_code
make_nonce(struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t *p = arena_alloc(arena, 1, ATTEST_NONCE);

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a nonce");
    if (!rng_bytes(p, ATTEST_NONCE))
        FAIL(e, SELFSAME_INTERNAL, "no random bytes for a nonce");
    *ret = BYTES(p, ATTEST_NONCE);
    return SELFSAME_OK;
}

/* The key the server proved to hold in this handshake. */
static enum selfsame_code
peer_spki(struct session *s, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    uint8_t *der = NULL;
    int len = cert != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : -1;

    if (len <= 0)
        FAIL(e, SELFSAME_UNBOUND, "the server shows no certificate");
    bool good = arena_dup(arena, BYTES(der, (size_t)len), ret);
    OPENSSL_free(der);
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "no memory for the server's key");
    return SELFSAME_OK;
}

/* ---- what we hear ---- */

static enum selfsame_code
judge_status(const struct attest_response *m, struct selfsame_err *e)
{
    enum { SAID = 90 }; /* leaves room for our own words */
    int len = (int)text_cut(m->error, SAID);
    const char *text = len > 0 ? (const char *)m->error.ptr : "";

    switch (m->status) {
    case ATTEST_OK: return SELFSAME_OK;
    case ATTEST_MALFORMED:
    case ATTEST_UNSUPPORTED:
        FAIL(e, SELFSAME_UNSUPPORTED, "the server refuses the challenge: %.*s", len,
            text);
    default:
        FAIL(e, SELFSAME_UNBOUND, "the server has no evidence (status %u): %.*s",
            (unsigned)m->status, len, text);
    }
}

static enum selfsame_code
check_type(const struct attest_request *asked, struct selfsame_bytes evidence,
    struct arena *arena, struct selfsame_err *e)
{
    struct cmw cmw;

    TRY_WHILE(e, cmw_parse(evidence, arena, &cmw, e), "reading the server's evidence");
    for (size_t i = 0; i < cmw.count; i++)
        if (attest_request_accepts(asked, cmw.entries[i].type))
            return SELFSAME_OK;
    FAIL(e, SELFSAME_UNSUPPORTED, "the server sent evidence of a type not asked for");
}

static enum selfsame_code
read_response(const struct attest_request *asked, struct selfsame_bytes message,
    struct arena *arena, struct answer *a, struct selfsame_err *e)
{
    struct attest_response m;

    TRY(attest_response_parse(message, &m, e));
    TRY(judge_status(&m, e));
    if (m.request.ptr != NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "the server wants this client attested");
    TRY(check_type(asked, m.cmw, arena, e));
    a->evidence = m.cmw;
    return SELFSAME_OK;
}

/* ---- raw carrier ---- */

static enum selfsame_code
read_exactly(struct session *s, uint8_t *buf, size_t len, int64_t deadline_ms,
    struct selfsame_err *e)
{
    for (size_t done = 0, n = 0; done < len; done += n) {
        TRY(session_read(s, buf + done, len - done, deadline_ms, &n, e));
        if (n == 0)
            FAIL(e, SELFSAME_IO, "the server ended the connection");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
frame_write(struct session *s, struct selfsame_bytes message, struct arena *arena,
    int64_t deadline_ms, struct selfsame_err *e)
{
    size_t size = FRAME_HEAD + message.len;
    uint8_t *p = arena_alloc(arena, 1, size);

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a message");
    struct writer w = writer_of(p, size);
    put_be32(&w, (uint32_t)message.len);
    put_bytes(&w, message);
    return session_write(s, BYTES(p, size), deadline_ms, e);
}

static enum selfsame_code
frame_read(struct session *s, struct arena *arena, int64_t deadline_ms,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t head[FRAME_HEAD];

    TRY(read_exactly(s, head, sizeof(head), deadline_ms, e));
    struct reader r = reader_of(BYTES_ARR(head));
    size_t len = get_be32(&r);
    if (len == 0 || len > ATTEST_FRAME_LIMIT)
        FAIL(e, SELFSAME_MALFORMED, "attest response of %zu bytes, at most %d", len,
            ATTEST_FRAME_LIMIT);
    uint8_t *p = arena_alloc(arena, 1, len);
    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a response of %zu bytes", len);
    TRY(read_exactly(s, p, len, deadline_ms, e));
    *ret = BYTES(p, len);
    return SELFSAME_OK;
}

enum selfsame_code
challenge_ack(struct session *s, enum selfsame_code code, int64_t deadline_ms,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(65536);
    struct attest_ack m = { .status = ATTEST_OK };
    struct selfsame_bytes message;

    if (s->carrier != SESSION_RAW)
        return SELFSAME_OK;
    if (code != SELFSAME_OK) {
        m.status = ATTEST_REFUSED;
        m.error = bytes_str(selfsame_code_name(code));
    }
    TRY(attest_ack_encode(&m, &arena, &message, e));
    return frame_write(s, message, &arena, deadline_ms, e);
}

/* ---- HTTP carrier ---- */

struct reply {
    struct http_head head;
    bool cbor; /* Content-Type: application/cbor */
    struct selfsame_bytes body;
};

/* Reads more behind `len` bytes of buf; IO at the end. */
static enum selfsame_code
more(struct session *s, uint8_t *buf, size_t *len, size_t cap, int64_t deadline_ms,
    struct selfsame_err *e)
{
    size_t n = 0;

    if (*len == cap)
        FAIL(e, SELFSAME_MALFORMED, "HTTP response of more than %zu bytes", cap);
    TRY(session_read(s, buf + *len, cap - *len, deadline_ms, &n, e));
    if (n == 0)
        FAIL(e, SELFSAME_IO, "the server ended the connection");
    *len += n;
    return SELFSAME_OK;
}

static enum selfsame_code
read_head(struct session *s, uint8_t *buf, size_t *len, int64_t deadline_ms,
    struct http_head *ret, size_t *ret_len, struct selfsame_err *e)
{
    enum { INTERIM = 8 }; /* a stream of them would outlive any deadline */
    size_t head_len = 0, seen = 0;

    for (int interim = 0;;) {
        TRY(http_head_find(BYTES(buf, *len), &seen, &head_len, e));
        if (head_len == 0) {
            TRY(more(s, buf, len, HTTP_HEAD_LIMIT, deadline_ms, e));
            continue;
        }
        TRY(http_response_parse(BYTES(buf, head_len), false, ret, e));
        if (ret->status >= 200)
            break;
        if (++interim > INTERIM)
            FAIL(e, SELFSAME_MALFORMED, "over %d interim HTTP answers", (int)INTERIM);
        *len -= head_len;
        memmove(buf, buf + head_len, *len);
        seen = 0;
    }
    *ret_len = head_len;
    return SELFSAME_OK;
}

/* Whoever answers there is not attested: there is no evidence that could be another's. */
static enum selfsame_code
not_attested(unsigned status, const char *asked, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_UNBOUND, __FILE__, __LINE__,
        "this server has no evidence: HTTP status %u for %s", status, asked);
    err_remedy(e,
        "Do not send anything: no attested service answers there. Check address "
        "and port, and that `selfsame serve` stands in front of it.");
    return SELFSAME_UNBOUND;
}

static enum selfsame_code
read_reply(struct session *s, struct arena *arena, int64_t deadline_ms,
    struct reply *ret, struct selfsame_err *e)
{
    uint8_t *buf = arena_alloc(arena, 1, HTTP_HEAD_LIMIT);
    uint8_t *out = arena_alloc(arena, 1, BODY_LIMIT);
    size_t len = 0, at = 0, used = 0, total = 0;
    struct selfsame_bytes data;

    if (buf == NULL || out == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a response");
    TRY(read_head(s, buf, &len, deadline_ms, &ret->head, &at, e));
    if (ret->head.framing == HTTP_UNTIL_CLOSE)
        return not_attested(ret->head.status, "what has no length of its answer", e);
    struct http_body body = http_body_of(&ret->head);
    /* The head's views end here: its bytes are overwritten by the body's. */
    ret->cbor = http_word_eq(
        http_header(&ret->head, "content-type"), "application/cbor");
    ret->head.count = 0;
    while (!body.done) {
        TRY(http_body_feed(&body, BYTES(buf + at, len - at), &used, &data, e));
        if (data.len > BODY_LIMIT - total)
            FAIL(e, SELFSAME_MALFORMED, "HTTP response of more than %d bytes",
                BODY_LIMIT);
        if (data.len > 0)
            memcpy(out + total, data.ptr, data.len);
        total += data.len;
        at += used;
        if (body.done || used > 0)
            continue;
        len -= at;
        memmove(buf, buf + at, len);
        at = 0;
        TRY(more(s, buf, &len, HTTP_HEAD_LIMIT, deadline_ms, e));
    }
    if (at != len)
        FAIL(e, SELFSAME_MALFORMED, "%zu bytes after the answer to the challenge",
            len - at);
    ret->body = BYTES(out, total);
    return SELFSAME_OK;
}

/* "Host:" and what follows the request line; the address as it was asked for. */
static enum selfsame_code
ask(struct session *s, const struct session_config *c, const char *line,
    struct selfsame_bytes body, struct arena *arena, int64_t deadline_ms,
    struct reply *ret, struct selfsame_err *e)
{
    char host[NET_TEXT];
    char *head;

    net_addr_text(&c->addr, host);
    if (c->addr.kind != NET_TCP)
        (void)snprintf(host, sizeof(host), "localhost");
    if (body.ptr != NULL)
        head = arena_printf(arena,
            "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/cbor\r\n"
            "Accept: application/cbor\r\nContent-Length: %zu\r\n\r\n",
            line, host, body.len);
    else
        head = arena_printf(arena,
            "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/cmw+json, "
            "application/json\r\n\r\n",
            line, host);
    if (head == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a request");
    TRY(session_write(s, bytes_str(head), deadline_ms, e));
    TRY(session_write(s, body, deadline_ms, e));
    TRY(read_reply(s, arena, deadline_ms, ret, e));
    s->spent = ret->head.close;
    return SELFSAME_OK;
}

/* 400 and 503 of an attested server carry a response message that says why. */
static bool
answers(const struct reply *r)
{
    unsigned status = r->head.status;

    return r->cbor && (status == 200 || status == 400 || status == 503);
}

static enum selfsame_code
ask_about_key(struct session *s, const struct session_config *c, int64_t deadline_ms,
    struct arena *arena, struct answer *a, struct selfsame_err *e)
{
    char nonce[BASE64_SIZE(ATTEST_NONCE)];
    struct reply r = { 0 };

    (void)base64_encode(a->nonce, true, nonce);
    char *line = arena_printf(arena, ATTESTATION_PATH "?nonce=%s", nonce);
    if (line == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a request");
    TRY(ask(s, c, line, BYTES_NONE, arena, deadline_ms, &r, e));
    if (r.head.status != 200)
        return not_attested(r.head.status, "GET " ATTESTATION_PATH, e);
    a->evidence = r.body;
    a->request = BYTES_NONE;
    return SELFSAME_OK;
}

static enum selfsame_code
over_http(struct session *s, const struct session_config *c,
    const struct attest_request *asked, int64_t deadline_ms, struct arena *arena,
    struct answer *a, struct selfsame_err *e)
{
    struct reply r = { 0 };

    TRY(ask(s, c, ATTEST_PATH, a->request, arena, deadline_ms, &r, e));
    if (answers(&r))
        return read_response(asked, r.body, arena, a, e);
    if (c->key_level_too && !s->spent)
        return ask_about_key(s, c, deadline_ms, arena, a, e);
    return not_attested(r.head.status, "POST " ATTEST_PATH, e);
}

static enum selfsame_code
over_raw(struct session *s, const struct attest_request *asked, int64_t deadline_ms,
    struct arena *arena, struct answer *a, struct selfsame_err *e)
{
    struct selfsame_bytes message;

    TRY(frame_write(s, a->request, arena, deadline_ms, e));
    TRY(frame_read(s, arena, deadline_ms, &message, e));
    return read_response(asked, message, arena, a, e);
}

enum selfsame_code
challenge_send(struct session *s, const struct session_config *c, int64_t deadline_ms,
    struct arena *arena, struct answer *ret, struct selfsame_err *e)
{
    struct attest_request asked = { .mode = ATTEST_EVIDENCE };
    struct answer a = { 0 };

    TRY(peer_spki(s, arena, &a.spki, e));
    TRY(make_nonce(arena, &a.nonce, e));
    asked.nonce = a.nonce;
    offer_types(&asked);
    TRY(attest_request_encode(&asked, arena, &a.request, e));
    /* Ours, over what we sent: never anything the server says of the session. */
    TRY(tls_export(s->ssl, a.request, a.exporter, e));
    if (s->carrier == SESSION_RAW)
        TRY(over_raw(s, &asked, deadline_ms, arena, &a, e));
    else
        TRY(over_http(s, c, &asked, deadline_ms, arena, &a, e));
    *ret = a;
    return SELFSAME_OK;
}
