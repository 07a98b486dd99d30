/* SPDX-License-Identifier: Apache-2.0 */
#include "service/collateral_service.h"

#include "codec/pem.h"
#include "os/os.h"
#include "service/httpd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_S = 90, ANSWER_ARENA = 8 << 20, BODY_MAX = 1024 };

struct collateral_service {
    struct collateral_service_config config;
    struct supply *supply;
    struct httpd *httpd;
    atomic_ulong status[600];
};
struct asking { /* one request of a client, until it is answered */
    struct collateral_service *s;
    struct httpd_request *r;
    struct collateral_asked asked;
};

/* ---- answers ---- */

static void
refuse(struct collateral_service *s, struct httpd_request *r, int status,
    int64_t retry_s, const struct selfsame_err *e)
{
    (void)atomic_fetch_add(&s->status[status], 1);
    char text[800];
    const int n = snprintf(text, sizeof(text), "%s\n", err_text(e));
    const struct httpd_answer a = {
        .status = status,
        .retry_s = (unsigned)retry_s,
        .body = BYTES((const uint8_t *)text, n < 0 ? 0 : strlen(text)),
    };
    httpd_answer(r, &a);
}

/* As Intel's header has it: everything but letters, digits and "-_.~" in "%XX". */
static char *
escape(struct selfsame_bytes text, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, 3, text.len + 1), *at = out;

    for (size_t i = 0; out != NULL && i < text.len; i++) {
        const uint8_t c = text.ptr[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
            (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '~') {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = digits[c >> 4];
        *at++ = digits[c & 15];
    }
    return out;
}

/* The list in the form that was asked for; whatever form the vendor gave it in. */
static bool
in_form(const struct asking *x, struct selfsame_bytes *body, struct arena *arena)
{
    const char *text = NULL;

    if (x->asked.form == COLLATERAL_AS_IS || pem_looks_like(*body))
        return true;
    text = x->asked.form == COLLATERAL_HEX ? hex_dup(arena, *body)
                                           : pem_encode("X509 CRL", *body, arena);
    if (text != NULL)
        *body = bytes_str(text);
    return text != NULL;
}

/* How long it may be kept by others: no longer than it is kept here. */
static int64_t
left_s(const struct supply_piece *p, int64_t now_s)
{
    enum { WEEK_S = 7 * 86400 };
    const int64_t most = piece_age_max(p->what); /* for good, of some */
    const int64_t by_age = p->fetched_s + (most < WEEK_S ? most : WEEK_S) - now_s,
                  by_end = p->until_s < now_s ? 0 : p->until_s - now_s;
    const int64_t left = by_age < by_end ? by_age : by_end;

    return left < 0 ? 0 : left > WEEK_S ? WEEK_S : left;
}

static void
give(struct asking *x, const struct supply_piece *p, bool stale, int64_t now_s)
{
    auto_arena arena = arena_new(ANSWER_ARENA);
    struct httpd_header headers[4];
    size_t n = 0;
    char age[32], cache[64];
    struct selfsame_bytes body = p->body;
    struct selfsame_err e = { 0 };
    const char *chain = p->chain.len > 0 && x->asked.header != NULL
                            ? escape(p->chain, &arena)
                            : NULL;

    if (!in_form(x, &body, &arena) ||
        (chain == NULL && p->chain.len > 0 && x->asked.header != NULL)) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory to answer");
        refuse(x->s, x->r, 503, 1, &e);
        return;
    }
    (void)snprintf(
        age, sizeof(age), "%" PRId64, now_s > p->fetched_s ? now_s - p->fetched_s : 0);
    /* max-age counts from the vendor's answer, as Age does (RFC 9111 §4.2). */
    (void)snprintf(cache, sizeof(cache), "public, max-age=%" PRId64,
        stale ? 0
              : left_s(p, now_s) + (now_s > p->fetched_s ? now_s - p->fetched_s : 0));
    headers[n++] = (struct httpd_header){ "Age", age };
    if (chain != NULL)
        headers[n++] = (struct httpd_header){ x->asked.header, chain };
    if (stale) {
        headers[n++] = (struct httpd_header){ "Warning",
            "110 selfsame \"Response is Stale\"" };
        headers[n++] = (struct httpd_header){ "X-Selfsame-Stale", "vendor-failed" };
    }
    const struct httpd_answer a = { .status = 200,
        .type = x->asked.type,
        .cache = cache,
        .headers = headers,
        .header_count = n,
        .body = body };
    (void)atomic_fetch_add(&x->s->status[200], 1);
    httpd_answer(x->r, &a);
}

