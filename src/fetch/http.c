/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

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

struct download {
    uint8_t *buf;
    size_t len;
    bool too_long;
};

static size_t
take(char *data, size_t size, size_t count, void *ctx)
{
    struct download *d = ctx;
    size_t n = size * count;

    if (n > FETCH_BODY_MAX - d->len) {
        d->too_long = true;
        return 0; /* ends the transfer */
    }
    memcpy(d->buf + d->len, data, n);
    d->len += n;
    return n;
}

static void
curl_cleanup(CURL **c)
{
    if (*c != NULL)
        lib.easy_cleanup(*c);
}
#define auto_curl __attribute__((cleanup(curl_cleanup))) CURL

static void
buffer_cleanup(uint8_t **p)
{
    free(*p);
}

/* http only where the caller's own mirror is: on this machine (fetch.c sees to that). */
static bool
configure(CURL *c, const struct fetcher *f, const char *url, struct download *d)
{
    const char *first = strncmp(url, "http://", 7) == 0 ? "http" : "https";
    long timeout = f->timeout_s > 0 ? f->timeout_s : FETCH_TIMEOUT_S;

    return lib.easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_PROTOCOLS_STR, first) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, first) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_TIMEOUT, timeout) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_USERAGENT, "selfsame") == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           lib.easy_setopt(c, CURLOPT_WRITEDATA, d) == CURLE_OK;
}

enum selfsame_code
http_fetch(const struct fetcher *f, const char *url, struct arena *arena,
    struct answer *ret, struct selfsame_err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    __attribute__((cleanup(buffer_cleanup))) uint8_t *buf = malloc(FETCH_BODY_MAX);
    struct download d = { .buf = buf };
    curl_off_t retry = 0;

    (void)pthread_once(&once, load);
    if (!lib.loaded) {
        (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
            "cannot fetch %s: libcurl.so.4 is not on this machine", url);
        err_remedy(e, "Install libcurl (Debian: libcurl4), or give what is needed with "
                      "--collateral.");
        return SELFSAME_UNSUPPORTED;
    }
    auto_curl *c = lib.easy_init();
    if (buf == NULL || c == NULL || !configure(c, f, url, &d))
        FAIL(e, SELFSAME_NOMEM, "a request");
    CURLcode code = lib.easy_perform(c);
    if (d.too_long)
        FAIL(e, SELFSAME_IO, "%s: expected at most %d bytes, got more", url,
            (int)FETCH_BODY_MAX);
    if (code != CURLE_OK) {
        (void)err_set(
            e, SELFSAME_IO, __FILE__, __LINE__, "%s: %s", url, lib.easy_strerror(code));
        err_remedy(e, "Check the network, or fetch it elsewhere and give it with "
                      "--collateral.");
        return SELFSAME_IO;
    }
    (void)lib.easy_getinfo(c, CURLINFO_RESPONSE_CODE, &ret->status);
    (void)lib.easy_getinfo(c, CURLINFO_RETRY_AFTER, &retry);
    ret->retry_after_s = retry > 0 ? (int64_t)retry : 0;
    if (!arena_dup(arena, BYTES(d.buf, d.len), &ret->body))
        FAIL(e, SELFSAME_NOMEM, "room for %zu bytes", d.len);
    return SELFSAME_OK;
}
