/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { REDIRECTS = 3, CONNECT_S = 10 };

/*
 * Loaded at the first request: libcurl brings thirty libraries along, and loading them
 * takes longer than verifying a document, which most runs do without the network.
 */
static struct {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    __typeof__(curl_easy_perform) *easy_perform;
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
    bool loaded;
} lib;

static void
load(void)
{
    static const struct {
        const char *name;
        void *at; /* of the pointer */
    } symbols[] = {
        { "curl_global_init", &lib.global_init },
        { "curl_easy_init", &lib.easy_init },
        { "curl_easy_setopt", &lib.easy_setopt },
        { "curl_easy_perform", &lib.easy_perform },
        { "curl_easy_getinfo", &lib.easy_getinfo },
        { "curl_easy_strerror", &lib.easy_strerror },
        { "curl_easy_cleanup", &lib.easy_cleanup },
        { "curl_easy_reset", &lib.easy_reset },
        { "curl_slist_append", &lib.slist_append },
        { "curl_slist_free_all", &lib.slist_free_all },
    };
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; handle != NULL && i < COUNT(symbols); i++) {
        void *symbol = dlsym(handle, symbols[i].name);

        if (symbol == NULL)
            return;
        memcpy(symbols[i].at, &symbol, sizeof(symbol));
    }
    lib.loaded = handle != NULL && lib.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct download { /* grows with what comes, up to the limit */
    uint8_t *buf;
    size_t len, cap, limit;
    bool too_long;
    char *chain; /* value of a header …-Issuer-Chain of the last answer; or NULL */
};

static void
download_cleanup(struct download *d)
{
    free(d->buf);
    free(d->chain);
}

static bool
make_room(struct download *d, size_t n)
{
    size_t cap = d->cap > 0 ? d->cap : 16384;

    if (n <= d->cap - d->len)
        return true;
    while (cap - d->len < n)
        cap *= 2;
    uint8_t *buf = realloc(d->buf, cap);
    if (buf == NULL)
        return false;
    d->buf = buf;
    d->cap = cap;
    return true;
}

static size_t
take(char *data, size_t size, size_t count, void *ctx)
{
    struct download *d = ctx;
    size_t n = size * count;

    d->too_long = n > d->limit - d->len;
    if (d->too_long || !make_room(d, n))
        return 0; /* ends the transfer */
    if (n > 0)
        memcpy(d->buf + d->len, data, n);
    d->len += n;
    return n;
}

/*
 * Intel's PCS and its caches give who signed along in a header: TCB-Info-Issuer-Chain,
 * SGX-TCB-Info-Issuer-Chain (v3), SGX-Enclave-Identity-Issuer-Chain,
 * SGX-PCK-CRL-Issuer-Chain, SGX-PCK-Certificate-Issuer-Chain.
 */
static size_t
take_header(char *data, size_t size, size_t count, void *ctx)
{
    static const char end[] = "-issuer-chain";
    enum { END = sizeof(end) - 1, CHAIN_MAX = 64 << 10 };
    struct download *d = ctx;
    const size_t n = size * count;
    const char *colon = memchr(data, ':', n);
    const size_t name = colon != NULL ? (size_t)(colon - data) : 0;

    if (n >= 5 && strncmp(data, "HTTP/", 5) == 0) { /* of a redirect's target */
        free(d->chain);
        d->chain = NULL;
    }
    if (name < END || n > CHAIN_MAX || d->chain != NULL ||
        strncasecmp(colon - END, end, END) != 0)
        return n;
    size_t from = name + 1, to = n;
    while (from < to && data[from] == ' ')
        from++;
    while (to > from && (data[to - 1] == '\r' || data[to - 1] == '\n'))
        to--;
    d->chain = strndup(data + from, to - from);
    return d->chain != NULL ? n : 0;
}

static void
curl_cleanup(CURL **c)
{
    if (*c != NULL)
        lib.easy_cleanup(*c);
}
#define auto_curl __attribute__((cleanup(curl_cleanup))) CURL

/* ---- one transfer ---- */

/* What both kinds of request say to libcurl. */
struct transfer {
    const char *url, *protocols;
    long timeout_s, redirects;
    struct curl_slist *headers;
    const struct http_query *sent; /* with a method of its own or a body; NULL: GET */
};

