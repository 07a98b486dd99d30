/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_FETCH_H
#define SELFSAME_FETCH_H

#include "base/base.h"

#include <stdatomic.h>

/*
 * Collateral from vendors, by libcurl, with a cache on disk. What comes back is not
 * trusted: verification judges certificates and lists by their own signatures and
 * times, so a hostile server or cache can only make it fail.
 *
 *   cache.c  one file for each URL: written whole or not at all, checked when read
 *   pace.c   locks and clocks that all processes share: one fetch serves all, and no
 *            host is asked faster than it wants
 *   piece.c  what a URL should give, and how long that is good
 *   http.c   one request
 *   fetch.c  the order of these
 */
enum {
    FETCH_BODY_MAX = 1 << 20,
    FETCH_URL_MAX = 1024,
    FETCH_PACE_MS = 1000,          /* between two requests to a host */
    FETCH_PATIENCE_S = 60,         /* how long a request may wait for its turn */
    FETCH_TIMEOUT_S = 30,          /* of one request */
    FETCH_ABSENT_S = 600,          /* how long "there is none" is believed */
    FETCH_LIST_AGE_S = 86400,      /* then CRLs and signed JSON are asked for anew */
    FETCH_CHAIN_AGE_S = 7 * 86400, /* and certificates of the vendor's authorities */
};

/* What a URL should give; anything else is not taken and not kept. */
enum fetch_what {
    FETCH_LEAF = 0, /* the certificate of one chip, DER or PEM */
    FETCH_CHAIN,    /* one certificate or several above it */
    FETCH_LIST,   /* a CRL; a caching service of Intel's gives it in hex: read to DER */
    FETCH_SIGNED, /* TCB info or an enclave identity, JSON, of Intel's PCS */
};

/* By the names that `needs` of a TEE gives. */
enum fetch_what fetch_what_of(const char *name);

struct fetcher {
    const char *cache; /* directory, made when it is missing */
    const char
        *origin; /* "https://mirror:8443" instead of that of every URL, or NULL */
    const char *origin_ca; /* PEM file of who vouches for it, or NULL: the system's */
    bool offline;          /* only the cache is asked */
    bool refresh;          /* only the host is asked; what it gives is kept as ever */
    int pace_ms, patience_s, timeout_s; /* 0: as above */
    const atomic_bool *stop; /* once true: waiting and asking end soon; or NULL */
};

/* $XDG_CACHE_HOME/selfsame/collateral, or that below ~/.cache. IO without either. */
MUST enum selfsame_code fetch_usual_cache(
    struct arena *arena, char **ret, struct selfsame_err *e);
struct fetched {
    struct selfsame_bytes body;
    struct selfsame_bytes chain; /* PEM of who issued it, told beside it; or absent */
};
/*
 * What an https URL gives, from the cache where that is good enough. IO: the host
 * cannot be reached, says no, gives something else, or there is none (`ret_absent`, when
 * not NULL, tells that apart); USAGE: a URL that is not asked.
 */
MUST enum selfsame_code fetch_get(const struct fetcher *f, const char *url,
    enum fetch_what what, struct arena *arena, struct fetched *ret, bool *ret_absent,
    struct selfsame_err *e);

/*
 * What the host says now, whatever the cache has; nothing is kept. IO as above, but what
 * there is none of is no failure (ret->absent).
 */
struct cached;
MUST enum selfsame_code fetch_anew(const struct fetcher *f, const char *url,
    enum fetch_what what, struct arena *arena, struct cached *ret,
    struct selfsame_err *e);
/* Whom a URL is asked of: its own origin, or the fetcher's. NULL: no memory. */
const char *fetch_host(const struct fetcher *f, const char *url, struct arena *arena);

/* "https://host:port" of a URL: how long that is; the rest begins with '/', '?', '#' or ends. */
size_t url_origin_len(const char *url);
bool url_is_loopback(const char *http_url); /* "http://127.0.0.1..." */
/*
 * A URL for a sentence that has 160 bytes: its parts of the path are cut at 12 and its
 * query is left out ("https://kdsintf.amd.com/vcek/v1/Milan/d49554ec84af…?…").
 */
enum { URL_SHORT = 96 };
const char *url_short(const char *url, char ret[static URL_SHORT]);

