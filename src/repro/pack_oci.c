/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "crypto/crypto.h"
#include "image/tar_put.h"
#include "repro/pack.h"

#include <stdlib.h>

/*
 * image.oci.tar: the application's tree as a container image of one layer, which
 * registries take (OCI image layout 1.1, as an archive) and `docker load` as well
 * (manifest.json). It has what enclaves of this build have, without our own parts of
 * them. The layer is written twice, once for its digest.
 */
#define OCI "application/vnd.oci.image."

struct blob {
    char hex[65];
    struct selfsame_bytes text; /* of documents */
    uint64_t size;
};
struct packing {
    const struct pack_job *job;
    struct arena *arena;
    struct blob layer, config, manifest;
};

static enum selfsame_code
no_memory(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory for a container image");
}

/* ---- the layer ---- */

/* selfsame-init's, and the agent that it starts: nothing of a container. */
static bool
is_ours(const struct pack_job *job, const struct node *n)
{
    return strcmp(n->path, "selfsame") == 0 || strcmp(n->path, "selfsame/run") == 0 ||
           (job->has_agent && strcmp(n->path, "usr/bin/selfsame") == 0);
}

static enum selfsame_code
write_layer(const struct pack_job *job, const struct sink *out, struct selfsame_err *e)
{
    for (size_t i = 0; i < tree_count(job->app); i++) {
        const struct node *n = tree_at(job->app, i);

        if (!is_ours(job, n))
            TRY(tar_put_node(n, out, e));
    }
    return tar_put_end(out, e);
}

struct summing {
    struct hash h;
    uint64_t size;
};

static enum selfsame_code
sum_piece(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct summing *s = ctx;

    (void)e;
    hash_update(&s->h, b);
    s->size += b.len;
    return SELFSAME_OK;
}

static enum selfsame_code
sum_layer(struct packing *p, struct selfsame_err *e)
{
    struct summing s = { .size = 0 };
    uint8_t sum[HASH_MAX];

    if (!hash_init(&s.h, HASH_SHA256))
        return no_memory(e);
    enum selfsame_code code = write_layer(
        p->job, &(struct sink){ .write = sum_piece, .ctx = &s }, e);
    if (code == SELFSAME_OK) {
        hash_final(&s.h, sum);
        hex_encode(BYTES(sum, 32), p->layer.hex);
        p->layer.size = s.size;
    }
    hash_free(&s.h);
    return code;
}

/* ---- the documents ---- */

/* Takes j over; as text, in the arena, with its digest. */
static enum selfsame_code
document(struct packing *p, json_t *j, struct blob *ret, struct selfsame_err *e)
{
    char *text = j != NULL ? json_compact(j) : NULL;
    uint8_t sum[HASH_MAX];

    json_decref(j);
    const bool kept = text != NULL &&
                      arena_dup(p->arena, bytes_str(text), &ret->text) &&
                      hash_bytes(HASH_SHA256, ret->text, sum);
    free(text);
    if (!kept)
        return no_memory(e);
    hex_encode(BYTES(sum, 32), ret->hex);
    ret->size = ret->text.len;
    return SELFSAME_OK;
}

