/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml.h"
#include "crypto/crypto.h"
#include "image/placeholder.h"
#include "repro/pack.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The image of an enclave of SGX, for Gramine: a manifest that pins every file, Gramine
 * itself, and the files in one archive. What stands where: tee/sgx/image.h.
 */

struct manifest {
    struct output o;
    struct tree *tree;
    struct arena *arena;
    struct selfsame_err *e;
};

SELFSAME_PRINTF(2, 3)
static enum selfsame_code
line(struct manifest *m, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof(text))
        FAIL(m->e, SELFSAME_INTERNAL, "a line of a manifest of %d bytes", n);
    return output_put(&m->o, bytes_str(text), m->e);
}

/* ---- trusted files ---- */

static enum selfsame_code
trust(struct manifest *m, const char *path, const uint8_t sha256[static 32])
{
    char hex[65];
    char *uri = arena_printf(m->arena, "file:rootfs/%s", path);
    const char *quoted = uri != NULL ? toml_quote(uri, m->arena) : NULL;

    if (quoted == NULL)
        FAIL(m->e, SELFSAME_NOMEM, "no memory for a manifest");
    hex_encode(BYTES(sha256, 32), hex);
    TRY(output_put(&m->o, BYTES_LIT("  { uri = "), m->e));
    TRY(output_put(&m->o, bytes_str(quoted), m->e));
    return line(m, ", sha256 = \"%s\" },\n", hex);
}

/*
 * Where a link leads inside the image, links on the way included; NULL: nowhere.
 * Like the kernel's: ".." at the root is the root.
 */
static const struct node *
follow(struct manifest *m, const char *from, int depth)
{
    char path[2 * TREE_PATH + 2] = "";
    const struct node *n = tree_find(m->tree, from);
    size_t len = 0;

    if (n == NULL || n->type != NODE_SYMLINK || depth == 0)
        return depth == 0 ? NULL : n;
    if (n->target[0] != '/') {
        const char *slash = strrchr(from, '/');

        len = slash != NULL ? (size_t)(slash - from) : 0;
        memcpy(path, from, len);
        path[len] = 0;
    }
    for (const char *p = n->target; *p != 0;) {
        size_t word = strcspn(p, "/");

        if (word == 2 && p[0] == '.' && p[1] == '.') {
            char *slash = strrchr(path, '/');

            len = slash != NULL ? (size_t)(slash - path) : 0;
            path[len] = 0;
        } else if (word > 0 && !(word == 1 && p[0] == '.')) {
            if (len + word + 2 > sizeof(path))
                return NULL;
            len += (size_t)snprintf(path + len, sizeof(path) - len, "%s%.*s",
                len > 0 ? "/" : "", (int)word, p);
            const struct node *way = follow(m, path, depth - 1);
            if (way == NULL)
                return NULL;
            len = (size_t)snprintf(path, sizeof(path), "%s", way->path);
        }
        p += word + strspn(p + word, "/");
    }
    return len > 0 ? tree_find(m->tree, path) : NULL;
}

enum { LINKS = 8 }; /* on one way; more lead nowhere */

/* Everything below a directory, once more by the name of a link to it. */
static enum selfsame_code
trust_below(struct manifest *m, const char *link, const char *dir)
{
    const size_t len = strlen(dir);

    for (size_t i = 0; i < tree_count(m->tree); i++) {
        const struct node *n = tree_at(m->tree, i), *to = n;

        if (strncmp(n->path, dir, len) != 0 || n->path[len] != '/')
            continue;
        if (n->type == NODE_SYMLINK)
            to = follow(m, n->path, LINKS);
        if (to == NULL || to->type != NODE_FILE)
            continue;
        char *path = arena_printf(m->arena, "%s%s", link, n->path + len);
        if (path == NULL)
            FAIL(m->e, SELFSAME_NOMEM, "no memory for a manifest");
        TRY(trust(m, path, to->sha256));
    }
    return SELFSAME_OK;
}

/* Gramine opens a file by the name that the program said: those of links count as well. */
static enum selfsame_code
trust_all(struct manifest *m)
{
    for (size_t i = 0; i < tree_count(m->tree); i++) {
        const struct node *n = tree_at(m->tree, i), *to = n;

        if (n->type == NODE_SYMLINK)
            to = follow(m, n->path, LINKS);
        if (to != NULL && to->type == NODE_FILE)
            TRY(trust(m, n->path, to->sha256));
        else if (to != NULL && to != n && to->type == NODE_DIR)
            TRY(trust_below(m, n->path, to->path));
    }
    return SELFSAME_OK;
}

/* ---- the manifest ---- */

