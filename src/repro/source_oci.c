/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "os/os.h"
#include "repro/repro.h"

#include <stdio.h>

enum { INDEX_DEPTH = 4, PASSWD_MAX = 1 << 20 };

/* ---- blobs ---- */

static enum selfsame_code
check_digest(const struct extent *x, const char *name, const uint8_t *want,
    struct selfsame_err *e)
{
    uint8_t got[32];
    char want_hex[65], got_hex[65];

    TRY(extent_sha256(x, got, e));
    if (bytes_eq(BYTES(got, 32), BYTES(want, 32)))
        return SELFSAME_OK;
    hex_encode(BYTES(want, 32), want_hex);
    hex_encode(BYTES(got, 32), got_hex);
    return remedied(e,
        err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
            "image, %s: expected the digest sha256:%.16s…, got sha256:%.16s…", name,
            want_hex, got_hex),
        "Fetch the image again: a part of it is damaged or was exchanged.");
}

/* Size and digest are checked before anything looks inside. */
static enum selfsame_code
open_blob(const struct bundle *b, const struct oci_descriptor *d, const char *what,
    int *own_fd, struct extent *ret, struct selfsame_err *e)
{
    char path[96];
    struct extent x;

    (void)snprintf(path, sizeof(path), "blobs/sha256/%s", d->hex);
    TRY_WHILE(e, bundle_find(b, path, own_fd, &x, e), "opening the %s", what);
    if (x.size != d->size)
        FAIL(e, SELFSAME_MALFORMED, "image, %s: expected %llu bytes, got %llu", what,
            (unsigned long long)d->size, (unsigned long long)x.size);
    TRY(check_digest(&x, what, d->sha256, e));
    *ret = x;
    return SELFSAME_OK;
}

static enum selfsame_code
read_blob(struct source *s, const struct bundle *b, const struct oci_descriptor *d,
    const char *what, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_fd fd = -1;
    struct extent x;

    TRY(open_blob(b, d, what, &fd, &x, e));
    TRY_WHILE(e, extent_read(&x, OCI_JSON, &s->arena, ret, e), "reading the %s", what);
    return SELFSAME_OK;
}

static enum selfsame_code
read_member(struct source *s, const struct bundle *b, const char *name,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_fd fd = -1;
    struct extent x;

    TRY(bundle_find(b, name, &fd, &x, e));
    TRY_WHILE(e, extent_read(&x, OCI_JSON, &s->arena, ret, e), "reading %s", name);
    return SELFSAME_OK;
}

/* ---- configuration ---- */

static enum selfsame_code
small_file(struct source *s, const char *path, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const struct node *n = tree_find(s->tree, path);

    *ret = BYTES_NONE;
    if (n == NULL || n->type != NODE_FILE || n->content.size == 0)
        return SELFSAME_OK;
    if (n->content.size > PASSWD_MAX)
        FAIL(e, SELFSAME_MALFORMED, "/%s: expected at most %d bytes", path,
            (int)PASSWD_MAX);
    size_t len = (size_t)n->content.size;
    uint8_t *p = arena_alloc(&s->arena, 1, len);
    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for /%s", path);
    if (n->content.read == NULL)
        memcpy(p, n->content.ptr, len);
    else
        TRY(n->content.read(&n->content, 0, p, len, e));
    *ret = BYTES(p, len);
    return SELFSAME_OK;
}

enum selfsame_code
source_user(
    struct source *s, const char *user, struct oci_user *ret, struct selfsame_err *e)
{
    struct selfsame_bytes passwd, group;

    TRY(small_file(s, "etc/passwd", &passwd, e));
    TRY(small_file(s, "etc/group", &group, e));
    return oci_user_resolve(user, passwd, group, ret, e);
}

static size_t
list_len(const char *const *list)
{
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    return n;
}

/* What a container engine would run: entrypoint followed by cmd. */
static enum selfsame_code
take_config(struct source *s, const struct oci_config *c, struct selfsame_err *e)
{
    size_t a = list_len(c->entrypoint), b = list_len(c->cmd);
    const char **argv = ARENA_NEW(&s->arena, const char *, a + b + 1);

    if (argv == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the command");
    for (size_t i = 0; i < a + b; i++)
        argv[i] = i < a ? c->entrypoint[i] : c->cmd[i - a];
    s->run.argv = argv;
    s->run.env = c->env;
    s->run.workdir = c->workdir[0] != 0 ? c->workdir : "/";
    s->aarch64 = strcmp(c->arch, "arm64") == 0;
    return source_user(s, c->user, &s->run.user, e);
}

static enum selfsame_code
check_platform(const struct oci_config *c, const struct oci_choice *want, size_t layers,
    struct selfsame_err *e)
{
    if (strcmp(c->os, want->os) != 0 || strcmp(c->arch, want->arch) != 0)
        return remedied(e,
            err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
                "image: expected %s/%s, got %.40s/%.40s", want->os, want->arch, c->os,
                c->arch),
            "Name the platform with --platform OS/ARCH.");
    if (c->diff_id_count != layers)
        FAIL(e, SELFSAME_MALFORMED,
            "image: expected as many layers as diff_ids, got %zu and %zu", layers,
            c->diff_id_count);
    return SELFSAME_OK;
}

