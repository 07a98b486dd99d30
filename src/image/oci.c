/* SPDX-License-Identifier: Apache-2.0 */
#include "image/oci.h"

#include "codec/json.h"

static enum selfsame_code
remedied(struct selfsame_err *e, enum selfsame_code code, const char *remedy)
{
    err_remedy(e, remedy);
    return code;
}

/* ---- members ---- */

static enum selfsame_code
get_text(const json_t *object, const char *key, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    const json_t *v = json_object_get(object, key);

    if (v != NULL && !json_is_string(v) && !json_is_null(v))
        FAIL(e, SELFSAME_MALFORMED, "image: expected '%s' to be a string", key);
    *ret = arena_str(arena, bytes_str(json_is_string(v) ? json_string_value(v) : ""));
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "image: no memory for '%s'", key);
    return SELFSAME_OK;
}

static enum selfsame_code
get_strings(const json_t *object, const char *key, struct arena *arena,
    const char *const **ret, struct selfsame_err *e)
{
    const json_t *v = json_object_get(object, key);
    size_t n = json_array_size(v);

    if (v != NULL && !json_is_array(v) && !json_is_null(v))
        FAIL(e, SELFSAME_MALFORMED, "image: expected '%s' to be an array", key);
    if (n > OCI_STRINGS)
        FAIL(e, SELFSAME_MALFORMED, "image: expected at most %d of '%s', got %zu",
            (int)OCI_STRINGS, key, n);
    const char **list = ARENA_NEW(arena, const char *, n + 1);
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "image: no memory for '%s'", key);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(v, i));

        if (s == NULL)
            FAIL(e, SELFSAME_MALFORMED, "image: expected '%s[%zu]' to be a string", key,
                i);
        list[i] = arena_str(arena, bytes_str(s));
        if (list[i] == NULL)
            FAIL(e, SELFSAME_NOMEM, "image: no memory for '%s'", key);
    }
    *ret = list;
    return SELFSAME_OK;
}

enum selfsame_code
oci_digest_parse(const char *text, uint8_t ret[static 32], struct selfsame_err *e)
{
    size_t len;
    const char *colon = strchr(text, ':');

    if (colon == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "image: expected a digest 'sha256:<hex>', got '%.80s'", text);
    if (strncmp(text, "sha256:", 7) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "image: expected a sha256 digest, got '%.*s'",
            (int)(colon - text < 40 ? colon - text : 40), text);
    if (!hex_decode(text + 7, strlen(text + 7), ret, 32, &len) || len != 32)
        FAIL(e, SELFSAME_MALFORMED,
            "image: expected 64 lower-case hex digits, got '%.80s'", text + 7);
    return SELFSAME_OK;
}

static enum selfsame_code
get_descriptor(const json_t *v, const char *what, struct arena *arena,
    struct oci_descriptor *ret, struct selfsame_err *e)
{
    const char *digest;
    json_int_t size = json_integer_value(json_object_get(v, "size"));

    if (!json_is_object(v) || !json_is_integer(json_object_get(v, "size")) || size < 0)
        FAIL(e, SELFSAME_MALFORMED, "image: expected '%s' to have a digest and a size",
            what);
    TRY(get_text(v, "mediaType", arena, &ret->media_type, e));
    TRY(get_text(v, "digest", arena, &digest, e));
    TRY_WHILE(e, oci_digest_parse(digest, ret->sha256, e), "reading '%s'", what);
    ret->hex = digest + 7;
    ret->size = (uint64_t)size;
    ret->is_index = strcmp(ret->media_type,
                        "application/vnd.oci.image.index.v1+json") == 0 ||
                    strcmp(ret->media_type,
                        "application/vnd.docker.distribution.manifest.list.v2+json") ==
                        0;
    return SELFSAME_OK;
}

/* ---- index.json ---- */

static const char *
text_at(const json_t *v, const char *object, const char *key)
{
    return json_string_value(json_object_get(json_object_get(v, object), key));
}

/* The simple name behind the last '/' or the whole, as skopeo and docker write them. */
static bool
ref_fits(const char *have, const char *want)
{
    if (have == NULL)
        return false;
    const char *slash = strrchr(have, '/');
    return strcmp(have, want) == 0 || (slash != NULL && strcmp(slash + 1, want) == 0);
}

static bool
fits(const json_t *v, const struct oci_choice *want)
{
    const char *os = text_at(v, "platform", "os");
    const char *arch = text_at(v, "platform", "architecture");

    /* No platform: an index of one image, or of tags; its config decides. */
    if ((os != NULL && strcmp(os, want->os) != 0) ||
        (arch != NULL && strcmp(arch, want->arch) != 0))
        return false;
    return want->ref == NULL ||
           ref_fits(text_at(v, "annotations", "org.opencontainers.image.ref.name"),
               want->ref) ||
           ref_fits(text_at(v, "annotations", "io.containerd.image.name"), want->ref);
}