/* Its time here is over, and not for longer than the operator allows. */
static bool
may_be_stale(
    const struct collateral_service *s, const struct supply_piece *p, int64_t now_s)
{
    const int64_t by_age = p->fetched_s + piece_age_max(p->what),
                  end = by_age < p->until_s ? by_age : p->until_s;

    return !p->absent && now_s >= p->fetched_s && now_s - end <= s->config.stale_s &&
           s->config.stale_s > 0;
}

static void
answered(void *ctx, struct supply_answer *a)
{
    struct asking *x = ctx;
    const int64_t now_s = os_now_ms() / 1000;
    struct supply_piece *p = a->piece;

    if (p != NULL && a->good && !p->absent)
        give(x, p, false, now_s);
    else if (p != NULL && a->good) {
        (void)err_set(&a->err, SELFSAME_IO, __FILE__, __LINE__,
            "the vendor says that there is none");
        refuse(x->s, x->r, 404, 0, &a->err);
    } else if (a->busy)
        refuse(x->s, x->r, 429, a->retry_s, &a->err);
    else if (p != NULL && may_be_stale(x->s, p, now_s))
        give(x, p, true, now_s);
    else
        refuse(x->s, x->r, 503, a->retry_s > 0 ? a->retry_s : 1, &a->err);
    supply_drop(p);
    free(x);
}

/* ---- routes ---- */

static const char *
query(const void *ctx, const char *name)
{
    return httpd_query(ctx, name);
}

static uint64_t
who(const struct httpd_request *r)
{
    uint64_t h = UINT64_C(14695981039346656037);
    char text[NET_TEXT];

    httpd_peer_text(r, text);
    for (const char *p = text; *p != '\0'; p++)
        h = (h ^ (uint8_t)*p) * UINT64_C(1099511628211);
    return h | 1;
}

static void
serve_piece(void *ctx, struct httpd_request *r)
{
    struct collateral_service *s = ctx;
    struct asking *x = calloc(1, sizeof(*x));
    const struct collateral_query q = { query, r };
    struct selfsame_err e = { 0 };

    if (x == NULL) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory to ask");
        refuse(s, r, 503, 1, &e);
        return;
    }
    x->s = s;
    x->r = r;
    const int status = collateral_path(httpd_path(r), &q, &x->asked);
    if (status != 200) {
        (void)err_set(&e, SELFSAME_USAGE, __FILE__, __LINE__,
            status == 404 ? "no vendor's path that is served here"
                          : "expected the parameters that the vendor wants");
        refuse(s, r, status, 0, &e);
        free(x);
        return;
    }
    const struct supply_ask a = { .url = x->asked.url,
        .what = x->asked.what,
        .who = who(r),
        .done = answered,
        .ctx = x };
    supply_ask(s->supply, &a);
}

static void
serve_health(void *ctx, struct httpd_request *r)
{
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("ok\n") };

    (void)ctx;
    httpd_answer(r, &a);
}