static bool
configure(CURL *c, const struct transfer *t, struct download *d)
{
    return lib.easy_setopt(c, CURLOPT_URL, t->url) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_PROTOCOLS_STR, t->protocols) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, t->protocols) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_FOLLOWLOCATION, t->redirects > 0 ? 1L : 0L) ==
               CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_MAXREDIRS, t->redirects) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_TIMEOUT, t->timeout_s) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_USERAGENT, "selfsame") == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_HEADERDATA, d) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_WRITEDATA, d) == CURLE_OK;
}

/* libcurl asks at least once a second. */
static int
look_for_stop(
    void *ctx, curl_off_t total, curl_off_t now, curl_off_t total_up, curl_off_t now_up)
{
    const atomic_bool *stop = ctx;

    (void)total;
    (void)now;
    (void)total_up;
    (void)now_up;
    return atomic_load(stop) ? 1 : 0;
}

static bool
configure_stop(CURL *c, const atomic_bool *stop)
{
    return stop == NULL ||
           (lib.easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
               lib.easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look_for_stop) ==
                   CURLE_OK &&
               lib.easy_setopt(c, CURLOPT_XFERINFODATA, stop) == CURLE_OK);
}

static bool
configure_sent(CURL *c, const struct transfer *t)
{
    const struct http_query *q = t->sent;

    if (q == NULL)
        return true;
    if (q->headers != NULL || q->post || q->method != NULL)
        if (lib.easy_setopt(c, CURLOPT_HTTPHEADER, t->headers) != CURLE_OK)
            return false;
    if ((q->post || q->body.len > 0) &&
        (lib.easy_setopt(c, CURLOPT_POST, 1L) != CURLE_OK ||
            lib.easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len) !=
                CURLE_OK ||
            lib.easy_setopt(c, CURLOPT_POSTFIELDS, q->body.ptr) != CURLE_OK))
        return false;
    return q->method == NULL ||
           lib.easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK;
}

/* NULL: no memory. */
static struct curl_slist *
headers_of(const struct http_query *q, struct arena *arena)
{
    const char *type = arena_printf(
        arena, "Content-Type: %s", q->type != NULL ? q->type : "text/plain");
    struct curl_slist *all = type != NULL ? lib.slist_append(NULL, type) : NULL;

    for (size_t i = 0; all != NULL && q->headers != NULL && q->headers[i] != NULL;
         i++) {
        struct curl_slist *more = lib.slist_append(all, q->headers[i]);

        if (more == NULL) {
            lib.slist_free_all(all);
            return NULL;
        }
        all = more;
    }
    return all;
}

static enum selfsame_code
ready(const char *url, struct selfsame_err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char name[URL_SHORT];

    (void)pthread_once(&once, load);
    if (lib.loaded)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "libcurl.so.4 is not on this machine: cannot fetch %s", url_short(url, name));
    err_remedy(e, "Install libcurl (Debian: libcurl4), or give what is needed with "
                  "--collateral.");
    return SELFSAME_UNSUPPORTED;
}

static enum selfsame_code
transfer(CURL *c, const struct transfer *t, struct download *d, struct arena *arena,
    struct answer *ret, struct selfsame_err *e)
{
    curl_off_t retry = 0;
    char *type = NULL, name[URL_SHORT];

    CURLcode code = lib.easy_perform(c);
    if (d->too_long)
        FAIL(e, SELFSAME_IO, "expected at most %zu bytes, got more from %s", d->limit,
            url_short(t->url, name));
    if (code != CURLE_OK) {
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__, "%s: %s",
            lib.easy_strerror(code), url_short(t->url, name));
        err_remedy(e, t->redirects > 0
                          ? "Check the network, or fetch it elsewhere and give it with "
                            "--collateral."
                          : "Check the address and the network, and whether the "
                            "service runs there.");
        return SELFSAME_IO;
    }
    (void)lib.easy_getinfo(c, CURLINFO_RESPONSE_CODE, &ret->status);
    (void)lib.easy_getinfo(c, CURLINFO_RETRY_AFTER, &retry);
    (void)lib.easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
    ret->retry_after_s = retry > 0 ? (int64_t)retry : 0;
    (void)snprintf(ret->type, sizeof(ret->type), "%s", type != NULL ? type : "");
    ret->chain = BYTES_NONE;
    if (!arena_dup(arena, BYTES(d->buf, d->len), &ret->body) ||
        (d->chain != NULL && !arena_dup(arena, bytes_str(d->chain), &ret->chain)))
        FAIL(e, SELFSAME_NOMEM, "room for %zu bytes", d->len);
    return SELFSAME_OK;
}

