/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/service.h"
#include "verifier/collateral.h"
#include "verifier/follow.h"
#include "verifier/identity.h"
#include "verifier/operations.h"

#include "os/os.h"
#include "service/key_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
    SERVICE_ARENA = 1 << 20,
    LOAD_ARENA = 1 << 30,
    SETTINGS_MAX = 256 << 10,
    BODY_MAX = 1 << 20,
    WATCH_MS = 1000,  /* how long a change of another process may be unseen */
    RENEW_MS = 60000, /* ages of indexes and keys move on */
};

/* ---- what the parts know ---- */

struct nonces *
service_nonces(struct verifier_service *s)
{
    return s->nonces;
}

struct audit *
service_audit(struct verifier_service *s)
{
    return s->audit;
}

struct collateral *
service_collateral(struct verifier_service *s)
{
    return s->collateral;
}

const char *
service_dir(const struct verifier_service *s)
{
    return s->dir;
}

const char *
verifier_issuer(const struct verifier_service *s)
{
    return s->issuer;
}

int64_t
service_now_ms(const struct verifier_service *s)
{
    return s->config.clock_ms != NULL ? s->config.clock_ms(s->config.ctx) : os_now_ms();
}

const uint8_t *
service_secrets_key(const struct verifier_service *s)
{
    return s->secrets_key;
}

const uint8_t *
service_secrets_old_key(const struct verifier_service *s)
{
    return s->has_old_key ? s->secrets_old_key : NULL;
}

const json_t *
service_setting(const struct verifier_service *s, const char *name)
{
    return json_object_get(s->settings, name);
}

void
service_tell(struct verifier_service *s, const char *what, const char *sentence)
{
    if (s->config.tell != NULL)
        s->config.tell(s->config.ctx, what, sentence);
}

void
service_log(struct verifier_service *s, const char *line)
{
    if (s->config.log != NULL)
        s->config.log(s->config.ctx, line);
}

const struct route *
service_route(const struct verifier_service *s, const struct httpd_route *r)
{
    return s->routes.route[r - s->routes.http];
}

void
verifier_bound(const struct verifier_service *s, struct net_addr *ret)
{
    httpd_bound(s->httpd, ret);
}

/* ---- snapshots ---- */

struct snapshot *
snapshot_take(struct verifier_service *s)
{
    (void)pthread_mutex_lock(&s->snap_lock);
    struct snapshot *n = s->snap;
    if (n != NULL)
        (void)atomic_fetch_add(&n->refs, 1);
    (void)pthread_mutex_unlock(&s->snap_lock);
    return n;
}

static void
swap(struct verifier_service *s, struct snapshot *n)
{
    (void)pthread_mutex_lock(&s->snap_lock);
    struct snapshot *old = s->snap;
    /* A slower reader of an older revision must not win. */
    if (old != NULL && n->revision < old->revision) {
        (void)pthread_mutex_unlock(&s->snap_lock);
        snapshot_drop(n);
        return;
    }
    s->snap = n;
    (void)pthread_mutex_unlock(&s->snap_lock);
    snapshot_drop(old);
}

static enum selfsame_code
complete(struct verifier_service *s, struct snapshot *n, struct selfsame_err *e)
{
    const char *keys;

    TRY(path_join(s->dir, "keys", &n->arena, &keys, e));
    TRY_WHILE(e, signing_read(keys, n->made_ms / 1000, &n->signing, e),
        "reading the keys that sign tokens");
    spiffe_authority(s, n);
    return service_verifier(s, &n->verifier, e);
}

enum selfsame_code
service_load(struct verifier_service *s, struct registry *r, struct selfsame_err *e)
{
    auto_arena arena = arena_new(LOAD_ARENA);
    struct registry_object *objects;
    struct snapshot *n = NULL;
    uint64_t revision;
    size_t count;

    TRY(registry_load(r, &arena, &objects, &count, &revision, e));
    TRY(snapshot_make(s, objects, count, revision, &n, e));
    enum selfsame_code code = complete(s, n, e);
    if (code != SELFSAME_OK) {
        snapshot_drop(n);
        return code;
    }
    swap(s, n);
    return SELFSAME_OK;
}

