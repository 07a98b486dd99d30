/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "os/os.h"
#include "service/httpd_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void
httpd_answer_drop(struct httpd_request *r)
{
    (void)atomic_fetch_sub(&r->h->waiting, r->counted);
    r->counted = 0;
    free(r->out);
    free(r->extra);
    r->out = NULL;
    r->extra = NULL;
    r->out_body = r->extra_len = 0;
    fd_close(&r->file);
    r->file_left = 0;
}

/* Clients that do not read what they asked for must not fill the memory together. */
static bool
may_wait(struct httpd_request *r, size_t len)
{
    if (len <= HTTPD_ANSWER_FREE)
        return true;
    r->counted = len;
    return atomic_fetch_add(&r->h->waiting, len) + len <= r->h->config.answers_limit;
}

static void
keep_body(struct httpd_request *r, struct selfsame_bytes body)
{
    if (may_wait(r, body.len))
        r->out = malloc(HTTPD_ANSWER_HEAD + r->extra_len + body.len);
    if (r->out == NULL) {
        httpd_answer_drop(r);
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
    httpd_answer_drop(r);
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
    const struct httpd_config *config = &r->h->config;
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
        httpd_answer_drop(r);
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