static void
put_counts(struct collateral_service *s, FILE *f)
{
    const struct supply_counts *n = supply_counts(s->supply);
    uint64_t memory, disk;
    size_t pieces, under_way;
    const struct {
        const char *name;
        unsigned long value;
    } counters[] = {
        { "found", atomic_load(&n->found) },
        { "asked", atomic_load(&n->asked) },
        { "joined", atomic_load(&n->joined) },
        { "fetched", atomic_load(&n->fetched) },
        { "absent", atomic_load(&n->absent) },
        { "failed", atomic_load(&n->failed) },
        { "refused", atomic_load(&n->refused) },
        { "evicted", atomic_load(&n->evicted) },
        { "unwritten", atomic_load(&n->unwritten) },
    };

    supply_sizes(s->supply, &memory, &disk, &pieces, &under_way);
    for (size_t i = 0; i < COUNT(counters); i++)
        (void)fprintf(f,
            "# TYPE selfsame_collateral_%s_total counter\n"
            "selfsame_collateral_%s_total %lu\n",
            counters[i].name, counters[i].name, counters[i].value);
    (void)fprintf(f, "# TYPE selfsame_collateral_answers_total counter\n");
    for (int i = 0; i < 600; i++)
        if (atomic_load(&s->status[i]) > 0)
            (void)fprintf(f, "selfsame_collateral_answers_total{status=\"%d\"} %lu\n",
                i, atomic_load(&s->status[i]));
    (void)fprintf(f,
        "# TYPE selfsame_collateral_memory_bytes gauge\n"
        "selfsame_collateral_memory_bytes %" PRIu64 "\n"
        "# TYPE selfsame_collateral_disk_bytes gauge\n"
        "selfsame_collateral_disk_bytes %" PRIu64 "\n"
        "# TYPE selfsame_collateral_pieces gauge\nselfsame_collateral_pieces %zu\n"
        "# TYPE selfsame_collateral_under_way gauge\n"
        "selfsame_collateral_under_way %zu\n",
        memory, disk, pieces, under_way);
}

static void
serve_metrics(void *ctx, struct httpd_request *r)
{
    struct collateral_service *s = ctx;
    struct selfsame_err e = { 0 };
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (f != NULL)
        put_counts(s, f);
    if (f == NULL || fclose(f) != 0) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "out of memory");
        refuse(s, r, 503, 1, &e);
    } else {
        const struct httpd_answer a = { .status = 200,
            .type = "text/plain; version=0.0.4; charset=utf-8",
            .body = BYTES((const uint8_t *)text, len) };
        httpd_answer(r, &a);
    }
    free(text);
}

static const struct httpd_route routes[] = {
    { "GET", "/healthz", serve_health },
    { "GET", "/readyz", serve_health }, /* the cache is read before it listens */
    { "GET", "/metrics", serve_metrics },
    { "GET", "/*", serve_piece },
};

/* ---- its life ---- */

static enum selfsame_code
prepare(struct collateral_service *s, struct selfsame_err *e)
{
    const struct collateral_service_config *c = &s->config;
    const struct supply_config supply = {
        .cache = c->cache,
        .origins = c->origins,
        .origin_ca = c->origin_ca,
        .offline = c->offline,
        .disk_max = c->disk_max,
        .share = c->share,
        .pace_ms = c->pace_ms,
        .timeout_s = c->timeout_s,
    };
    const struct httpd_config h = {
        .listen = c->listen,
        .routes = routes,
        .route_count = COUNT(routes),
        .ctx = s,
        .body_limit = BODY_MAX,
        .connections = c->connections,
        .answer_s = ANSWER_S,
    };

    TRY(supply_new(&supply, &s->supply, e));
    TRY(httpd_new(&h, &s->httpd, e));
    if (c->tell != NULL && httpd_limited(s->httpd)[0] != '\0')
        c->tell(c->ctx, "warning", httpd_limited(s->httpd));
    return SELFSAME_OK;
}

enum selfsame_code
collateral_service_new(const struct collateral_service_config *c,
    struct collateral_service **ret, struct selfsame_err *e)
{
    auto_collateral_service *s = calloc(1, sizeof(*s));

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a cache");
    s->config = *c;
    TRY(prepare(s, e));
    *ret = s;
    s = NULL;
    return SELFSAME_OK;
}

void
collateral_service_bound(const struct collateral_service *s, struct net_addr *ret)
{
    httpd_bound(s->httpd, ret);
}

enum selfsame_code
collateral_service_run(struct collateral_service *s, struct selfsame_err *e)
{
    TRY(supply_start(s->supply, e));
    const enum selfsame_code code = httpd_run(s->httpd, e);
    supply_stop(s->supply);
    return code;
}

void
collateral_service_stop(struct collateral_service *s)
{
    httpd_stop(s->httpd);
}

void
collateral_service_free(struct collateral_service **s)
{
    if (*s == NULL)
        return;
    supply_free(&(*s)->supply); /* answers who still waits */
    if ((*s)->httpd != NULL)
        httpd_free((*s)->httpd);
    free(*s);
    *s = NULL;
}