static void
tell_error(struct verifier_service *s, const char *what, const struct selfsame_err *e)
{
    char line[600];

    (void)selfsame_err_print(e, line, sizeof(line));
    service_tell(s, what, line);
}

void
service_changed(struct verifier_service *s)
{
    struct selfsame_err e = { 0 };

    if (service_load(s, s->store_registry, &e) != SELFSAME_OK)
        tell_error(s, "registry", &e);
}

/* ---- the thread that watches ---- */

/* The list of keys and the trust domain's authority, which rotations replace. */
static int64_t
keys_changed_ns(const struct verifier_service *s)
{
    static const char *const names[] = { "keys.json", "spiffe-ca.pem" };
    int64_t latest = 0;
    char path[1100];
    struct stat st;

    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/keys/%s", s->dir, names[i]);
        if (stat(path, &st) != 0)
            continue;
        const int64_t at = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        latest = at > latest ? at : latest;
    }
    return latest;
}

struct watching {
    uint64_t revision;
    int64_t keys_ns, loaded_ms;
    bool failing;
};

static bool
is_due(struct verifier_service *s, const struct watching *w, uint64_t revision)
{
    const int64_t now_ms = net_clock_ms();

    return revision != w->revision || keys_changed_ns(s) != w->keys_ns ||
           now_ms - w->loaded_ms >= RENEW_MS || atomic_exchange(&s->reload, false);
}

static void
look(struct verifier_service *s, struct watching *w)
{
    struct selfsame_err e = { 0 };
    uint64_t revision = w->revision;
    enum selfsame_code code = registry_wait(
        s->watch_registry, w->revision, WATCH_MS, &revision, &e);

    if (code == SELFSAME_OK && is_due(s, w, revision)) {
        const int64_t keys_ns = keys_changed_ns(s);

        code = service_load(s, s->watch_registry, &e);
        if (code == SELFSAME_OK)
            *w = (struct watching){ revision, keys_ns, net_clock_ms(), w->failing };
    }
    /* Verification goes on with what is known; that is said once. */
    if (code != SELFSAME_OK && !w->failing)
        tell_error(s, "registry", &e);
    if (code == SELFSAME_OK && w->failing)
        service_tell(s, "registry", "the registry answers again");
    w->failing = code != SELFSAME_OK;
    atomic_store(&s->registry_down, w->failing);
    if (w->failing)
        (void)usleep(WATCH_MS * 200);
}

static void *
watch(void *ctx)
{
    struct verifier_service *s = ctx;
    struct snapshot *n = snapshot_take(s);
    struct watching w = { .revision = n != NULL ? n->revision : 0,
        .keys_ns = keys_changed_ns(s),
        .loaded_ms = net_clock_ms() };

    snapshot_drop(n);
    while (!atomic_load(&s->over))
        look(s, &w);
    return NULL;
}

/* ---- queues ---- */

static struct call *
take(struct verifier_service *s, struct call_queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    while (q->first == NULL && !atomic_load(&s->over))
        (void)pthread_cond_wait(&q->more, &q->lock);
    struct call *c = q->first;
    if (c != NULL) {
        q->first = c->next;
        q->count--;
    }
    (void)pthread_mutex_unlock(&q->lock);
    return c;
}

bool
service_give(struct verifier_service *s, struct call *c)
{
    struct call_queue *q = c->route->where == IN_STORE ? &s->stores : &s->works;

    (void)pthread_mutex_lock(&q->lock);
    const bool room = q->count < QUEUE_MAX && !atomic_load(&s->over);
    if (room) {
        c->next = NULL;
        if (q->first == NULL)
            q->first = c;
        else
            q->last->next = c;
        q->last = c;
        q->count++;
        (void)pthread_cond_signal(&q->more);
    }
    (void)pthread_mutex_unlock(&q->lock);
    return room;
}

size_t
service_waiting(struct verifier_service *s)
{
    (void)pthread_mutex_lock(&s->works.lock);
    const size_t n = s->works.count;
    (void)pthread_mutex_unlock(&s->works.lock);
    return n;
}

static void *
work(void *ctx)
{
    struct verifier_service *s = ctx;

    for (struct call *c; (c = take(s, &s->works)) != NULL;) {
        operations_waited(c);
        c->route->serve(c);
    }
    return NULL;
}