/* ---- cache.c ---- */
struct cached {
    char *url;
    int64_t fetched_s;
    bool absent;                       /* the host said that there is none */
    struct selfsame_bytes body, chain; /* the one behind the other */
};
MUST bool cache_path(const struct fetcher *f, const char *url, const char *suffix,
    char ret[static 1024]);
/* An entry's bytes; false for what is none. Views point into them. */
MUST bool cache_parse(
    struct selfsame_bytes file, struct arena *arena, struct cached *ret);
/* False: nothing there, or nothing that can be used. */
bool cache_read(const char *path, struct arena *arena, struct cached *ret);
MUST enum selfsame_code cache_write(
    const char *path, const struct cached *c, struct selfsame_err *e);
/* Every entry, by URL; what is none is passed over. NOMEM: not all of them fit. */
MUST enum selfsame_code cache_list(const struct fetcher *f, struct arena *arena,
    struct cached **ret, size_t *ret_count, struct selfsame_err *e);

/* ---- piece.c ---- */
/* Is that what it should be? *ret_until_s: when the first part of it ends. */
MUST bool piece_read(
    struct selfsame_bytes body, enum fetch_what what, int64_t *ret_until_s);
/* The same where nobody says what it should be; *ret: the first kind that fits. */
MUST bool piece_guess(
    struct selfsame_bytes body, enum fetch_what *ret, int64_t *ret_until_s);
/* What a vendor's URL gives, by its words. */
enum fetch_what piece_of_url(const char *url);
/* A CRL in hex becomes DER, "%2D" in a header the byte; everything else stays as it is. */
MUST bool piece_unpack(
    enum fetch_what what, struct arena *arena, struct selfsame_bytes *body);
MUST bool piece_unescape(struct arena *arena, struct selfsame_bytes *text);
/* After so many seconds it is asked for anew. */
int64_t piece_age_max(enum fetch_what what);
/* May an entry be used without asking anew? */
bool piece_is_good(const struct cached *c, enum fetch_what what, int64_t now_s);

/* ---- pace.c ---- */
/* A lock file that other processes and threads wait for; closed with fd_close. */
MUST enum selfsame_code pace_lock(
    const struct fetcher *f, const char *what, int *ret_fd, struct selfsame_err *e);
/* Waits until the host may be asked, and says when the next one may. IO: too long. */
MUST enum selfsame_code pace_wait(
    const struct fetcher *f, const char *host, struct selfsame_err *e);
/* In how many seconds the host may be asked; 0: now. */
int64_t pace_turn_s(const struct fetcher *f, const char *host);
/* The host said not to ask before that. */
MUST enum selfsame_code pace_defer(
    const struct fetcher *f, const char *host, int64_t seconds, struct selfsame_err *e);

/* ---- http.c ---- */
struct answer {
    long status; /* 200 … */
    int64_t retry_after_s;
    char type[64];              /* Content-Type, "" without */
    struct selfsame_bytes body; /* in the arena */
    struct selfsame_bytes chain; /* of a header …-Issuer-Chain, as it came; or absent */
};
MUST enum selfsame_code http_fetch(const struct fetcher *f, const char *url,
    struct arena *arena, struct answer *ret, struct selfsame_err *e);
/*
 * One request to a log, a witness, a verifier: https, or http to this machine. What they
 * say is proven by signatures, never by the connection. IO, USAGE (the URL), NOMEM.
 */
struct http_line; /* a connection that is kept between the calls of one thread */
MUST enum selfsame_code http_line_new(struct http_line **ret, struct selfsame_err *e);
void http_line_free(struct http_line **l);
struct http_query {
    const char *url;
    struct http_line *line; /* NULL: a connection of its own */
    bool post;
    const char *method;         /* "PUT", "DELETE"; NULL: POST or GET */
    struct selfsame_bytes body; /* of a POST or PUT */
    const char *type;           /* its Content-Type; NULL: text/plain */
    const char *const
        *headers;            /* further ones, "Name: value", NULL-terminated; or NULL */
    const char *ca;          /* file of authorities in place of the system's; or NULL */
    size_t limit;            /* of the answer; 0: FETCH_BODY_MAX */
    int timeout_s;           /* 0: FETCH_TIMEOUT_S */
    const atomic_bool *stop; /* once true: given up within a second; or NULL */
};
MUST enum selfsame_code http_call(const struct http_query *q, struct arena *arena,
    struct answer *ret, struct selfsame_err *e);

#endif
