/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that follows logs, with a connection to the registry of its own. */
#include "verifier/follow.h"

#include "fetch/fetch.h"
#include "os/os.h"
#include "service/key_file.h"
#include "verifier/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    EVERY_S = 60,
    TICK_MS = 200,
    ROUND_ARENA = 256 << 20,
    FOLLOWS_MAX = 64, /* of a tenant */
    TIMEOUT_S = 20,
    MESSAGES = 256,
};

struct following {
    struct verifier_service *s;
    struct registry *r;
    struct http_line *line;
    const char *dir;
    /* What was told last of each, so that it is told once. */
    struct message {
        char who[REGISTRY_TENANT_NAME + REGISTRY_NAME + 2];
        char text[300];
    } * told;
    size_t told_count;
};

/* ---- telling ---- */

static void
tell(struct following *w, const char *who, const char *text)
{
    char line[700];
    size_t i = 0;

    while (i < w->told_count && strcmp(w->told[i].who, who) != 0)
        i++;
    if (i < w->told_count && strcmp(w->told[i].text, text) == 0)
        return;
    if (i == w->told_count && i < MESSAGES)
        w->told_count++;
    if (i < MESSAGES) {
        (void)snprintf(w->told[i].who, sizeof(w->told[i].who), "%s", who);
        (void)snprintf(w->told[i].text, sizeof(w->told[i].text), "%s", text);
    }
    (void)snprintf(line, sizeof(line), "follow %s: %s", who, text);
    service_tell(w->s, "follow", line);
}

static void
tell_error(struct following *w, const char *who, const struct selfsame_err *e)
{
    char text[300];

    (void)selfsame_err_print(e, text, sizeof(text));
    tell(w, who, text);
}

/* ---- the log's files: given up when the service ends ---- */

struct log_files {
    struct following *w;
    const char *url;
};

static enum selfsame_code
read_file_of_log(void *ctx, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    const struct log_files *f = ctx;
    char url[FOLLOW_URL_MAX + TILE_NAME + 2];
    struct answer a = { .status = 0 };
    size_t len = strlen(f->url);

    while (len > 0 && f->url[len - 1] == '/')
        len--;
    (void)snprintf(url, sizeof(url), "%.*s/%s", (int)len, f->url, name);
    const struct http_query q = { .url = url,
        .line = f->w->line,
        .limit = limit,
        .timeout_s = TIMEOUT_S,
        .stop = &f->w->s->over };
    TRY(http_call(&q, arena, &a, e));
    *ret_absent = a.status == 404 || a.status == 410;
    if (a.status != 200 && !*ret_absent)
        FAIL(e, SELFSAME_IO, "%.100s: expected status 200, got %ld", url, a.status);
    *ret = a.body;
    return SELFSAME_OK;
}

/* ---- the state ---- */

static enum selfsame_code
state_path(struct following *w, const char *tenant, const char *name,
    struct arena *arena, const char **ret, struct selfsame_err *e)
{
    const char *text = arena_printf(arena, "%s/%s", tenant, name);
    uint8_t digest[HASH_MAX];
    char file[65 + sizeof(".json")];

    if (text == NULL || !hash_bytes(HASH_SHA256, bytes_str(text), digest))
        FAIL(e, SELFSAME_NOMEM, "no memory to follow a log");
    hex_encode(BYTES(digest, 32), file);
    memcpy(file + 64, ".json", sizeof(".json"));
    return path_join(w->dir, file, arena, ret, e);
}

/* What is not there or not ours begins anew. */
static void
read_state(const char *path, const uint8_t digest[static 32], struct arena *arena,
    struct followed *ret)
{
    struct followed none = { .next = 0 };
    struct selfsame_err ignored = { 0 };
    struct selfsame_bytes text;

    memcpy(none.digest, digest, sizeof(none.digest));
    if (access(path, F_OK) != 0 ||
        file_read(path, FOLLOW_STATE, arena, &text, &ignored) != SELFSAME_OK ||
        followed_parse(text, arena, ret, &ignored) != SELFSAME_OK ||
        !bytes_eq(BYTES_ARR(ret->digest), BYTES(digest, 32)))
        *ret = none;
}

static enum selfsame_code
write_state(const char *path, const struct followed *f, struct selfsame_err *e)
{
    char *text = followed_print(f);

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to follow a log");
    const enum selfsame_code code = file_write(path, bytes_str(text), false, e);
    free(text);
    return code;
}

/* ---- one follow ---- */

struct errand {
    struct following *w;
    const struct registry_object *object;
    struct arena *arena;
    const char *who;
    struct selfsame_err *e;
};

