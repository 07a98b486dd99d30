/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/sgx/gramine.h"

#include "codec/toml.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Gramine's Documentation/manifest-syntax.rst and python/graminelibos/manifest.py: the
 * members that decide what is measured, and their defaults.
 */
enum { XFRM_LEGACY = 0x3, XFRM_AVX = 0x4, XFRM_MPX = 0x18, XFRM_AVX512 = 0xe4 };
enum { XFRM_PKRU = 0x200, XFRM_AMX = 0x60000 };
/* All but the features that compute and protect nothing: AVX, AVX-512, AMX. */
#define XFRM_MASK UINT64_C(0xfffffffffff9ff1b)

struct reading {
    const json_t *root, *sgx;
    struct arena *arena;
    struct gramine_manifest m;
    struct selfsame_err *e;
};

static enum selfsame_code
wrong(const struct reading *r, const char *member, const char *expected)
{
    FAIL(r->e, SELFSAME_MALFORMED, "manifest, %s: expected %s, got other", member,
        expected);
}

static enum selfsame_code
no_memory(const struct reading *r)
{
    FAIL(r->e, SELFSAME_NOMEM, "manifest: out of memory");
}

/* ---- members of one value ---- */

static enum selfsame_code
flag(const struct reading *r, const char *member, bool *ret)
{
    const json_t *v = json_object_get(r->sgx, member);

    if (v != NULL && !json_is_boolean(v))
        return wrong(r, member, "true or false");
    *ret = json_is_true(v);
    return SELFSAME_OK;
}

static enum selfsame_code
number(const struct reading *r, const char *member, json_int_t least, json_int_t most,
    json_int_t otherwise, json_int_t *ret)
{
    const json_t *v = json_object_get(r->sgx, member);

    *ret = v != NULL ? json_integer_value(v) : otherwise;
    if ((v != NULL && !json_is_integer(v)) || *ret < least || *ret > most)
        return wrong(r, member, "a number that can be");
    return SELFSAME_OK;
}

static enum selfsame_code
text(const struct reading *r, const json_t *v, const char *member, const char **ret)
{
    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_string(v))
        return wrong(r, member, "a string");
    *ret = arena_str(r->arena, bytes_str(json_string_value(v)));
    return *ret != NULL ? SELFSAME_OK : no_memory(r);
}

/* "512M", "0x40000000" */
static bool
parse_size(const char *s, uint64_t *ret)
{
    size_t len = strlen(s);
    const char *unit = len > 0 ? strchr("KMG", s[len - 1]) : NULL;
    unsigned shift = 0;
    uint64_t v;

    if (unit != NULL) {
        shift = s[len - 1] == 'K' ? 10 : s[len - 1] == 'M' ? 20 : 30;
        len--;
    }
    if (!uint_parse(s, len, UINT64_MAX >> shift, &v))
        return false;
    *ret = v << shift;
    return true;
}

static enum selfsame_code
take_size(struct reading *r)
{
    const char *s = r->m.edmm ? "1024G" : "256M";
    uint64_t n;

    TRY(text(r, json_object_get(r->sgx, "enclave_size"), "sgx.enclave_size", &s));
    if (!parse_size(s, &n) || n < 2 * GRAMINE_HEAP_MIN || (n & (n - 1)) != 0 ||
        n > UINT64_C(1) << 45)
        return wrong(r, "sgx.enclave_size", "a power of two like \"512M\"");
    r->m.enclave_size = n;
    return SELFSAME_OK;
}

/* ---- the processor's features ---- */

static enum selfsame_code
take_feature(struct reading *r, const json_t *features, const char *name,
    const char *otherwise, uint64_t bits, bool security)
{
    const json_t *v = json_object_get(features, name);
    const char *word = v != NULL ? json_string_value(v) : otherwise;

    if (word != NULL && strcmp(word, "required") == 0) {
        r->m.xfrm |= bits;
        r->m.xfrm_mask |= bits;
    } else if (word != NULL && strcmp(word, "disabled") == 0) {
        r->m.xfrm &= ~bits;
        r->m.xfrm_mask |= bits;
    } else if (word == NULL || security || strcmp(word, "unspecified") != 0) {
        return wrong(r, "sgx.cpu_features", "required, disabled or unspecified");
    }
    return SELFSAME_OK;
}

