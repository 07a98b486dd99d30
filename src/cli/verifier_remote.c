/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of a verifier behind its HTTP front. */
#include "cli/verifier_admin.h"

#include "fetch/fetch.h"
#include "os/os.h"
#include "service/key_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_FILE = 4096, ANSWER = 32 << 20, PATIENCE_S = 60, PAGES = 100 };

static const char *const words[REGISTRY_KINDS] = {
    [REGISTRY_KEY] = "keys",
    [REGISTRY_POLICY] = "policies",
    [REGISTRY_RELEASE] = "releases",
    [REGISTRY_AUDIENCE] = "audiences",
    [REGISTRY_SECRET] = "secrets",
    [REGISTRY_IDENTITY] = "identities",
    [REGISTRY_FOLLOW] = "follows",
};

static enum selfsame_code
nomem(struct place *p)
{
    FAIL(p->e, SELFSAME_NOMEM, "no memory for a request");
}

/* ---- addresses ---- */

static const char *
escaped(struct place *p, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-_.~";
    char *out = arena_alloc(&p->arena, 1, 3 * strlen(text) + 1);
    size_t n = 0;

    for (size_t i = 0; out != NULL && text[i] != '\0'; i++) {
        if (strchr(plain, text[i]) != NULL)
            out[n++] = text[i];
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned char)text[i]);
    }
    return out;
}

/* Names go into the query, where all of them can stand. `query`: further, "a=b", or "". */
static const char *
address(struct place *p, bool one, const char *query)
{
    const char *tenant = p->tenant[0] != '\0' ? p->tenant : "-";
    const char *name = one && p->name != NULL ? escaped(p, p->name) : "";

    if (name == NULL)
        return NULL;
    if (p->kind == REGISTRY_TENANT && !one)
        return arena_printf(&p->arena, "%s/v1/admin/tenants?%s", p->url, query);
    if (p->kind == REGISTRY_TENANT)
        return arena_printf(
            &p->arena, "%s/v1/admin/tenants/%s?%s", p->url, escaped(p, tenant), query);
    if (!one)
        return arena_printf(&p->arena, "%s/v1/admin/tenants/%s/%s?%s", p->url,
            escaped(p, tenant), words[p->kind], query);
    return arena_printf(&p->arena, "%s/v1/admin/tenants/%s/%s/-?name=%s&%s", p->url,
        escaped(p, tenant), words[p->kind], name, query);
}

static const char *
expecting(struct place *p)
{
    if (p->expect == REGISTRY_ANY)
        return "";
    return arena_printf(&p->arena, "expect=%" PRIu64, p->expect);
}

/* ---- what is answered ---- */

static enum selfsame_code
code_of(const char *word)
{
    for (int i = SELFSAME_USAGE; word != NULL && i <= SELFSAME_INTERNAL; i++)
        if (strcmp(selfsame_code_name((enum selfsame_code)i), word) == 0)
            return (enum selfsame_code)i;
    return SELFSAME_IO;
}

static const char *
member(const json_t *j, const char *name)
{
    return json_string_value(json_object_get(j, name));
}

/* A problem (RFC 9457), in the words of the verifier. */
static enum selfsame_code
refused(struct place *p, const struct answer *a)
{
    struct selfsame_err ignored = { 0 };
    auto_json *j = NULL;

    if (json_parse(a->body, "the answer", &j, &ignored) != SELFSAME_OK ||
        member(j, "detail") == NULL)
        FAIL(p->e, SELFSAME_IO, "the verifier answered %ld", a->status);
    const enum selfsame_code code = code_of(member(j, "class"));
    const char *remedy = member(j, "remedy");
    (void)err_set(p->e, code, __FILE__, __LINE__, "%.150s", member(j, "detail"));
    remedy = remedy != NULL ? arena_str(cli_arena(p->c), bytes_str(remedy)) : NULL;
    if (remedy != NULL)
        err_remedy(p->e, remedy);
    return err_wrap(
        p->e, code, __FILE__, __LINE__, "the verifier answered %ld", a->status);
}

static enum selfsame_code
call(struct place *p, const char *method, const char *url, struct selfsame_bytes body,
    struct selfsame_bytes *ret)
{
    const char *headers[] = { p->bearer, NULL };
    const struct http_query q = {
        .url = url,
        .method = method,
        .body = body,
        .post = body.len > 0,
        .type = "application/json",
        .headers = headers,
        .ca = p->ca,
        .limit = ANSWER,
        .timeout_s = PATIENCE_S,
    };
    struct answer a = { 0 };

