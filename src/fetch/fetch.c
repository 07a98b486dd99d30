/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 3, BUSY_S = 10 /* when a busy host does not say how long */ };

enum selfsame_code
fetch_usual_cache(struct arena *arena, char **ret, struct selfsame_err *e)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (xdg != NULL && xdg[0] == '/')
        *ret = arena_printf(arena, "%s/selfsame/collateral", xdg);
    else if (home != NULL && home[0] == '/')
        *ret = arena_printf(arena, "%s/.cache/selfsame/collateral", home);
    else
        FAIL(e, SELFSAME_IO,
            "expected HOME or XDG_CACHE_HOME to say where the cache is, got neither");
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    return SELFSAME_OK;
}

/* ---- what is asked ---- */

/* "https://host:port" of a URL; the rest begins with '/'. */
size_t
url_origin_len(const char *url)
{
    const char *authority = strstr(url, "://");

    return authority != NULL
               ? (size_t)(authority - url) + 3 + strcspn(authority + 3, "/?#")
               : 0;
}

const char *
url_short(const char *url, char ret[static URL_SHORT])
{
    enum { SEGMENT = 12, LAST = 8 /* of "…" twice, "?" and the NUL */ };
    const size_t end = strcspn(url, "?#");
    size_t n = 0, segment = 0;

    for (size_t i = 0; i < end && n < URL_SHORT - LAST; i++) {
        segment = url[i] == '/' ? 0 : segment + 1;
        if (i < url_origin_len(url) || segment <= SEGMENT)
            ret[n++] = url[i];
        else if (segment == SEGMENT + 1)
            n += (size_t)snprintf(ret + n, URL_SHORT - n, "…");
    }
    (void)snprintf(ret + n, URL_SHORT - n, "%s",
        n >= URL_SHORT - LAST ? "…"
        : url[end] != '\0'    ? "?…"
                              : "");
    return ret;
}

bool
url_is_loopback(const char *origin)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };
    const char *host = origin + strlen("http://");

    for (size_t i = 0; i < COUNT(hosts); i++) {
        size_t n = strlen(hosts[i]);

        if (strncmp(host, hosts[i], n) == 0 &&
            (host[n] == '\0' || host[n] == ':' || host[n] == '/'))
            return true;
    }
    return false;
}

/* https://HOST[:PORT] and nothing behind; http:// of this machine alone. */
static bool
is_origin(const char *s)
{
    const bool https = strncmp(s, "https://", 8) == 0;
    const char *host = s + (https ? 8 : 7);

    return (https || (strncmp(s, "http://", 7) == 0 && url_is_loopback(s))) &&
           url_origin_len(s) == strlen(s) && strcspn(host, ":") > 0 &&
           strpbrk(host, "@ \n\r\t\"\\") == NULL;
}

const char *
fetch_host(const struct fetcher *f, const char *url, struct arena *arena)
{
    return f->origin != NULL
               ? arena_printf(arena, "%s", f->origin)
               : arena_str(arena, BYTES((const uint8_t *)url, url_origin_len(url)));
}

/* The URL as it is asked: at its own origin, or at the caller's mirror. */
static enum selfsame_code
place(const struct fetcher *f, const char *url, struct arena *arena, char **ret_url,
    const char **ret_host, struct selfsame_err *e)
{
    size_t own = url_origin_len(url);
    const char *origin = f->origin;

    if (strncmp(url, "https://", 8) != 0 || own <= 8 || url[own] != '/' ||
        strlen(url) > FETCH_URL_MAX || strpbrk(url, " \n\r\t\"\\") != NULL)
        FAIL(e, SELFSAME_USAGE, "expected an https URL, got \"%.80s\"", url);
    if (origin != NULL && !is_origin(origin))
        FAIL(e, SELFSAME_USAGE,
            "expected https://HOST[:PORT], or http:// of this machine, got \"%.80s\"",
            origin);
    *ret_host = fetch_host(f, url, arena);
    *ret_url = *ret_host != NULL ? arena_printf(arena, "%s%s", *ret_host, url + own)
                                 : NULL;
    if (*ret_url == NULL)
        FAIL(e, SELFSAME_NOMEM, "a URL");
    return SELFSAME_OK;
}

