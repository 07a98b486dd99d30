/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "repro/recipe_parts.h"

#include <stdlib.h>

/* docs/formats/recipe.md describes every member; unknown ones are errors. */
enum { MEMORY_MIB_MAX = 1 << 20 };

static const char recipe_remedy[] =
    "Correct this member; selfsame-recipe(5) lists them all.";

enum selfsame_code
recipe_wrong(const struct recipe_reading *p, const char *member, const char *expected)
{
    return remedied(p->e,
        err_set(p->e, SELFSAME_USAGE, __FILE__, __LINE__,
            "%s, line %d: '%s': expected %s", p->path, json_line_of(p->text, member),
            member, expected),
        recipe_remedy);
}

enum selfsame_code
recipe_no_memory(const struct recipe_reading *p)
{
    FAIL(p->e, SELFSAME_NOMEM, "%s: no memory", p->path);
}

enum selfsame_code
recipe_only(const struct recipe_reading *p, json_t *object, const char *prefix,
    const char *const *known)
{
    const char *key;
    json_t *v;

    json_object_foreach(object, key, v)
    {
        size_t i = 0;

        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] != NULL)
            continue;
        char *member = arena_printf(p->arena, "%s%s", prefix, key);
        if (member == NULL)
            return recipe_no_memory(p);
        return remedied(p->e,
            err_set(p->e, SELFSAME_USAGE, __FILE__, __LINE__,
                "%s, line %d: '%s': a recipe has no member of this name", p->path,
                json_line_of(p->text, member), member),
            recipe_remedy);
    }
    return SELFSAME_OK;
}

/* "serve.listen" → the value; NULL when absent. */
static const json_t *
at(const json_t *root, const char *member)
{
    char part[64];

    while (root != NULL && *member != 0) {
        size_t n = strcspn(member, ".");

        if (n >= sizeof(part))
            return NULL;
        memcpy(part, member, n);
        part[n] = 0;
        root = json_object_get(root, part);
        member += n + (member[n] == '.');
    }
    return root;
}

enum selfsame_code
recipe_text(const struct recipe_reading *p, const json_t *root, const char *member,
    const char **ret)
{
    const json_t *v = at(root, member);

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_string(v) || json_string_length(v) == 0)
        return recipe_wrong(p, member, "a string that is not empty");
    *ret = arena_str(p->arena, bytes_str(json_string_value(v)));
    return *ret != NULL ? SELFSAME_OK : recipe_no_memory(p);
}

static enum selfsame_code
flag(const struct recipe_reading *p, const json_t *root, const char *member, bool *ret)
{
    const json_t *v = at(root, member);

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_boolean(v))
        return recipe_wrong(p, member, "true or false");
    *ret = json_is_true(v);
    return SELFSAME_OK;
}

static enum selfsame_code
number(const struct recipe_reading *p, const json_t *root, const char *member,
    int64_t max, int64_t *ret)
{
    const json_t *v = at(root, member);

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
        return recipe_wrong(
            p, member, "a whole number that is not negative nor too large");
    *ret = json_integer_value(v);
    return SELFSAME_OK;
}

enum selfsame_code
recipe_digest(const struct recipe_reading *p, const json_t *root, const char *member,
    struct recipe_input *in)
{
    const char *hex = NULL;
    size_t len;

    TRY(recipe_text(p, root, member, &hex));
    if (hex == NULL)
        return SELFSAME_OK;
    if (!hex_decode(hex, strlen(hex), in->sha256, 32, &len) || len != 32)
        return recipe_wrong(p, member, "64 lower-case hex digits");
    in->has_sha256 = true;
    return SELFSAME_OK;
}

/* {"file", "sha256"}: both, or the input would not be pinned. */
enum selfsame_code
recipe_input(const struct recipe_reading *p, json_t *v, const char *member,
    struct recipe_input *ret)
{
    static const char *const known[] = { "file", "sha256", NULL };
    char *prefix = arena_printf(p->arena, "%s.", member);
    char *digest = arena_printf(p->arena, "%s.sha256", member);
    const char *file = json_string_value(json_object_get(v, "file")),
               *hex = json_string_value(json_object_get(v, "sha256"));
    size_t len;