static enum selfsame_code
choose(const json_t *list, const struct oci_choice *want, const json_t **ret,
    struct selfsame_err *e)
{
    const json_t *found = NULL;
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);

        /* The same image under two tags is one image. */
        if (!fits(v, want) || (found != NULL && json_equal(json_object_get(v, "digest"),
                                                    json_object_get(found, "digest"))))
            continue;
        found = v;
        count++;
    }
    if (count == 0) {
        return remedied(e,
            err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
                "image: expected one for %s/%s%s%s, got %zu others", want->os,
                want->arch, want->ref != NULL ? " named " : "",
                want->ref != NULL ? want->ref : "", json_array_size(list)),
            "Name the platform with --platform, the image with --ref.");
    }
    if (count > 1) {
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "image: expected one for %s/%s, got %zu", want->os, want->arch, count),
            "Choose one with --ref NAME.");
    }
    *ret = found;
    return SELFSAME_OK;
}

enum selfsame_code
oci_index_parse(struct selfsame_bytes text, const struct oci_choice *want,
    struct arena *arena, struct oci_descriptor *ret, struct selfsame_err *e)
{
    auto_json *root = NULL;
    const json_t *chosen = NULL;
    struct oci_descriptor d;

    TRY(json_parse(text, "image index", &root, e));
    const json_t *list = json_object_get(root, "manifests");
    if (!json_is_array(list))
        FAIL(e, SELFSAME_MALFORMED, "image index: expected an array 'manifests'");
    TRY(choose(list, want, &chosen, e));
    TRY(get_descriptor(chosen, "manifests[]", arena, &d, e));
    *ret = d;
    return SELFSAME_OK;
}

/* ---- manifest, config ---- */

enum selfsame_code
oci_manifest_parse(struct selfsame_bytes text, struct arena *arena,
    struct oci_manifest *ret, struct selfsame_err *e)
{
    auto_json *root = NULL;
    struct oci_manifest m = { 0 };

    TRY(json_parse(text, "image manifest", &root, e));
    const json_t *layers = json_object_get(root, "layers");
    m.layer_count = json_array_size(layers);
    if (!json_is_array(layers) || m.layer_count > OCI_LAYERS)
        FAIL(e, SELFSAME_MALFORMED,
            "image manifest: expected an array 'layers' of at most %d",
            (int)OCI_LAYERS);
    TRY(get_descriptor(json_object_get(root, "config"), "config", arena, &m.config, e));
    struct oci_descriptor *d = ARENA_NEW(
        arena, struct oci_descriptor, m.layer_count + 1);
    if (d == NULL)
        FAIL(e, SELFSAME_NOMEM, "image manifest: no memory");
    for (size_t i = 0; i < m.layer_count; i++)
        TRY(get_descriptor(json_array_get(layers, i), "layers[]", arena, &d[i], e));
    m.layers = d;
    *ret = m;
    return SELFSAME_OK;
}

static enum selfsame_code
get_diff_ids(const json_t *root, struct arena *arena, struct oci_config *c,
    struct selfsame_err *e)
{
    const json_t *ids = json_object_get(json_object_get(root, "rootfs"), "diff_ids");

    c->diff_id_count = json_array_size(ids);
    if (!json_is_array(ids) || c->diff_id_count > OCI_LAYERS)
        FAIL(e, SELFSAME_MALFORMED,
            "image config: expected an array 'rootfs.diff_ids' of at most %d",
            (int)OCI_LAYERS);
    uint8_t(*list)[32] = arena_alloc(arena, 32, c->diff_id_count + 1);
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "image config: no memory");
    for (size_t i = 0; i < c->diff_id_count; i++) {
        const char *s = json_string_value(json_array_get(ids, i));

        if (s == NULL)
            FAIL(e, SELFSAME_MALFORMED,
                "image config: expected 'rootfs.diff_ids[%zu]' to be a string", i);
        TRY(oci_digest_parse(s, list[i], e));
    }
    c->diff_ids = (const uint8_t(*)[32])list;
    return SELFSAME_OK;
}

enum selfsame_code
oci_config_parse(struct selfsame_bytes text, struct arena *arena,
    struct oci_config *ret, struct selfsame_err *e)
{
    auto_json *root = NULL;
    struct oci_config c = { 0 };

    TRY(json_parse(text, "image config", &root, e));
    const json_t *config = json_object_get(root, "config");
    if (!json_is_object(root) ||
        (config != NULL && !json_is_object(config) && !json_is_null(config)))
        FAIL(e, SELFSAME_MALFORMED, "image config: expected 'config' to be an object");
    TRY(get_text(root, "os", arena, &c.os, e));
    TRY(get_text(root, "architecture", arena, &c.arch, e));
    TRY(get_strings(config, "Entrypoint", arena, &c.entrypoint, e));
    TRY(get_strings(config, "Cmd", arena, &c.cmd, e));
    TRY(get_strings(config, "Env", arena, &c.env, e));
    TRY(get_text(config, "User", arena, &c.user, e));
    TRY(get_text(config, "WorkingDir", arena, &c.workdir, e));
    TRY(get_diff_ids(root, arena, &c, e));
    *ret = c;
    return SELFSAME_OK;
}