static enum selfsame_code
write_members(struct manifest *m, const struct recipe_sgx *r, const uint8_t *libos)
{
    char hex[65];

    hex_encode(BYTES(libos, 32), hex);
    TRY(line(m,
        "loader.entrypoint.uri = \"file:image.libos\"\n"
        "loader.entrypoint.sha256 = \"%s\"\n"
        "loader.argv = [\"/init\"]\n"
        "loader.env.SELFSAME_LIBOS = \"1\"\n"
        "libos.entrypoint = \"/init\"\n",
        hex));
    TRY(line(m, "fs.root.type = \"chroot\"\n"
                "fs.root.uri = \"file:rootfs\"\n"
                "fs.mounts = [\n"
                "  { type = \"tmpfs\", path = \"/run\" },\n"
                "  { type = \"tmpfs\", path = \"/tmp\" },\n"
                "]\n"));
    return line(m,
        "sgx.remote_attestation = \"dcap\"\n"
        "sgx.debug = false\n"
        "sgx.edmm_enable = %s\n"
        "sgx.enclave_size = \"%s\"\n"
        "sgx.max_threads = %u\n"
        "sgx.isvprodid = %u\n"
        "sgx.isvsvn = %u\n"
        "sgx.trusted_files = [\n",
        r->edmm ? "true" : "false", r->enclave_size, r->threads,
        (unsigned)r->isv_prod_id, (unsigned)r->isv_svn);
}

static enum selfsame_code
write_manifest(const struct pack_job *job, struct manifest *m, const uint8_t *libos)
{
    TRY(write_members(m, &job->recipe->sgx, libos));
    TRY(trust_all(m));
    TRY(line(m, "]\n"));
    return output_flush(&m->o, m->e);
}

/* ---- the files ---- */

/* All of the application's and of the first ramdisk's, where the later stays. */
static enum selfsame_code
merge(const struct pack_job *job, const struct pack_machine *m, struct tree *to,
    struct selfsame_err *e)
{
    /* Here, so that every image of this build has the digests and none reads again. */
    TRY(tree_hash(m->boot, e));
    TRY(tree_hash(job->app, e));
    for (size_t i = 0; i < tree_count(m->boot); i++)
        TRY(tree_put(to, tree_at(m->boot, i), e));
    for (size_t i = 0; i < tree_count(job->app); i++)
        TRY(tree_put(to, tree_at(job->app, i), e));
    return tree_hash(to, e);
}

static enum selfsame_code
write_file(const struct extent *x, struct selfsame_bytes otherwise, struct output *o,
    struct selfsame_err *e)
{
    struct sink sink = { .write = output_put, .ctx = o };

    if (x->fd != NULL)
        TRY(extent_copy(x, &sink, e));
    else
        TRY(output_put(o, otherwise, e));
    return output_flush(o, e);
}

static enum selfsame_code
libos_digest(
    const struct pack_machine *m, uint8_t ret[static HASH_MAX], struct selfsame_err *e)
{
    if (m->libos.fd != NULL)
        return extent_sha256(&m->libos, ret, e);
    if (!hash_bytes(HASH_SHA256, placeholder_libos(), ret))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    return SELFSAME_OK;
}

enum selfsame_code
pack_gramine(const struct pack_job *job, const struct pack_machine *m,
    struct pack_drafts *d, struct arena *arena, struct selfsame_err *e)
{
    const struct repro_voice *voice = &job->options->voice;
    auto_tree *all = tree_new();
    uint8_t libos[HASH_MAX], pal[PLACEHOLDER_PAL];
    uint64_t size;
    struct output o;

    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the files of an enclave");
    TRY(merge(job, m, all, e));
    TRY(libos_digest(m, libos, e));
    placeholder_pal(pal);
    TRY(initramfs_size(all, &size, e));
    if (voice->step != NULL)
        voice->step(voice->ctx, "writing image.rootfs", size);
    struct manifest text = { .tree = all, .arena = arena, .e = e };
    TRY(output_begin(&text.o, pack_draft(d, "image.manifest.sgx"), voice, arena, e));
    TRY(write_manifest(job, &text, libos));
    TRY(output_begin(&o, pack_draft(d, "image.pal"), voice, arena, e));
    TRY(write_file(&m->pal, BYTES_ARR(pal), &o, e));
    TRY(output_begin(&o, pack_draft(d, "image.libos"), voice, arena, e));
    TRY(write_file(&m->libos, placeholder_libos(), &o, e));
    TRY(output_begin(&o, pack_draft(d, "image.rootfs"), voice, arena, e));
    TRY(initramfs_write(all, &(struct sink){ .write = output_put, .ctx = &o }, e));
    return output_flush(&o, e);
}