/* ---- asking ---- */

static enum selfsame_code
ask(const struct fetcher *f, const char *url, const char *host, struct arena *arena,
    struct answer *ret, struct selfsame_err *e)
{
    char name[URL_SHORT];

    for (int i = 0; i < TRIES; i++) {
        TRY(pace_wait(f, host, e));
        TRY(http_fetch(f, url, arena, ret, e));
        if (ret->status != 429 && ret->status != 503)
            return SELFSAME_OK;
        TRY(pace_defer(
            f, host, ret->retry_after_s > 0 ? ret->retry_after_s : BUSY_S, e));
    }
    FAIL(e, SELFSAME_IO, "the host is busy, %d times (status %ld): %s", (int)TRIES,
        ret->status, url_short(url, name));
}

/*
 * A caching service (Intel's PCCS) has everything below one origin, and what Intel
 * serves from another host there below a path of its own.
 */
static const struct {
    const char *url, *path;
} moved[] = {
    { "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
        "/sgx/certification/v4/rootcacrl" },
};

static enum selfsame_code
ask_moved(const struct fetcher *f, const char *url, const char *host,
    struct arena *arena, struct answer *ret, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(moved); i++) {
        if (f->origin == NULL || strcmp(moved[i].url, url) != 0)
            continue;
        const char *asked = arena_printf(arena, "%s%s", host, moved[i].path);
        if (asked == NULL)
            FAIL(e, SELFSAME_NOMEM, "a URL");
        return ask(f, asked, host, arena, ret, e);
    }
    return SELFSAME_OK;
}

/* Whether the answer is what it should be; unpacked. */
static enum selfsame_code
check_answer(struct answer *a, enum fetch_what what, const char *asked,
    struct arena *arena, struct selfsame_err *e)
{
    static const char *const words[] = { [FETCH_LEAF] = "certificates",
        [FETCH_CHAIN] = "certificates",
        [FETCH_LIST] = "a revocation list",
        [FETCH_SIGNED] = "signed JSON of Intel's" };
    char name[URL_SHORT];
    int64_t until_s;

    if (a->status != 200 && a->status != 404)
        FAIL(e, SELFSAME_IO, "expected status 200, got %ld from %s", a->status,
            url_short(asked, name));
    if (a->status == 404)
        return SELFSAME_OK;
    if (a->body.len == 0)
        FAIL(e, SELFSAME_IO, "expected a body, got none from %s",
            url_short(asked, name));
    if (!piece_unpack(what, arena, &a->body) ||
        (a->chain.len > 0 && !piece_unescape(arena, &a->chain)))
        FAIL(e, SELFSAME_NOMEM, "a piece of collateral");
    if (!piece_read(a->body, what, &until_s))
        FAIL(e, SELFSAME_IO, "expected %s, got %zu other bytes from %s", words[what],
            a->body.len, url_short(asked, name));
    if (a->chain.len > 0 && !piece_read(a->chain, FETCH_CHAIN, &until_s))
        FAIL(e, SELFSAME_IO,
            "expected certificates in the header of the issuer's chain, got %zu other "
            "bytes from %s",
            a->chain.len, url_short(asked, name));
    return SELFSAME_OK;
}

enum selfsame_code
fetch_anew(const struct fetcher *f, const char *url, enum fetch_what what,
    struct arena *arena, struct cached *ret, struct selfsame_err *e)
{
    struct answer answer = { 0 };
    const char *host;
    char *asked;