/* ---- OCI layout ---- */

static enum selfsame_code
check_layout_version(struct source *s, const struct bundle *b, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    auto_json *root = NULL;

    TRY(read_member(s, b, "oci-layout", &text, e));
    TRY(json_parse(text, "oci-layout", &root, e));
    const char *v = json_string_value(json_object_get(root, "imageLayoutVersion"));
    if (v == NULL || strcmp(v, "1.0.0") != 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "oci-layout: expected imageLayoutVersion 1.0.0, got %.40s",
            v != NULL ? v : "none");
    return SELFSAME_OK;
}

static enum selfsame_code
find_manifest(struct source *s, const struct bundle *b, const struct oci_choice *want,
    struct oci_manifest *ret, struct selfsame_err *e)
{
    struct oci_choice inner = *want;
    struct oci_descriptor d;
    struct selfsame_bytes text;

    TRY(read_member(s, b, "index.json", &text, e));
    TRY(oci_index_parse(text, want, &s->arena, &d, e));
    inner.ref = NULL; /* tags are named at the top */
    for (int depth = 0; d.is_index; depth++) {
        if (depth == INDEX_DEPTH)
            FAIL(e, SELFSAME_MALFORMED, "image: indexes inside indexes, over %d deep",
                (int)INDEX_DEPTH);
        TRY(read_blob(s, b, &d, "index", &text, e));
        TRY(oci_index_parse(text, &inner, &s->arena, &d, e));
    }
    TRY(read_blob(s, b, &d, "manifest", &text, e));
    return oci_manifest_parse(text, &s->arena, ret, e);
}

enum selfsame_code
source_oci_load(struct source *s, const struct bundle *b, const struct oci_choice *want,
    struct selfsame_err *e)
{
    struct oci_manifest m = { 0 };
    struct oci_config c;
    struct selfsame_bytes text;

    TRY(check_layout_version(s, b, e));
    TRY(find_manifest(s, b, want, &m, e));
    TRY(read_blob(s, b, &m.config, "config", &text, e));
    TRY(oci_config_parse(text, &s->arena, &c, e));
    TRY(check_platform(&c, want, m.layer_count, e));
    for (size_t i = 0; i < m.layer_count; i++) {
        auto_fd fd = -1;
        struct extent x;
        char what[64];

        (void)snprintf(what, sizeof(what), "layer %zu of %zu", i + 1, m.layer_count);
        TRY(open_blob(b, &m.layers[i], what, &fd, &x, e));
        TRY_WHILE(
            e, source_layer_add(s, &x, c.diff_ids[i], true, e), "laying %s", what);
    }
    return take_config(s, &c, e);
}

/* ---- docker save ---- */

/* The configuration is named by its digest: "<hex>.json" or "blobs/sha256/<hex>". */
static enum selfsame_code
read_docker_config(struct source *s, const struct bundle *b, const char *name,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_fd fd = -1;
    struct extent x;
    uint8_t want[32];
    size_t len;
    const char *slash = strrchr(name, '/');
    const char *hex = slash != NULL ? slash + 1 : name;

    TRY(bundle_find(b, name, &fd, &x, e));
    if (strlen(hex) < 64 || !hex_decode(hex, 64, want, 32, &len) || len != 32)
        FAIL(e, SELFSAME_MALFORMED,
            "manifest.json: expected 'Config' to be named by its digest, got '%.80s'",
            name);
    TRY(check_digest(&x, "config", want, e));
    return extent_read(&x, OCI_JSON, &s->arena, ret, e);
}

enum selfsame_code
source_docker_load(struct source *s, const struct bundle *b,
    const struct oci_choice *want, struct selfsame_err *e)
{
    struct docker_manifest m = { 0 };
    struct oci_config c;
    struct selfsame_bytes text;

    TRY(read_member(s, b, "manifest.json", &text, e));
    TRY(docker_manifest_parse(text, want, &s->arena, &m, e));
    TRY(read_docker_config(s, b, m.config, &text, e));
    TRY(oci_config_parse(text, &s->arena, &c, e));
    TRY(check_platform(&c, want, m.layer_count, e));
    for (size_t i = 0; i < m.layer_count; i++) {
        auto_fd fd = -1;
        struct extent x;

        TRY(bundle_find(b, m.layers[i], &fd, &x, e));
        TRY_WHILE(e, source_layer_add(s, &x, c.diff_ids[i], true, e),
            "laying layer %zu of %zu", i + 1, m.layer_count);
    }
    return take_config(s, &c, e);
}