    if (prefix == NULL || digest == NULL)
        return recipe_no_memory(p);
    if (!json_is_object(v))
        return recipe_wrong(p, member, "{\"file\": path, \"sha256\": digest}");
    TRY(recipe_only(p, v, prefix, known));
    if (file == NULL || file[0] == 0 || hex == NULL)
        return recipe_wrong(p, member, "both 'file' and 'sha256'");
    if (!hex_decode(hex, strlen(hex), ret->sha256, 32, &len) || len != 32)
        return recipe_wrong(p, digest, "64 lower-case hex digits");
    ret->has_sha256 = true;
    ret->file = arena_str(p->arena, bytes_str(file));
    return ret->file != NULL ? SELFSAME_OK : recipe_no_memory(p);
}

enum selfsame_code
recipe_strings(const struct recipe_reading *p, const json_t *v, const char *member,
    const char *const **ret)
{
    size_t n = json_array_size(v);

    if (!json_is_array(v) || n > RECIPE_STRINGS)
        return recipe_wrong(p, member, "an array of strings");
    const char **list = ARENA_NEW(p->arena, const char *, n + 1);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(v, i));

        if (s == NULL)
            return recipe_wrong(p, member, "an array of strings");
        list[i] = arena_str(p->arena, bytes_str(s));
        if (list[i] == NULL)
            return recipe_no_memory(p);
    }
    *ret = list;
    return SELFSAME_OK;
}

static enum selfsame_code
strings(const struct recipe_reading *p, const json_t *root, const char *member,
    const char *const **ret)
{
    const json_t *v = at(root, member);

    return v != NULL ? recipe_strings(p, v, member, ret) : SELFSAME_OK;
}

/* ---- members with a shape of their own ---- */

static enum selfsame_code
commands(const struct recipe_reading *p, const json_t *root, struct recipe *r)
{
    const json_t *v = at(root, "build");
    size_t n = json_array_size(v);

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_array(v) || n > RECIPE_STRINGS)
        return recipe_wrong(
            p, "build", "an array of commands, each an array of strings");
    struct recipe_command *list = ARENA_NEW(p->arena, struct recipe_command, n + 1);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        char *member = arena_printf(p->arena, "build[%zu]", i);

        if (member == NULL)
            return recipe_no_memory(p);
        TRY(recipe_strings(p, json_array_get(v, i), member, &list[i].argv));
        if (list[i].argv[0] == NULL || list[i].argv[0][0] == 0)
            return recipe_wrong(p, member, "a program to start");
    }
    r->build = list;
    r->build_count = n;
    return SELFSAME_OK;
}

static enum selfsame_code
one_file(
    const struct recipe_reading *p, const char *to, json_t *v, struct recipe_file *ret)
{
    static const char *const known[] = { "from", "mode", NULL };
    char *member = arena_printf(p->arena, "files.%s", to);
    char *prefix = arena_printf(p->arena, "files.%s.", to), *end;
    char clean[TREE_PATH];
    struct selfsame_err unused = { 0 };

    if (member == NULL || prefix == NULL)
        return recipe_no_memory(p);
    /* A leading '/' is how people write a place in the image. */
    if (layer_path(to + strspn(to, "/"), member, clean, sizeof(clean), &unused) !=
            SELFSAME_OK ||
        clean[0] == 0)
        return recipe_wrong(p, member, "a path inside the image");
    ret->to = arena_str(p->arena, bytes_str(clean));
    if (!json_is_object(v))
        return recipe_wrong(p, member, "{\"from\": path, \"mode\": \"0755\"}");
    TRY(recipe_only(p, v, prefix, known));
    const char *from = json_string_value(json_object_get(v, "from"));
    if (from == NULL ||
        layer_path(from, member, clean, sizeof(clean), &unused) != SELFSAME_OK)
        return recipe_wrong(p, member, "'from' to be a path inside the source");
    ret->from = arena_str(p->arena, bytes_str(clean));
    if (ret->to == NULL || ret->from == NULL)
        return recipe_no_memory(p);
    ret->mode = -1;
    const json_t *mode = json_object_get(v, "mode");
    if (mode == NULL)
        return SELFSAME_OK;
    const char *octal = json_string_value(mode);
    long m = octal != NULL ? strtol(octal, &end, 8) : -1;
    if (m < 0 || m > 07777 || octal[0] != '0' || *end != 0)
        return recipe_wrong(p, member, "'mode' to be octal text like \"0755\"");
    ret->mode = (int)m;
    return SELFSAME_OK;
}