/* What Gramine before 1.6 had instead would be silently another enclave's. */
static enum selfsame_code
refuse_old(const struct reading *r)
{
    static const char *const old[] = { "require_avx", "require_avx512", "require_amx",
        "require_mpx", "require_pkru", "require_exinfo", "thread_num",
        "nonpie_binary" };

    for (size_t i = 0; i < COUNT(old); i++)
        if (json_object_get(r->sgx, old[i]) != NULL)
            FAIL(r->e, SELFSAME_UNSUPPORTED,
                "manifest: expected one of Gramine 1.6 or later, got 'sgx.%s'", old[i]);
    return SELFSAME_OK;
}

static enum selfsame_code
take_features(struct reading *r)
{
    const json_t *f = json_object_get(r->sgx, "cpu_features");

    if (f != NULL && !json_is_object(f))
        return wrong(r, "sgx.cpu_features", "a table");
    r->m.xfrm = XFRM_LEGACY;
    r->m.xfrm_mask = XFRM_MASK;
    TRY(take_feature(r, f, "avx", "unspecified", XFRM_AVX, false));
    TRY(take_feature(r, f, "avx512", "unspecified", XFRM_AVX512, false));
    TRY(take_feature(r, f, "amx", "unspecified", XFRM_AMX, false));
    TRY(take_feature(r, f, "mpx", "disabled", XFRM_MPX, true));
    return take_feature(r, f, "pkru", "disabled", XFRM_PKRU, true);
}

/* ---- files ---- */

static bool
parse_sha256(const json_t *v, uint8_t ret[static 32])
{
    const char *hex = json_string_value(v);
    size_t len;

    return hex != NULL && hex_decode(hex, strlen(hex), ret, 32, &len) && len == 32;
}

static int
by_uri(const void *a, const void *b)
{
    return strcmp(
        ((const struct gramine_file *)a)->uri, ((const struct gramine_file *)b)->uri);
}

static enum selfsame_code
take_trusted(struct reading *r)
{
    const json_t *list = json_object_get(r->sgx, "trusted_files"),
                 *allowed = json_object_get(r->sgx, "allowed_files");
    const size_t n = json_array_size(list);

    if (list != NULL && !json_is_array(list))
        return wrong(r, "sgx.trusted_files", "an array");
    struct gramine_file *to = ARENA_NEW(r->arena, struct gramine_file, n + 1);
    if (to == NULL)
        return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *digest = json_object_get(one, "sha256");

        if (json_is_string(one) || (json_is_object(one) && digest == NULL))
            FAIL(r->e, SELFSAME_UNSUPPORTED,
                "manifest: expected a digest of each trusted file, got none: give "
                "the .manifest.sgx that gramine-sgx-sign wrote");
        TRY(text(r, json_object_get(one, "uri"), "sgx.trusted_files", &to[i].uri));
        if (to[i].uri == NULL || !parse_sha256(digest, to[i].sha256))
            return wrong(r, "sgx.trusted_files", "a uri and 64 hex digits each");
    }
    qsort(to, n, sizeof(*to), by_uri);
    for (size_t i = 1; i < n; i++)
        if (strcmp(to[i - 1].uri, to[i].uri) == 0)
            return wrong(r, "sgx.trusted_files", "each file once");
    r->m.trusted = to;
    r->m.trusted_count = n;
    if (allowed != NULL && !json_is_array(allowed))
        return wrong(r, "sgx.allowed_files", "an array");
    r->m.allowed_count = json_array_size(allowed);
    return text(r, json_object_get(r->sgx, "file_check_policy"),
        "sgx.file_check_policy", &r->m.file_policy);
}