/* In place of the system's authorities, which libcurl may have in a directory as well. */
static bool
configure_ca(CURL *c, const char *file)
{
    return file == NULL || (lib.easy_setopt(c, CURLOPT_CAINFO, file) == CURLE_OK &&
                               lib.easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK);
}

/* http only where the caller's own mirror is: on this machine (fetch.c sees to that). */
enum selfsame_code
http_fetch(const struct fetcher *f, const char *url, struct arena *arena,
    struct answer *ret, struct selfsame_err *e)
{
    __attribute__((
        cleanup(download_cleanup))) struct download d = { .limit = FETCH_BODY_MAX };
    const struct transfer t = {
        .url = url,
        .protocols = strncmp(url, "http://", 7) == 0 ? "http" : "https",
        .timeout_s = f->timeout_s > 0 ? f->timeout_s : FETCH_TIMEOUT_S,
        .redirects = REDIRECTS,
    };

    TRY(ready(url, e));
    auto_curl *c = lib.easy_init();
    if (c == NULL || !configure(c, &t, &d) || !configure_ca(c, f->origin_ca) ||
        !configure_stop(c, f->stop))
        FAIL(e, SELFSAME_NOMEM, "a request");
    return transfer(c, &t, &d, arena, ret, e);
}

/* ---- logs, witnesses, verifiers ---- */

static enum selfsame_code
check_url(const char *url, struct selfsame_err *e)
{
    const size_t own = url_origin_len(url);
    const bool https = strncmp(url, "https://", 8) == 0;

    if (own <= 8 || strlen(url) > FETCH_URL_MAX || url[own] == '?' || url[own] == '#' ||
        strpbrk(url, "@ \n\r\t\"\\") != NULL ||
        !(https || strncmp(url, "http://", 7) == 0))
        FAIL(e, SELFSAME_USAGE, "expected https://HOST[:PORT]/..., got \"%.80s\"", url);
    if (!https && !url_is_loopback(url)) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "expected https:// for another machine, got \"%.80s\"", url);
        err_remedy(e, "Use https; plain http is for 127.0.0.1, [::1] and localhost.");
        return SELFSAME_USAGE;
    }
    return SELFSAME_OK;
}

static void
slist_cleanup(struct curl_slist **l)
{
    if (*l != NULL)
        lib.slist_free_all(*l);
}

struct http_line {
    CURL *curl; /* NULL before the first call; libcurl keeps the connection in it */
};

enum selfsame_code
http_line_new(struct http_line **ret, struct selfsame_err *e)
{
    struct http_line *l = calloc(1, sizeof(*l));

    if (l == NULL)
        FAIL(e, SELFSAME_NOMEM, "a connection");
    *ret = l;
    return SELFSAME_OK;
}

void
http_line_free(struct http_line **l)
{
    if (*l == NULL)
        return;
    curl_cleanup(&(*l)->curl);
    free(*l);
    *l = NULL;
}

/* *own is what has to be cleaned up after the call. */
static CURL *
handle_of(struct http_line *l, CURL **own)
{
    if (l == NULL)
        return *own = lib.easy_init();
    if (l->curl != NULL)
        lib.easy_reset(l->curl); /* all but the connection */
    else
        l->curl = lib.easy_init();
    return l->curl;
}

enum selfsame_code
http_call(const struct http_query *q, struct arena *arena, struct answer *ret,
    struct selfsame_err *e)
{
    auto_curl *own = NULL;
    __attribute__((cleanup(download_cleanup))) struct download d = {
        .limit = q->limit > 0 ? q->limit : FETCH_BODY_MAX
    };
    __attribute__((cleanup(slist_cleanup))) struct curl_slist *headers = NULL;

    TRY(check_url(q->url, e));
    TRY(ready(q->url, e));
    CURL *c = handle_of(q->line, &own);
    headers = headers_of(q, arena);
    const struct transfer t = {
        .url = q->url,
        .protocols = strncmp(q->url, "http://", 7) == 0 ? "http" : "https",
        .timeout_s = q->timeout_s > 0 ? q->timeout_s : FETCH_TIMEOUT_S,
        .headers = headers,
        .sent = q->post || q->method != NULL || q->headers != NULL ? q : NULL,
    };
    if (c == NULL || headers == NULL || !configure(c, &t, &d) ||
        !configure_sent(c, &t) || !configure_ca(c, q->ca) ||
        !configure_stop(c, q->stop))
        FAIL(e, SELFSAME_NOMEM, "a request");
    return transfer(c, &t, &d, arena, ret, e);
}