static enum selfsame_code
files(const struct recipe_reading *p, const json_t *root, struct recipe *r)
{
    json_t *v = json_object_get(root, "files"), *one;
    const char *to;

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_object(v))
        return recipe_wrong(p, "files", "an object of places in the image");
    struct recipe_file *list = ARENA_NEW(
        p->arena, struct recipe_file, json_object_size(v) + 1);
    if (list == NULL)
        return recipe_no_memory(p);
    json_object_foreach(v, to, one)
    {
        TRY(one_file(p, to, one, &list[r->file_count]));
        if (list[r->file_count].to == NULL || list[r->file_count].from == NULL)
            return recipe_no_memory(p);
        r->file_count++;
    }
    r->files = list;
    return SELFSAME_OK;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum selfsame_code
environment(const struct recipe_reading *p, const json_t *root, struct recipe *r)
{
    json_t *v = json_object_get(root, "env"), *one;
    const char *name;
    size_t n = 0;

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_object(v))
        return recipe_wrong(p, "env", "an object of strings");
    const char **list = ARENA_NEW(p->arena, const char *, json_object_size(v) + 1);
    if (list == NULL)
        return recipe_no_memory(p);
    json_object_foreach(v, name, one)
    {
        char *member = arena_printf(p->arena, "env.%s", name);

        if (member == NULL)
            return recipe_no_memory(p);
        if (!json_is_string(one) || name[0] == 0 || strchr(name, '=') != NULL)
            return recipe_wrong(p, member, "a name without '=' and a string");
        list[n] = arena_printf(p->arena, "%s=%s", name, json_string_value(one));
        if (list[n++] == NULL)
            return recipe_no_memory(p);
    }
    qsort(list, n, sizeof(*list), by_text);
    r->env = list;
    return SELFSAME_OK;
}

static enum selfsame_code
objects(const struct recipe_reading *p, json_t *root)
{
    static const char *const top[] = { "selfsame_recipe", "$schema", "name", "version",
        "tee", "source_date_epoch", "build", "files", "entrypoint", "cmd", "env",
        "user", "workdir", "serve", "nsm", "kernel", "snp", "tdx", "sgx",
        "allow_devices", "keep_owners", "keep_setid", "refuse_case_collisions",
        "memory_mib", NULL };
    static const char *const serve[] = { "listen", "upstream", "cert", "key", NULL };
    static const char *const kernel[] = { "file", "sha256", "cmdline", "nsm",
        "nsm_sha256", NULL };
    json_t *s = json_object_get(root, "serve"), *k = json_object_get(root, "kernel");

    TRY(recipe_only(p, root, "", top));
    if (s != NULL && !json_is_object(s))
        return recipe_wrong(p, "serve", "an object");
    if (k != NULL && !json_is_object(k))
        return recipe_wrong(p, "kernel", "an object");
    if (s != NULL)
        TRY(recipe_only(p, s, "serve.", serve));
    if (k != NULL)
        TRY(recipe_only(p, k, "kernel.", kernel));
    return SELFSAME_OK;
}

/* transparency: release.name is [a-z0-9._/-]{1,128}. */
static bool
is_release_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._/-");

    return n >= 1 && n <= 128 && s[n] == 0;
}

static bool
is_plain_text(const char *s)
{
    size_t n = 0;

    while (s[n] > ' ' && s[n] <= '~' && s[n] != '"' && s[n] != '\\')
        n++;
    return n >= 1 && n <= 128 && s[n] == 0;
}

static enum selfsame_code
sound(const struct recipe_reading *p, const struct recipe *r)
{
    if (!is_release_name(r->name))
        return recipe_wrong(p, "name", "1 to 128 of a-z 0-9 . _ / -");
    if (!is_plain_text(r->version))
        return recipe_wrong(
            p, "version", "1 to 128 printable characters without spaces");
    if ((r->listen != NULL) != (r->upstream != NULL))
        return recipe_wrong(p, "serve", "both 'listen' and 'upstream'");
    if ((r->cert == NULL) != (r->key == NULL) || (r->cert != NULL && r->listen == NULL))
        return recipe_wrong(p, "serve", "'cert' and 'key' together");
    if (r->kernel.has_sha256 && r->kernel.file == NULL)
        return recipe_wrong(p, "kernel.sha256", "a 'file' as well");
    if (r->kernel.file != NULL && !r->kernel.has_sha256)
        return recipe_wrong(p, "kernel", "the 'sha256' of 'file'");
    if (r->nsm.has_sha256 && r->nsm.file == NULL)
        return recipe_wrong(p, "kernel.nsm_sha256", "an 'nsm' as well");
    if (r->nsm.file != NULL && !r->nsm.has_sha256)
        return recipe_wrong(p, "kernel", "the 'nsm_sha256' of 'nsm'");
    if (r->nsm_for != NULL && strcmp(r->nsm_for, "all") != 0 &&
        strcmp(r->nsm_for, "agent") != 0)
        return recipe_wrong(p, "nsm", "\"all\" or \"agent\"");
    if (r->workdir != NULL && r->workdir[0] != '/')
        return recipe_wrong(p, "workdir", "an absolute path");
    return SELFSAME_OK;
}