static enum selfsame_code
take_loader(struct reading *r)
{
    const json_t *loader = json_object_get(r->root, "loader"),
                 *entry = json_object_get(loader, "entrypoint"),
                 *digest = json_object_get(entry, "sha256"),
                 *libos = json_object_get(r->root, "libos");

    TRY(text(r, json_object_get(entry, "uri"), "loader.entrypoint.uri", &r->m.libos));
    if (digest != NULL && !parse_sha256(digest, r->m.libos_sha256))
        return wrong(r, "loader.entrypoint.sha256", "64 hex digits");
    r->m.has_libos_sha256 = digest != NULL;
    return text(
        r, json_object_get(libos, "entrypoint"), "libos.entrypoint", &r->m.entrypoint);
}

static enum selfsame_code
take_members(struct reading *r)
{
    json_int_t threads, prod_id, svn;
    const char *attestation = "none";

    TRY(refuse_old(r));
    TRY(flag(r, "edmm_enable", &r->m.edmm));
    TRY(flag(r, "debug", &r->m.debug));
    TRY(flag(r, "use_exinfo", &r->m.exinfo));
    TRY(take_size(r));
    TRY(number(r, "max_threads", 1, GRAMINE_THREADS_MAX, 4, &threads));
    TRY(number(r, "isvprodid", 0, UINT16_MAX, 0, &prod_id));
    TRY(number(r, "isvsvn", 0, UINT16_MAX, 0, &svn));
    TRY(text(r, json_object_get(r->sgx, "remote_attestation"), "sgx.remote_attestation",
        &attestation));
    r->m.max_threads = (unsigned)threads;
    r->m.isv_prod_id = (uint16_t)prod_id;
    r->m.isv_svn = (uint16_t)svn;
    r->m.remote_attestation = strcmp(attestation, "dcap") == 0;
    TRY(take_features(r));
    TRY(take_trusted(r));
    return take_loader(r);
}

enum selfsame_code
gramine_manifest_parse(struct selfsame_bytes in, struct arena *arena,
    struct gramine_manifest *ret, struct selfsame_err *e)
{
    auto_json *root = NULL;
    struct reading r = { .arena = arena, .m = { .raw = in }, .e = e };

    if (in.len > GRAMINE_MANIFEST_MAX)
        FAIL(e, SELFSAME_MALFORMED, "manifest: expected at most %d MiB, got %zu bytes",
            (int)(GRAMINE_MANIFEST_MAX >> 20), in.len);
    TRY(toml_parse(in, "manifest", &root, e));
    r.root = root;
    r.sgx = json_object_get(root, "sgx");
    if (!json_is_object(r.sgx))
        return wrong(&r, "sgx", "a table");
    TRY(take_members(&r));
    *ret = r.m;
    return SELFSAME_OK;
}

bool
gramine_manifest_recognise(struct selfsame_bytes in)
{
    static const char *const marks[] = { "libos.entrypoint", "loader.entrypoint",
        "sgx.enclave_size", "[sgx]", "[loader" };
    struct selfsame_bytes line;

    if (in.len == 0 || in.len > GRAMINE_MANIFEST_MAX)
        return false;
    while (bytes_line(&in, &line))
        for (size_t i = 0; i < COUNT(marks); i++)
            if (bytes_has_prefix(line, bytes_str(marks[i])))
                return true;
    return false;
}

const struct gramine_file *
gramine_trusted(const struct gramine_manifest *m, struct selfsame_bytes uri)
{
    size_t from = 0, to = m->trusted_count;

    while (from < to) {
        size_t at = from + (to - from) / 2;
        int order = strncmp(m->trusted[at].uri, (const char *)uri.ptr, uri.len);

        if (order == 0 && m->trusted[at].uri[uri.len] == 0)
            return &m->trusted[at];
        if (order < 0)
            from = at + 1;
        else
            to = at;
    }
    return NULL;
}