static json_t *
list_of(const char *const *texts)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && texts[i] != NULL; i++)
        if (json_array_append_new(list, json_string(texts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/*
 * Who runs a container may replace "Cmd" by other arguments and keeps "Entrypoint": they
 * are two where the recipe has two. Elsewhere the program is one.
 */
static void
split_argv(const struct packing *p, json_t **ret_entrypoint, json_t **ret_cmd)
{
    static const char *const none[] = { NULL };
    const struct recipe *r = p->job->recipe;
    char **told = p->job->options->argv;
    const bool two = (told == NULL || told[0] == NULL) && r->entrypoint != NULL;

    *ret_entrypoint = list_of(two ? r->entrypoint : p->job->run.argv);
    *ret_cmd = list_of(two && r->cmd != NULL ? r->cmd : none);
}

/* image-spec, config.md */
static json_t *
config_json(const struct packing *p, json_t *entrypoint, json_t *cmd, json_t *env)
{
    const struct pack_job *job = p->job;
    const struct run_config *run = &job->run;
    char when[TIME_TEXT];

    time_format(job->recipe->source_date_epoch, when);
    return json_pack("{s:s,s:s,s:s,s:{s:O,s:O,s:O,s:o,s:s},s:{s:s,s:[o]}}", "created",
        when, "architecture", job->aarch64 ? "arm64" : "amd64", "os", "linux", "config",
        "Entrypoint", entrypoint, "Cmd", cmd, "Env", env, "User",
        json_sprintf("%u:%u", (unsigned)run->user.uid, (unsigned)run->user.gid),
        "WorkingDir", run->workdir, "rootfs", "type", "layers", "diff_ids",
        json_sprintf("sha256:%s", p->layer.hex));
}

static json_t *
descriptor(const char *type, const struct blob *b)
{
    return json_pack("{s:s,s:o,s:I}", "mediaType", type, "digest",
        json_sprintf("sha256:%s", b->hex), "size", (json_int_t)b->size);
}

static enum selfsame_code
make_documents(struct packing *p, struct selfsame_err *e)
{
    auto_json *entrypoint = NULL, *cmd = NULL, *env = list_of(p->job->run.env);

    split_argv(p, &entrypoint, &cmd);
    if (entrypoint == NULL || cmd == NULL || env == NULL)
        return no_memory(e);
    TRY(document(p, config_json(p, entrypoint, cmd, env), &p->config, e));
    return document(p,
        json_pack("{s:i,s:s,s:o,s:[o]}", "schemaVersion", 2, "mediaType",
            OCI "manifest.v1+json", "config",
            descriptor(OCI "config.v1+json", &p->config), "layers",
            descriptor(OCI "layer.v1.tar", &p->layer)),
        &p->manifest, e);
}

/* "example.com/hello:1.0.0" */
static char *
reference(const struct packing *p)
{
    return arena_printf(
        p->arena, "%s:%s", p->job->recipe->name, p->job->recipe->version);
}

static json_t *
index_json(const struct packing *p, const char *ref)
{
    return json_pack("{s:i,s:s,s:[{s:s,s:o,s:I,s:{s:s}}]}", "schemaVersion", 2,
        "mediaType", OCI "index.v1+json", "manifests", "mediaType",
        OCI "manifest.v1+json", "digest", json_sprintf("sha256:%s", p->manifest.hex),
        "size", (json_int_t)p->manifest.size, "annotations",
        "org.opencontainers.image.ref.name", ref);
}

static json_t *
docker_json(const struct packing *p, const char *ref)
{
    return json_pack("[{s:o,s:[s],s:[o]}]", "Config",
        json_sprintf("blobs/sha256/%s", p->config.hex), "RepoTags", ref, "Layers",
        json_sprintf("blobs/sha256/%s", p->layer.hex));
}

/* ---- the archive ---- */

static enum selfsame_code
put_text(const char *path, struct selfsame_bytes text, const struct sink *out,
    struct selfsame_err *e)
{
    const struct tar_entry t = {
        .type = TAR_FILE, .path = path, .link = "", .mode = 0644, .size = text.len
    };

    return tar_put(&t, &(struct content){ .size = text.len, .ptr = text.ptr }, out, e);
}

static enum selfsame_code
put_json(struct packing *p, const char *path, json_t *j, const struct sink *out,
    struct selfsame_err *e)
{
    struct blob b;

    TRY(document(p, j, &b, e));
    return put_text(path, b.text, out, e);
}

static enum selfsame_code
put_blob(const struct blob *b, const struct sink *out, struct selfsame_err *e)
{
    char path[96] = "blobs/sha256/";

    memcpy(path + strlen(path), b->hex, sizeof(b->hex));
    return put_text(path, b->text, out, e);
}

/* As a member of the archive whose data is pushed, not read. */
static enum selfsame_code
put_layer(const struct packing *p, const struct sink *out, struct selfsame_err *e)
{
    char path[96] = "blobs/sha256/";
    struct tar_entry t = {
        .type = TAR_FILE, .path = path, .link = "", .mode = 0644, .size = p->layer.size
    };

    memcpy(path + strlen(path), p->layer.hex, sizeof(p->layer.hex));
    TRY(tar_put_head(&t, out, e));
    return write_layer(p->job, out, e); /* a multiple of blocks: no padding */
}

static enum selfsame_code
write_archive(struct packing *p, const struct sink *out, struct selfsame_err *e)
{
    char *ref = reference(p);

    if (ref == NULL)
        return no_memory(e);
    TRY(put_text(
        "oci-layout", BYTES_LIT("{\"imageLayoutVersion\":\"1.0.0\"}"), out, e));
    TRY(put_json(p, "index.json", index_json(p, ref), out, e));
    TRY(put_json(p, "manifest.json", docker_json(p, ref), out, e));
    TRY(put_blob(&p->manifest, out, e));
    TRY(put_blob(&p->config, out, e));
    TRY(put_layer(p, out, e));
    return tar_put_end(out, e);
}

enum selfsame_code
pack_oci(const struct pack_job *job, struct pack_drafts *d, struct arena *arena,
    struct selfsame_err *e)
{
    struct packing p = { .job = job, .arena = arena };
    struct output o;

    TRY(sum_layer(&p, e));
    TRY(make_documents(&p, e));
    if (job->options->voice.step != NULL)
        job->options->voice.step(
            job->options->voice.ctx, "writing image.oci.tar", p.layer.size);
    TRY(output_begin(
        &o, pack_draft(d, "image.oci.tar"), &job->options->voice, arena, e));
    TRY(write_archive(&p, &(struct sink){ .write = output_put, .ctx = &o }, e));
    return output_flush(&o, e);
}