static enum selfsame_code
keep_news(const struct errand *x, const struct object_follow *o,
    const struct follow_news *news)
{
    struct manage m = { .r = x->w->r,
        .now_ms = service_now_ms(x->w->s),
        .tenant = x->object->tenant,
        .kind = REGISTRY_RELEASE,
        .arena = x->arena,
        .e = x->e };
    char text[160];
    size_t written;

    TRY(follow_store(&m, x->object->name, o, news, &written));
    if (news->rollbacks > 0) {
        (void)snprintf(text, sizeof(text),
            "%llu releases of %.80s went back in sequence and are not taken",
            (unsigned long long)news->rollbacks, o->release);
        tell(x->w, x->who, text);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
go(const struct errand *x, bool *ret_more)
{
    struct log_files files = { x->w, NULL };
    const struct tiles_reader reader = { read_file_of_log, &files };
    struct object_follow o;
    struct follow_news news;
    struct followed f;
    auto_tiles *t = NULL;
    const char *path;

    TRY(object_read_follow(x->object->body, x->arena, &o, x->e));
    TRY(state_path(x->w, x->object->tenant, x->object->name, x->arena, &path, x->e));
    read_state(path, x->object->digest, x->arena, &f);
    files.url = o.log;
    TRY(tiles_over(&reader, &t, x->e));
    TRY(follow_read(&o, t, service_now_ms(x->w->s) / 1000, x->arena, &f, &news, x->e));
    TRY(keep_news(x, &o, &news));
    *ret_more = *ret_more || news.more;
    return write_state(
        path, &f, x->e); /* last: a crash reads again, and loses nothing */
}

static void
follow_one(struct following *w, const struct registry_object *o, bool *ret_more)
{
    auto_arena arena = arena_new(ROUND_ARENA);
    char who[REGISTRY_TENANT_NAME + REGISTRY_NAME + 2];
    struct selfsame_err e = { 0 };
    const struct errand x = { w, o, &arena, who, &e };

    (void)snprintf(who, sizeof(who), "%s/%s", o->tenant, o->name);
    if (go(&x, ret_more) == SELFSAME_OK)
        return;
    if (!atomic_load(&w->s->over))
        tell_error(w, who, &e);
}

/* ---- rounds ---- */

static void
follow_tenant(struct following *w, const char *tenant, bool *ret_more)
{
    auto_arena arena = arena_new(ROUND_ARENA);
    struct selfsame_err e = { 0 };
    struct registry_object *list;
    size_t count;

    if (registry_list(w->r, tenant, REGISTRY_FOLLOW, true, &arena, &list, &count, &e) !=
        SELFSAME_OK) {
        tell_error(w, tenant, &e);
        return;
    }
    for (size_t i = 0; i < count && i < FOLLOWS_MAX && !atomic_load(&w->s->over); i++)
        follow_one(w, &list[i], ret_more);
}

/* True: there is more to read, at once. */
static bool
round_of_all(struct following *w)
{
    struct snapshot *n = snapshot_take(w->s);
    bool more = false;

    for (size_t i = 0; n != NULL && i < n->tenant_count && !atomic_load(&w->s->over);
         i++)
        follow_tenant(w, n->tenants[i].name, &more);
    snapshot_drop(n);
    return more;
}

static void
pause_for(struct following *w, int64_t ms)
{
    while (ms > 0 && !atomic_load(&w->s->over)) {
        (void)usleep(TICK_MS * 1000);
        ms -= TICK_MS;
    }
}

static enum selfsame_code
begin(struct following *w, struct arena *arena, struct selfsame_err *e)
{
    w->told = ARENA_NEW(arena, struct message, MESSAGES);
    if (w->told == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to follow logs");
    TRY(path_join(service_dir(w->s), "follow", arena, &w->dir, e));
    TRY(dir_make(w->dir, false, e));
    TRY(http_line_new(&w->line, e));
    return service_registry(w->s, &w->r, e);
}

void *
follow_run(void *service)
{
    struct following w = { .s = service };
    auto_arena arena = arena_new(1 << 20);
    const json_t *every = service_setting(w.s, "follow_s");
    const int64_t every_s = every != NULL ? json_integer_value(every) : EVERY_S;
    struct selfsame_err e = { 0 };

    if (every_s == 0) /* another replica does it */
        return NULL;
    if (begin(&w, &arena, &e) != SELFSAME_OK)
        tell_error(&w, "no log is followed", &e);
    while (w.r != NULL && !atomic_load(&w.s->over))
        if (!round_of_all(&w))
            pause_for(&w, every_s * 1000);
    registry_close(&w.r);
    http_line_free(&w.line);
    return NULL;
}