static void *
keep(void *ctx)
{
    struct verifier_service *s = ctx;

    for (struct call *c; (c = take(s, &s->stores)) != NULL;) {
        c->registry = s->store_registry;
        c->route->serve(c);
    }
    return NULL;
}

/* ---- its life ---- */

static enum selfsame_code
read_secret(struct verifier_service *s, const char *name, uint8_t ret[static 32],
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(SERVICE_ARENA);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY"); /* systemd's */
    struct selfsame_bytes b = BYTES_NONE;
    const char *path;

    TRY(path_join(credentials != NULL ? credentials : s->dir, name, &arena, &path, e));
    if (credentials != NULL && access(path, R_OK) != 0)
        TRY(path_join(s->dir, name, &arena, &path, e));
    TRY(key_file_check(path, e));
    TRY(file_read(path, 64, &arena, &b, e));
    if (b.len != 32)
        FAIL(e, SELFSAME_USAGE, "%.100s: expected 32 bytes, got %zu", path, b.len);
    memcpy(ret, b.ptr, 32);
    secret_wipe((void *)(uintptr_t)b.ptr, b.len);
    return SELFSAME_OK;
}

/* It is there only while secrets are sealed anew. */
static enum selfsame_code
read_old_secret(struct verifier_service *s, struct selfsame_err *e)
{
    auto_arena arena = arena_new(SERVICE_ARENA);
    const char *dirs[] = { getenv("CREDENTIALS_DIRECTORY"), s->dir }, *path;

    for (size_t i = 0; i < COUNT(dirs) && !s->has_old_key; i++) {
        if (dirs[i] == NULL)
            continue;
        TRY(path_join(dirs[i], "secrets.key.old", &arena, &path, e));
        if (access(path, F_OK) != 0)
            continue;
        TRY(read_secret(s, "secrets.key.old", s->secrets_old_key, e));
        s->has_old_key = true;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_settings(struct verifier_service *s, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    const char *path;

    TRY(path_join(s->dir, "verifier.json", &s->arena, &path, e));
    TRY(file_read(path, SETTINGS_MAX, &s->arena, &text, e));
    return settings_read(text, &s->settings, e);
}

static const char *
text_setting(const struct verifier_service *s, const char *name)
{
    return json_string_value(service_setting(s, name));
}

static unsigned
number_setting(const struct verifier_service *s, const char *name, unsigned given)
{
    const json_t *v = service_setting(s, name);

    return given != 0 || v == NULL ? given : (unsigned)json_integer_value(v);
}

static char *
say_refusal(void *ctx, int status, const struct selfsame_err *e, const char **ret_type)
{
    auto_json *j = problem_json(status, e, NULL);

    refusal_log(ctx, status, e->code);
    *ret_type = "application/problem+json";
    return j != NULL ? json_compact(j) : NULL;
}

/* Evidence and tokens must not cross a network in the clear. */
static enum selfsame_code
check_plain(
    const struct verifier_service *s, const struct net_addr *a, struct selfsame_err *e)
{
    const bool loopback = a->kind == NET_UNIX ||
                          (a->kind == NET_TCP &&
                              (strcmp(a->host, "127.0.0.1") == 0 ||
                                  strcmp(a->host, "::1") == 0 ||
                                  strcmp(a->host, "localhost") == 0));

    if (loopback || s->config.behind_proxy ||
        json_is_true(service_setting(s, "behind_proxy")))
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "expected TLS, or a loopback address, to listen without it");
    err_remedy(e, "Set \"tls\" in verifier.json, or say --behind-proxy when a proxy on "
                  "a network that only it reaches does TLS.");
    return SELFSAME_USAGE;
}

static const char *
tls_text(const struct verifier_service *s, const char *name)
{
    return json_string_value(json_object_get(service_setting(s, "tls"), name));
}

static enum selfsame_code
open_tls(struct verifier_service *s, struct selfsame_err *e)
{
    const struct tls_listener_config c = {
        .certificate = tls_text(s, "certificate"),
        .key = tls_text(s, "key"),
        .client_ca = tls_text(s, "client_ca"),
        .client_required = json_is_true(
            json_object_get(service_setting(s, "tls"), "client_required")),
    };

    if (service_setting(s, "tls") == NULL)
        return SELFSAME_OK;
    return tls_listener_new(&c, &s->tls, e);
}

static enum selfsame_code
listen_on(struct verifier_service *s, struct selfsame_err *e)
{
    const char *listen = text_setting(s, "listen");
    struct httpd_config h = {
        .routes = s->routes.http,
        .route_count = s->routes.count,
        .ctx = s,
        .body_limit = BODY_MAX,
        .connections = number_setting(s, "connections", s->config.connections),
        .loops = number_setting(s, "loops", 0),
        .tls = s->tls,
        .refusal = say_refusal,
    };

    if (s->config.listen != NULL)
        h.listen = *s->config.listen;
    else
        TRY_WHILE(e,
            net_addr_parse(listen != NULL ? listen : "127.0.0.1:7390", 0, &h.listen, e),
            "\"listen\" of verifier.json");
    if (s->tls == NULL)
        TRY(check_plain(s, &h.listen, e));
    TRY(httpd_new(&h, &s->httpd, e));
    if (httpd_limited(s->httpd)[0] != '\0')
        service_tell(s, "warning", httpd_limited(s->httpd));
    return SELFSAME_OK;
}

static enum selfsame_code
prepare(struct verifier_service *s, struct selfsame_err *e)
{
    uint8_t nonce_key[32];

    if (snprintf(s->dir, sizeof(s->dir), "%s", s->config.dir) >= (int)sizeof(s->dir))
        FAIL(e, SELFSAME_USAGE, "the directory's name is too long");
    TRY(read_settings(s, e));
    s->issuer = text_setting(s, "issuer");
    TRY(read_secret(s, "nonce.key", nonce_key, e));
    TRY(read_secret(s, "secrets.key", s->secrets_key, e));
    TRY(read_old_secret(s, e));
    enum selfsame_code code = nonces_new(nonce_key, NONCE_ROOM, &s->nonces, e);
    secret_wipe(nonce_key, sizeof(nonce_key));
    TRY(code);
    TRY(routes_make(&s->routes, e));
    TRY(operations_new(s, &s->operations, e));
    TRY(outcomes_new(&s->outcomes, e));
    TRY_WHILE(e, open_tls(s, e), "\"tls\" of verifier.json");
    return listen_on(s, e);
}

static void
init_queue(struct call_queue *q)
{
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->more, NULL);
}