    TRY(place(f, url, arena, &asked, &host, e));
    TRY(ask(f, asked, host, arena, &answer, e));
    if (answer.status == 404)
        TRY(ask_moved(f, url, host, arena, &answer, e));
    TRY(check_answer(&answer, what, asked, arena, e));
    const bool found = answer.status == 200;
    *ret = (struct cached){
        .url = arena_str(arena, bytes_str(url)),
        .fetched_s = os_now_ms() / 1000,
        .absent = !found,
        .body = found ? answer.body : BYTES_NONE,
        .chain = found ? answer.chain : BYTES_NONE,
    };
    if (ret->url == NULL)
        FAIL(e, SELFSAME_NOMEM, "a URL");
    return SELFSAME_OK;
}

static enum selfsame_code
deliver(const struct cached *c, struct fetched *ret, bool *ret_absent,
    struct selfsame_err *e)
{
    char name[URL_SHORT];

    if (ret_absent != NULL)
        *ret_absent = c->absent;
    if (c->absent)
        FAIL(e, SELFSAME_IO, "there is none (status 404): %s", url_short(c->url, name));
    *ret = (struct fetched){ .body = c->body, .chain = c->chain };
    return SELFSAME_OK;
}

/* An entry that is not what the URL should give is none, whoever wrote it. */
static bool
recall(const char *path, enum fetch_what what, struct arena *arena, struct cached *ret)
{
    int64_t until_s;

    return cache_read(path, arena, ret) &&
           (ret->absent || piece_read(ret->body, what, &until_s));
}

/* Good enough to be given instead of asking; with `refresh` only what was just fetched. */
static bool
is_usable(const struct fetcher *f, const struct cached *c, enum fetch_what what,
    int64_t began_s)
{
    return piece_is_good(c, what, os_now_ms() / 1000) &&
           (!f->refresh || c->fetched_s > began_s);
}

enum selfsame_code
fetch_get(const struct fetcher *f, const char *url, enum fetch_what what,
    struct arena *arena, struct fetched *ret, bool *ret_absent, struct selfsame_err *e)
{
    struct cached kept = { 0 }, fresh = { 0 };
    char path[1024], *asked, name[URL_SHORT];
    const char *host;
    const int64_t began_s = os_now_ms() / 1000;
    auto_fd lock = -1;

    if (ret_absent != NULL)
        *ret_absent = false;
    TRY(place(f, url, arena, &asked, &host, e));
    TRY(dir_make(f->cache, true, e));
    if (!cache_path(f, url, "", path))
        FAIL(e, SELFSAME_USAGE, "cache directory: its path is too long");
    bool have = recall(path, what, arena, &kept);
    if (have && (f->offline || is_usable(f, &kept, what, began_s)))
        return deliver(&kept, ret, ret_absent, e);
    if (f->offline) {
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
            "not in the cache, and --offline: %s", url_short(url, name));
        err_remedy(e, "Fetch it without --offline, or elsewhere (`selfsame collateral "
                      "fetch --out`) and give it with --collateral.");
        return SELFSAME_IO;
    }
    /* Whoever waited for another's request finds its answer. */
    TRY(pace_lock(f, url, &lock, e));
    have = recall(path, what, arena, &kept);
    if (have && is_usable(f, &kept, what, began_s))
        return deliver(&kept, ret, ret_absent, e);
    enum selfsame_code code = fetch_anew(f, url, what, arena, &fresh, e);
    /* A host that knows of none takes nothing away that there was. */
    const bool lost = code == SELFSAME_OK && fresh.absent && have && !kept.absent;
    if (code == SELFSAME_OK && !lost)
        code = cache_write(path, &fresh, e);
    if (code == SELFSAME_OK && (!lost || f->refresh))
        return deliver(&fresh, ret, ret_absent, e);
    /* An older one is better than none: verification says whether it is current. */
    if (!lost && (code != SELFSAME_IO || !have || kept.absent || f->refresh))
        return code;
    *e = (struct selfsame_err){ 0 };
    return deliver(&kept, ret, ret_absent, e);
}