/* ---- docker save ---- */

static bool
tag_fits(const json_t *v, const char *ref)
{
    const json_t *tags = json_object_get(v, "RepoTags");

    if (ref == NULL)
        return true;
    for (size_t i = 0; i < json_array_size(tags); i++)
        if (ref_fits(json_string_value(json_array_get(tags, i)), ref))
            return true;
    return false;
}

enum selfsame_code
docker_manifest_parse(struct selfsame_bytes text, const struct oci_choice *want,
    struct arena *arena, struct docker_manifest *ret, struct selfsame_err *e)
{
    auto_json *root = NULL;
    const json_t *found = NULL;
    struct docker_manifest m = { 0 };
    size_t count = 0;

    TRY(json_parse(text, "manifest.json", &root, e));
    for (size_t i = 0; i < json_array_size(root); i++)
        if (tag_fits(json_array_get(root, i), want->ref)) {
            found = json_array_get(root, i);
            count++;
        }
    if (count > 1) {
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "manifest.json: expected one image, got %zu", count),
            "Choose one with --ref NAME:TAG.");
    }
    if (count == 0 || !json_is_object(found))
        FAIL(e, SELFSAME_MALFORMED, "manifest.json: expected an image%s%s, got none",
            want->ref != NULL ? " named " : "", want->ref != NULL ? want->ref : "");
    TRY(get_text(found, "Config", arena, &m.config, e));
    TRY(get_strings(found, "Layers", arena, &m.layers, e));
    m.layer_count = json_array_size(json_object_get(found, "Layers"));
    if (m.config[0] == 0 || m.layer_count > OCI_LAYERS)
        FAIL(e, SELFSAME_MALFORMED,
            "manifest.json: expected 'Config' and at most %d 'Layers'",
            (int)OCI_LAYERS);
    *ret = m;
    return SELFSAME_OK;
}

/* ---- User ---- */

static bool
id_parse(struct selfsame_bytes s, uint32_t *ret)
{
    uint64_t v = 0;

    if (s.len == 0 || s.len > 10)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    if (v >= UINT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static struct selfsame_bytes
until(struct selfsame_bytes *rest, uint8_t stop)
{
    size_t n = 0;

    while (n < rest->len && rest->ptr[n] != stop)
        n++;
    struct selfsame_bytes got = BYTES(rest->ptr, n);
    size_t used = n < rest->len ? n + 1 : n;
    *rest = BYTES(rest->ptr + used, rest->len - used);
    return got;
}

/* name:password:id:more of the first line with this name, or with this id. */
static bool
look_up(struct selfsame_bytes file, struct selfsame_bytes name, const uint32_t *id,
    uint32_t *ret_id, uint32_t *ret_next)
{
    while (file.len > 0) {
        struct selfsame_bytes line = until(&file, '\n');
        struct selfsame_bytes who = until(&line, ':');
        uint32_t have, next = 0;

        (void)until(&line, ':');
        if (!id_parse(until(&line, ':'), &have))
            continue;
        bool has_next = id_parse(until(&line, ':'), &next);
        if (id != NULL ? have != *id || !has_next : !bytes_eq(who, name))
            continue;
        *ret_id = have;
        *ret_next = next;
        return true;
    }
    return false;
}

enum selfsame_code
oci_user_resolve(const char *user, struct selfsame_bytes passwd,
    struct selfsame_bytes group, struct oci_user *ret, struct selfsame_err *e)
{
    const char *colon = strchr(user, ':');
    struct selfsame_bytes who = bytes_str(user);
    struct oci_user u = { 0, 0 };
    uint32_t unused;

    if (colon != NULL)
        who.len = (size_t)(colon - user);
    if (id_parse(who, &u.uid)) {
        uint32_t uid = u.uid;

        (void)look_up(passwd, who, &uid, &unused, &u.gid);
    } else if (who.len > 0 && !look_up(passwd, who, NULL, &u.uid, &u.gid)) {
        FAIL(e, SELFSAME_MALFORMED,
            "image: expected the user '%s' in its /etc/passwd, it is not there", user);
    }
    if (colon != NULL) {
        struct selfsame_bytes g = bytes_str(colon + 1);

        if (!id_parse(g, &u.gid) && !look_up(group, g, NULL, &u.gid, &unused))
            FAIL(e, SELFSAME_MALFORMED,
                "image: expected the group '%s' in its /etc/group, it is not there",
                colon + 1);
    }
    *ret = u;
    return SELFSAME_OK;
}