enum selfsame_code
verifier_new(const struct verifier_config *c, struct verifier_service **ret,
    struct selfsame_err *e)
{
    auto_verifier_service *s = calloc(1, sizeof(*s));

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a verifier");
    s->config = *c;
    if (c->signals)
        signals_block();
    s->arena = arena_new(SERVICE_ARENA);
    (void)pthread_mutex_init(&s->snap_lock, NULL);
    init_queue(&s->works);
    init_queue(&s->stores);
    TRY(prepare(s, e));
    *ret = s;
    s = NULL;
    return SELFSAME_OK;
}

enum selfsame_code
service_registry(
    const struct verifier_service *s, struct registry **ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(SERVICE_ARENA);
    const char *url = text_setting(s, "registry");
    const char *path;

    TRY(path_join(s->dir, "registry.sqlite", &arena, &path, e));
    return registry_open(url != NULL ? url : path, false, ret, e);
}

static int64_t
audit_clock(void *ctx)
{
    return service_now_ms(ctx);
}

/*
 * A replica whose directory was put together of what it shares with others has no audit
 * log yet: it begins one of its own, under its own name. One that has rows and no key is
 * not begun anew.
 */
static enum selfsame_code
begin_audit(struct verifier_service *s, const char *dir, struct selfsame_err *e)
{
    static const char *const traces[] = { "audit.key", "checkpoint",
        "rows-000000000000.jsonl" };
    const char *path, *host = strstr(s->issuer, "://") + 3;
    struct utsname machine;

    for (size_t i = 0; i < COUNT(traces); i++) {
        TRY(path_join(dir, traces[i], &s->arena, &path, e));
        if (access(path, F_OK) == 0)
            return SELFSAME_OK;
    }
    if (uname(&machine) != 0)
        FAIL(e, SELFSAME_IO, "this machine has no name");
    const char *origin = arena_printf(&s->arena, "%s/audit/%s", host, machine.nodename);
    if (origin == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a name");
    service_tell(s, "audit", origin);
    return audit_init(dir, origin, e);
}

enum selfsame_code
verifier_open(struct verifier_service *s, struct selfsame_err *e)
{
    struct audit_config a = { .clock_ms = audit_clock, .ctx = s };

    TRY(path_join(s->dir, "audit", &s->arena, &a.dir, e));
    TRY_WHILE(e, begin_audit(s, a.dir, e), "beginning an audit log");
    TRY_WHILE(e, audit_open(&a, &s->audit, e), "opening the audit log");
    TRY_WHILE(e, collateral_new(s, &s->collateral, e), "collateral");
    TRY(service_registry(s, &s->watch_registry, e));
    TRY(service_registry(s, &s->store_registry, e));
    return service_load(s, s->watch_registry, e);
}

static enum selfsame_code
start(struct verifier_service *s, void *(*run)(void *), struct selfsame_err *e)
{
    if (s->thread_count == THREADS_MAX ||
        pthread_create(&s->threads[s->thread_count], NULL, run, s) != 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread");
    s->thread_count++;
    return SELFSAME_OK;
}

static void
end_threads(struct verifier_service *s)
{
    atomic_store(&s->over, true);
    struct call_queue *queues[] = { &s->works, &s->stores };
    for (size_t i = 0; i < COUNT(queues); i++) {
        (void)pthread_mutex_lock(&queues[i]->lock);
        (void)pthread_cond_broadcast(&queues[i]->more);
        (void)pthread_mutex_unlock(&queues[i]->lock);
    }
    while (s->thread_count > 0)
        (void)pthread_join(s->threads[--s->thread_count], NULL);
}

enum selfsame_code
verifier_run(struct verifier_service *s, struct selfsame_err *e)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = number_setting(s, "workers", s->config.workers);

    if (workers == 0)
        workers = cpus > 0 ? (unsigned)cpus : 1;
    if (workers > WORKERS_MAX)
        workers = WORKERS_MAX;
    workers += collateral_waiters(s->collateral);
    enum selfsame_code code = operations_start(s->operations, e);
    if (code == SELFSAME_OK)
        code = collateral_start(s->collateral, e);
    if (code == SELFSAME_OK)
        code = start(s, watch, e);
    if (code == SELFSAME_OK && s->config.signals)
        code = start(s, signals_watch, e);
    if (code == SELFSAME_OK)
        code = start(s, keep, e);
    if (code == SELFSAME_OK)
        code = start(s, follow_run, e);
    for (unsigned i = 0; i < workers && code == SELFSAME_OK; i++)
        code = start(s, work, e);
    if (code == SELFSAME_OK)
        code = httpd_run(s->httpd, e);
    /* Whoever watches looks at what goes now. */
    operations_stop(s->operations);
    end_threads(s);
    /* Rows that wait are written, and whoever waits for them is answered. */
    audit_close(&s->audit);
    return code;
}

void
verifier_reload(struct verifier_service *s)
{
    struct selfsame_err e = { 0 };

    atomic_store(&s->reload, true);
    if (s->tls != NULL && tls_listener_reload(s->tls, &e) != SELFSAME_OK)
        tell_error(s, "tls", &e);
}

void
verifier_stop(struct verifier_service *s)
{
    httpd_stop(s->httpd);
}

void
verifier_free(struct verifier_service **s)
{
    if (*s == NULL)
        return;
    if ((*s)->operations != NULL)
        operations_stop((*s)->operations);
    end_threads(*s);
    audit_close(&(*s)->audit);
    collateral_free(&(*s)->collateral);
    httpd_free((*s)->httpd);
    tls_listener_free(&(*s)->tls);
    snapshot_drop((*s)->snap);
    registry_close(&(*s)->watch_registry);
    registry_close(&(*s)->store_registry);
    nonces_free(&(*s)->nonces);
    operations_free(&(*s)->operations);
    outcomes_free(&(*s)->outcomes);
    routes_free(&(*s)->routes);
    json_decref((*s)->settings);
    secret_wipe((*s)->secrets_key, sizeof((*s)->secrets_key));
    secret_wipe((*s)->secrets_old_key, sizeof((*s)->secrets_old_key));
    arena_free(&(*s)->arena);
    (void)pthread_mutex_destroy(&(*s)->snap_lock);
    free(*s);
    *s = NULL;
}
