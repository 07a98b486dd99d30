/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "os/os.h"
#include "service/httpd_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t
httpd_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
httpd_reading_us(const struct httpd_request *r)
{
    return httpd_now_us() - r->begun_us;
}

struct httpd_request *
httpd_request_new(struct httpd *h)
{
    struct httpd_loop *l = httpd_loop(h);
    struct httpd_request *r = malloc(sizeof(*r));

    if (r == NULL)
        return NULL;
    *r = (struct httpd_request){ .h = h, .next = l->requests, .path = "", .file = -1 };
    if (r->next != NULL)
        r->next->prev = r;
    l->requests = r;
    return r;
}

static void
drop_answer(struct httpd_request *r)
{
    (void)atomic_fetch_sub(&httpd_loop(r->h)->waiting, r->counted);
    r->counted = 0;
    free(r->out);
    free(r->extra);
    r->out = NULL;
    r->extra = NULL;
    r->out_body = r->extra_len = 0;
    fd_close(&r->file);
    r->file_left = 0;
}

void
httpd_request_free(struct httpd_request *r)
{
    struct httpd_loop *l = httpd_loop(r->h);

    drop_answer(r);
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        l->requests = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    free(r->text);
    free(r->body);
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

bool
httpd_request_body_add(struct httpd_request *r, struct selfsame_bytes data)
{
    if (data.len > r->body_cap - r->body_len) {
        size_t cap = 2 * r->body_cap + data.len;
        uint8_t *body = realloc(r->body, cap);

        if (body == NULL)
            return false;
        r->body = body;
        r->body_cap = cap;
    }
    if (data.len > 0)
        memcpy(r->body + r->body_len, data.ptr, data.len);
    r->body_len += data.len;
    return true;
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
    (void)snprintf(ret, 16, "%.*s", r->head.method.len < 16 ? (int)r->head.method.len : 15,
        (const char *)r->head.method.ptr);
    return ret;
}

bool
httpd_client_certificate(const struct httpd_request *r, uint8_t ret[static 32])
{
    (void)r;
    (void)ret;
    return false; /* a connection without TLS */
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

/* ---- the answer ---- */

/* Clients that do not read what they asked for must not fill the memory together. */
static bool
may_wait(struct httpd_request *r, size_t len)
{
    struct httpd_loop *l = httpd_loop(r->h);

    if (len <= HTTPD_ANSWER_FREE)
        return true;
    r->counted = len;
    return atomic_fetch_add(&l->waiting, len) + len <=
           httpd_config(r->h)->answers_limit;
}

static void
keep_body(struct httpd_request *r, struct selfsame_bytes body)
{
    if (may_wait(r, body.len))
        r->out = malloc(HTTPD_ANSWER_HEAD + r->extra_len + body.len);
    if (r->out == NULL) {
        drop_answer(r);
        r->retry_s = 1; /* 503, without a word */
        return;
    }
    r->out_body = body.len;
    if (body.len > 0)
        memcpy(r->out + HTTPD_ANSWER_HEAD + r->extra_len, body.ptr, body.len);
}

/* RFC 9110 §5.5: no value may begin another line. */
static bool
header_ok(const struct httpd_header *f)
{
    return f->name != NULL && f->value != NULL && f->name[0] != '\0' &&
           strpbrk(f->name, "\r\n: \t") == NULL && strpbrk(f->value, "\r\n") == NULL;
}

/* Without memory for them there is no answer, rather than one without its headers. */
static bool
keep_headers(struct httpd_request *r, const struct httpd_header *headers, size_t count)
{
    size_t need = 0, len = 0;

    for (size_t i = 0; i < count; i++)
        if (header_ok(&headers[i]))
            need += strlen(headers[i].name) + strlen(headers[i].value) + 4;
    if (need == 0)
        return true;
    r->extra = malloc(need + 1);
    if (r->extra == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (header_ok(&headers[i]))
            len += (size_t)snprintf(r->extra + len, need + 1 - len, "%s: %s\r\n",
                headers[i].name, headers[i].value);
    r->extra_len = len;
    return true;
}

void
httpd_request_keep_answer(struct httpd_request *r, const struct httpd_answer *a)
{
    assert(a->status >= 200 && a->status <= 599);
    r->status = a->status;
    r->retry_s = a->retry_s;
    int type = snprintf(r->type, sizeof(r->type), "%s",
        a->type != NULL ? a->type : "text/plain; charset=utf-8");
    int cache = snprintf(
        r->cache, sizeof(r->cache), "%s", a->cache != NULL ? a->cache : "no-store");
    /* Both are our own constants: neither too long nor of two lines. */
    assert(type > 0 && (size_t)type < sizeof(r->type));
    assert(cache > 0 && (size_t)cache < sizeof(r->cache));
    assert(strpbrk(r->type, "\r\n") == NULL && strpbrk(r->cache, "\r\n") == NULL);
    drop_answer(r);
    if (!keep_headers(r, a->headers, a->header_count)) {
        r->retry_s = 1; /* 503, without a word */
        return;
    }
    if (a->file_size == 0) {
        keep_body(r, a->body);
        return;
    }
    keep_body(r, BYTES_NONE);
    r->file = a->file;
    r->file_at = 0;
    r->file_left = a->file_size;
}

static char *
default_refusal(const struct selfsame_err *e)
{
    auto_json *j = json_pack("{s:{s:s,s:s}}", "error", "class",
        selfsame_code_name(e->code), "message", err_text(e));

    return j != NULL ? json_compact(j) : NULL;
}

void
httpd_request_keep_refusal(
    struct httpd_request *r, int status, const struct selfsame_err *e)
{
    const struct httpd_config *config = httpd_config(r->h);
    const char *type = "application/json";
    char *text = NULL;

    if (config->refusal != NULL)
        text = config->refusal(config->ctx, status, e, &type);
    if (text == NULL)
        text = default_refusal(e);
    const struct httpd_answer a = {
        .status = status,
        .type = type,
        .retry_s = status == 503 || status == 429 ? 1 : 0,
        .body = text != NULL ? bytes_str(text) : BYTES_LIT("{}"),
    };

    httpd_request_keep_answer(r, &a);
    free(text);
}

static const char *
reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 422, "Unprocessable Content" },
        { 428, "Precondition Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 503, "Service Unavailable" },
    };

    for (size_t i = 0; i < COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Other";
}

void
httpd_date(int64_t now_s, char ret[static HTTPD_DATE])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)now_s;
    struct tm tm = { .tm_mday = 1 };

    (void)gmtime_r(&t, &tm);
    /* RFC 9110 §5.6.7, in no locale. */
    (void)snprintf(ret, HTTPD_DATE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
        days + 3 * (tm.tm_wday % 7), (unsigned)tm.tm_mday % 100,
        months + 3 * (tm.tm_mon % 12), ((unsigned)tm.tm_year + 1900) % 10000,
        (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
        (unsigned)tm.tm_sec % 100);
}

bool
httpd_request_render(struct httpd_request *r, const char *date, bool close)
{
    char head[HTTPD_ANSWER_HEAD], retry[40] = "";
    /* RFC 9110 §15.3.5, §15.4.5: these have no body, so no length and no type. */
    const bool bare = r->status == 204 || r->status == 304;

    if (r->out == NULL) {
        drop_answer(r);
        r->status = 503;
        /* What the answer was may be kept for a year: not that there was none. */
        memcpy(r->cache, "no-store", sizeof("no-store"));
        r->out = malloc(HTTPD_ANSWER_HEAD);
        if (r->out == NULL)
            return false;
    }
    const char *connection = close ? "Connection: close\r\n" : "";

    /* RFC 9112 §9.3: what HTTP/1.0 asked for has to be said. */
    if (!close && r->head.minor == 0)
        connection = "Connection: keep-alive\r\n";
    if (r->retry_s > 0)
        (void)snprintf(retry, sizeof(retry), "Retry-After: %u\r\n", r->retry_s);
    char content[160] = "";
    if (!bare)
        (void)snprintf(content, sizeof(content),
            "Content-Type: %s\r\nContent-Length: %llu\r\n", r->type,
            (unsigned long long)(r->file >= 0 ? r->file_left : r->out_body));
    int len = snprintf(head, sizeof(head),
        "HTTP/1.1 %d %s\r\nDate: %s\r\n%s"
        "Cache-Control: %s\r\nX-Content-Type-Options: nosniff\r\n%s%s%s%s%s",
        r->status, reason(r->status), date, content, r->cache, retry,
        r->allow[0] != '\0' ? "Allow: " : "", r->allow,
        r->allow[0] != '\0' ? "\r\n" : "", connection);
    assert(len > 0 && (size_t)len + 2 < sizeof(head));
    r->out_beg = HTTPD_ANSWER_HEAD - (size_t)len - 2;
    memcpy(r->out + r->out_beg, head, (size_t)len);
    if (r->extra_len > 0)
        memcpy(r->out + r->out_beg + len, r->extra, r->extra_len);
    memcpy(r->out + r->out_beg + (size_t)len + r->extra_len, "\r\n", 2);
    bool head_alone = bare || bytes_eq(r->head.method, BYTES_LIT("HEAD"));
    r->out_end = HTTPD_ANSWER_HEAD + r->extra_len + (head_alone ? 0 : r->out_body);
    if (head_alone)
        r->file_left = 0;
    return true;
}