    if (url == NULL)
        return nomem(p);
    TRY(http_call(&q, &p->arena, &a, p->e));
    if (a.status < 200 || a.status > 299)
        return refused(p, &a);
    if (ret != NULL)
        *ret = a.body;
    return SELFSAME_OK;
}

static enum selfsame_code
ask_json(struct place *p, const char *method, const char *url,
    struct selfsame_bytes body, json_t **ret)
{
    struct selfsame_bytes answer;

    TRY(call(p, method, url, body, &answer));
    return json_parse(answer, "the answer of the verifier", ret, p->e);
}

/* ---- the calls ---- */

/* Page by page, as one list. */
static enum selfsame_code
remote_list(struct place *p, json_t **ret)
{
    auto_json *all = json_pack("{s:[],s:n}", "items", "next");
    const char *query = "limit=1000";

    for (int i = 0; all != NULL && i < PAGES; i++) {
        auto_json *page = NULL;

        TRY(ask_json(p, "GET", address(p, false, query), BYTES_NONE, &page));
        if (json_array_extend(
                json_object_get(all, "items"), json_object_get(page, "items")) != 0)
            FAIL(p->e, SELFSAME_IO,
                "expected a list from the verifier, got another answer");
        const char *next = member(page, "next");
        if (next == NULL) {
            *ret = json_incref(all);
            return SELFSAME_OK;
        }
        next = escaped(p, next);
        query = next != NULL ? arena_printf(&p->arena, "limit=1000&after=%s", next)
                             : NULL;
        if (query == NULL)
            return nomem(p);
    }
    FAIL(p->e, SELFSAME_IO, "the list of the verifier has no end");
}

static enum selfsame_code
remote_history(struct place *p, json_t **ret)
{
    return ask_json(p, "GET", address(p, true, "history=1"), BYTES_NONE, ret);
}

static enum selfsame_code
remote_get(struct place *p, struct selfsame_bytes *ret)
{
    return call(p, "GET", address(p, true, ""), BYTES_NONE, ret);
}

static enum selfsame_code
remote_put(struct place *p, struct selfsame_bytes body, json_t **ret)
{
    return ask_json(p, "PUT", address(p, true, expecting(p)), body, ret);
}

static enum selfsame_code
remote_new_key(struct place *p, struct selfsame_bytes wish, json_t **ret)
{
    return ask_json(p, "POST", address(p, true, ""), wish, ret);
}

static enum selfsame_code
remote_try(struct place *p, struct selfsame_bytes form, json_t **ret)
{
    return ask_json(p, "POST", address(p, true, "dry_run=1"), form, ret);
}

static enum selfsame_code
remote_remove(struct place *p)
{
    return call(p, "DELETE", address(p, true, expecting(p)), BYTES_NONE, NULL);
}

static void
remote_close(struct place *p)
{
    arena_free(&p->arena);
}

/* ---- the key ---- */

static enum selfsame_code
read_key(struct place *p)
{
    const char *path = cli_value(p->c, "key-file");
    struct selfsame_bytes text;

    if (path == NULL)
        FAIL(p->e, SELFSAME_USAGE, "--url wants --key-file: a file with the API key");
    TRY(key_file_check(path, p->e));
    TRY(file_read(path, KEY_FILE, &p->arena, &text, p->e));
    while (text.len > 0 &&
           (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
            text.len = 0;
    if (!bytes_has_prefix(text, BYTES_LIT("ssk_")))
        FAIL(p->e, SELFSAME_USAGE,
            "%.100s: expected an API key (ssk_…) and nothing else", path);
    p->bearer = arena_printf(
        &p->arena, "Authorization: Bearer %.*s", (int)text.len, (const char *)text.ptr);
    secret_wipe((void *)(uintptr_t)text.ptr, text.len);
    return p->bearer != NULL ? SELFSAME_OK : nomem(p);
}

enum selfsame_code
place_remote(struct place *p, const char *url)
{
    static const struct place_calls calls = { remote_list, remote_history, remote_get,
        remote_put, remote_new_key, remote_try, remote_remove, remote_close };
    size_t len = strlen(url);

    while (len > 0 && url[len - 1] == '/')
        len--;
    p->calls = &calls;
    p->arena = arena_new((size_t)4 * ANSWER);
    p->ca = cli_value(p->c, "ca");
    p->url = arena_str(&p->arena, BYTES((const uint8_t *)url, len));
    return p->url != NULL ? read_key(p) : nomem(p);
}