static enum selfsame_code
members(const struct recipe_reading *p, json_t *root, struct recipe *r)
{
    int64_t memory = 0;

    TRY(objects(p, root));
    TRY(recipe_text(p, root, "name", &r->name));
    TRY(recipe_text(p, root, "version", &r->version));
    TRY(number(p, root, "source_date_epoch", INT32_MAX, &r->source_date_epoch));
    TRY(strings(p, root, "tee", &r->tees));
    TRY(commands(p, root, r));
    TRY(files(p, root, r));
    TRY(strings(p, root, "entrypoint", &r->entrypoint));
    TRY(strings(p, root, "cmd", &r->cmd));
    TRY(environment(p, root, r));
    TRY(recipe_text(p, root, "user", &r->user));
    TRY(recipe_text(p, root, "workdir", &r->workdir));
    TRY(recipe_text(p, root, "serve.listen", &r->listen));
    TRY(recipe_text(p, root, "serve.upstream", &r->upstream));
    TRY(recipe_text(p, root, "serve.cert", &r->cert));
    TRY(recipe_text(p, root, "serve.key", &r->key));
    TRY(recipe_text(p, root, "nsm", &r->nsm_for));
    TRY(recipe_text(p, root, "kernel.file", &r->kernel.file));
    TRY(recipe_digest(p, root, "kernel.sha256", &r->kernel));
    TRY(recipe_text(p, root, "kernel.cmdline", &r->cmdline));
    TRY(recipe_text(p, root, "kernel.nsm", &r->nsm.file));
    TRY(recipe_digest(p, root, "kernel.nsm_sha256", &r->nsm));
    TRY(recipe_snp(p, root, &r->snp));
    TRY(recipe_sgx(p, root, &r->sgx));
    TRY(recipe_tdx(p, root, &r->tdx));
    TRY(flag(p, root, "allow_devices", &r->allow_devices));
    TRY(flag(p, root, "keep_owners", &r->keep_owners));
    TRY(flag(p, root, "keep_setid", &r->keep_setid));
    TRY(flag(p, root, "refuse_case_collisions", &r->refuse_case_collisions));
    TRY(number(p, root, "memory_mib", MEMORY_MIB_MAX, &memory));
    r->memory_mib = (uint64_t)memory;
    return sound(p, r);
}

void
recipe_default(struct recipe *r)
{
    static const char *const none[] = { NULL };
    static const char *const tees[] = { "nitro", NULL };

    /* Nothing of the machine's paths: the same source has the same name everywhere. */
    *r = (struct recipe){
        .dir = ".", .name = "image", .version = "0", .tees = tees, .env = none
    };
    recipe_snp_default(&r->snp);
    recipe_sgx_default(&r->sgx);
    recipe_tdx_default(&r->tdx);
}

enum selfsame_code
recipe_parse(struct selfsame_bytes in, const char *path, struct arena *arena,
    struct recipe *ret, struct selfsame_err *e)
{
    struct recipe_reading p = { .text = in, .path = path, .arena = arena, .e = e };
    auto_json *root = NULL;
    struct recipe r;
    uint8_t sum[HASH_MAX];

    recipe_default(&r);
    enum selfsame_code code = json_parse(in, path, &root, e);
    if (code == SELFSAME_MALFORMED) /* a file of the caller, not of a stranger */
        code = e->code = SELFSAME_USAGE;
    if (code != SELFSAME_OK)
        return code;
    const json_t *version = json_object_get(root, "selfsame_recipe");
    if (!json_is_object(root) || !json_is_integer(version) ||
        json_integer_value(version) != 1)
        return recipe_wrong(&p, "selfsame_recipe", "1, the version of the format");
    TRY(members(&p, root, &r));
    const char *slash = strrchr(path, '/');
    r.dir = slash == NULL
                ? "."
                : arena_str(arena, BYTES((const uint8_t *)path,
                                       slash == path ? 1 : (size_t)(slash - path)));
    if (r.dir == NULL || !hash_bytes(HASH_SHA256, in, sum))
        return recipe_no_memory(&p);
    memcpy(r.sha256, sum, sizeof(r.sha256));
    r.given = true;
    *ret = r;
    return SELFSAME_OK;
}
