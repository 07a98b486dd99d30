/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/authority.h"

#include "codec/pem.h"
#include "os/os.h"
#include "token/svid.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_MAX = 64 << 10, AUTHORITY_ARENA = 1 << 20 };

static const struct selfsame_bytes alt_names = { (const uint8_t *)"\x55\x1d\x11", 3 };

void
authority_free(struct authority **a)
{
    if (*a == NULL)
        return;
    for (size_t i = 0; i < (*a)->count; i++)
        key_free(&(*a)->pairs[i].key);
    arena_free(&(*a)->arena);
    free(*a);
    *a = NULL;
}

/* ---- reading ---- */

enum selfsame_code
authority_domain(const json_t *settings, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    const json_t *said = json_object_get(settings, "spiffe");
    const char *issuer = json_string_value(json_object_get(settings, "issuer"));
    const char *domain = json_string_value(json_object_get(said, "trust_domain"));

    if (domain == NULL && issuer != NULL) {
        const char *at = strstr(issuer, "://");
        const char *host = at != NULL ? at + 3 : issuer;

        domain = arena_str(arena, BYTES((const uint8_t *)host, strcspn(host, ":/")));
    }
    if (domain == NULL || !spiffe_domain_valid(bytes_str(domain)))
        FAIL(e, SELFSAME_USAGE,
            "trust domain: expected 1 to 255 characters a-z, 0-9, '.', '-' and '_' in "
            "\"spiffe\": {\"trust_domain\":…}, or as the host of the issuer, got "
            "others");
    *ret = domain;
    return SELFSAME_OK;
}

/* It speaks for this trust domain alone, and its key is the one beside it. */
static enum selfsame_code
check_cert(const struct authority *a, struct authority_pair *p, struct selfsame_err *e)
{
    const struct cert_profile profile = { .handled = &alt_names, .handled_count = 1 };
    auto_arena arena = arena_new(AUTHORITY_ARENA);
    struct selfsame_bytes spki = BYTES_NONE, uri = BYTES_NONE;
    struct spiffe_id id = { .domain = BYTES_NONE };
    struct cert c;

    TRY(cert_parse_as(p->cert, &profile, &c, e));
    TRY(key_spki(p->key, &arena, &spki, e));
    if (!bytes_eq(spki, c.spki))
        FAIL(e, SELFSAME_USAGE, "expected the certificate of the key before it");
    TRY(cert_alt_name(&c, BYTES_NONE, &uri, e));
    TRY(spiffe_id_parse(uri, &id, e));
    if (!c.is_ca || id.path.len > 0 || !bytes_eq(id.domain, bytes_str(a->domain)))
        FAIL(e, SELFSAME_USAGE, "expected a CA of the trust domain %.100s, got another",
            a->domain);
    p->not_before = c.not_before;
    p->not_after = c.not_after;
    return SELFSAME_OK;
}

/* "-----BEGIN PRIVATE KEY-----" and what stands up to the next one. */
static enum selfsame_code
read_pair(struct authority *a, struct selfsame_bytes *keys,
    struct selfsame_bytes *certs, bool *ret_end, struct selfsame_err *e)
{
    struct selfsame_bytes der = BYTES_NONE;
    struct authority_pair *p = &a->pairs[a->count];

    TRY(pem_next(keys, "PRIVATE KEY", &a->arena, &der, e));
    *ret_end = der.ptr == NULL;
    if (*ret_end)
        return SELFSAME_OK;
    if (a->count == AUTHORITY_KEYS)
        FAIL(e, SELFSAME_USAGE, "expected at most %d keys", (int)AUTHORITY_KEYS);
    char *pem = pem_encode("PRIVATE KEY", der, &a->arena);
    secret_wipe((void *)(uintptr_t)der.ptr, der.len);
    if (pem == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    TRY(key_take_pem(bytes_str(pem), &p->key, e));
    a->count++;
    TRY(pem_next(certs, "CERTIFICATE", &a->arena, &p->cert, e));
    if (p->cert.ptr == NULL)
        FAIL(e, SELFSAME_USAGE, "expected a certificate for each key");
    return check_cert(a, p, e);
}

static enum selfsame_code
read_file(const char *path, struct authority *a, struct selfsame_err *e)
{
    struct selfsame_bytes file = BYTES_NONE;
    struct stat st;
    bool end = false;

    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        FAIL(e, SELFSAME_USAGE, "expected a file that its owner alone may read");
    TRY(file_read(path, FILE_MAX, &a->arena, &file, e));
    struct selfsame_bytes keys = file, certs = file;
    enum selfsame_code code = SELFSAME_OK;
    while (code == SELFSAME_OK && !end)
        code = read_pair(a, &keys, &certs, &end, e);
    secret_wipe((void *)(uintptr_t)file.ptr, file.len);
    TRY(code);
    if (a->count == 0)
        FAIL(e, SELFSAME_USAGE, "expected a private key and its certificate, got none");
    for (size_t i = 0; i < a->count; i++)
        a->sequence += (uint64_t)a->pairs[i].not_before;
    return SELFSAME_OK;
}

static enum selfsame_code
read_there(const char *path, const char *domain, struct authority **ret,
    struct selfsame_err *e)
{
    auto_authority *a = calloc(1, sizeof(*a));

    if (a == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an authority");
    a->arena = arena_new(AUTHORITY_ARENA);
    a->domain = arena_str(&a->arena, bytes_str(domain));
    if (a->domain == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an authority");
    TRY_WHILE(e, read_file(path, a, e), "%s", path);
    *ret = a;
    a = NULL;
    return SELFSAME_OK;
}

enum selfsame_code
authority_read(const char *path, const char *domain, int64_t now_s,
    struct authority **ret, struct selfsame_err *e)
{
    struct stat st;

    if (!spiffe_domain_valid(bytes_str(domain)))
        FAIL(e, SELFSAME_USAGE,
            "trust domain: expected 1 to 255 characters a-z, 0-9, '.', '-' and '_', "
            "got "
            "\"%.100s\"",
            domain);
    if (stat(path, &st) != 0)
        TRY(authority_rotate(path, domain, now_s, 0, e));
    return read_there(path, domain, ret, e);
}

/* ---- writing ---- */

static enum selfsame_code
make_pair(const char *domain, int64_t from_s, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    char day[TIME_TEXT];
    auto_key *key = NULL;
    struct selfsame_bytes der = BYTES_NONE;
    char *pem = NULL;

    time_format(from_s, day);
    const char *uri = arena_printf(arena, "spiffe://%s", domain);
    const char *name = arena_printf(arena, "SPIFFE authority of %.10s", day);
    if (uri == NULL || name == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an authority");
    const struct cert_request r = { .common_name = name,
        .organization = "SPIFFE",
        .uri = uri,
        .not_before = from_s,
        .not_after = from_s + AUTHORITY_LIFE_S,
        .ca = true,
        .ca_cert_sign_only = true };
    TRY(key_generate(KEY_P256, &key, e));
    TRY(cert_make(&r, key, BYTES_NONE, key, arena, &der, e));
    TRY(key_to_pem(key, arena, &pem, e));
    char *cert = pem_encode("CERTIFICATE", der, arena);
    *ret = cert != NULL ? arena_printf(arena, "%s%s", pem, cert) : NULL;
    secret_wipe(pem, strlen(pem));
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an authority");
    return SELFSAME_OK;
}

/* The pairs that are there and have not ended, as they are written. */
static enum selfsame_code
keep_pairs(const struct authority *a, int64_t now_s, struct arena *arena,
    const char **ret, struct selfsame_err *e)
{
    const char *text = "";

    for (size_t i = 0; i < a->count; i++) {
        char *pem = NULL;

        if (a->pairs[i].not_after < now_s)
            continue;
        TRY(key_to_pem(a->pairs[i].key, arena, &pem, e));
        char *cert = pem_encode("CERTIFICATE", a->pairs[i].cert, arena);
        text = cert != NULL ? arena_printf(arena, "%s%s%s", text, pem, cert) : NULL;
        if (text == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for an authority");
    }
    *ret = text;
    return SELFSAME_OK;
}

enum selfsame_code
authority_rotate(const char *path, const char *domain, int64_t now_s, int64_t lead_s,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(AUTHORITY_ARENA);
    auto_authority *old = NULL;
    const char *kept = "", *fresh = NULL;
    struct stat st;

    if (stat(path, &st) == 0) {
        TRY(read_there(path, domain, &old, e));
        TRY(keep_pairs(old, now_s, &arena, &kept, e));
    }
    if (old != NULL && old->count == AUTHORITY_KEYS && old->pairs[0].not_after >= now_s)
        FAIL(e, SELFSAME_USAGE,
            "%.100s: it has %d keys already, none of which has ended", path,
            (int)AUTHORITY_KEYS);
    TRY(make_pair(domain, now_s + lead_s - SVID_SKEW_S, &arena, &fresh, e));
    char *text = arena_printf(&arena, "%s%s", kept, fresh);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an authority");
    enum selfsame_code code = file_write(path, bytes_str(text), true, e);
    secret_wipe(text, strlen(text));
    secret_wipe((void *)(uintptr_t)fresh, strlen(fresh));
    return code;
}

/* ---- signing ---- */

/* The one that begins last and has begun, as long as a whole SVID fits into it. */
static const struct authority_pair *
signer_at(const struct authority *a, int64_t now_s, int64_t until_s)
{
    const struct authority_pair *best = NULL;

    for (size_t i = 0; i < a->count; i++) {
        const struct authority_pair *p = &a->pairs[i];

        if (p->not_before <= now_s && p->not_after >= until_s &&
            (best == NULL || p->not_before > best->not_before))
            best = p;
    }
    return best;
}

enum selfsame_code
authority_issue(const struct authority *a, const char *spiffe_id,
    struct selfsame_bytes spki, int64_t now_s, int64_t life_s, struct arena *arena,
    struct svid *ret, struct selfsame_err *e)
{
    const struct authority_pair *p = signer_at(a, now_s, now_s + life_s);

    if (p == NULL) {
        (void)err_set(e, SELFSAME_BAD_CHAIN, __FILE__, __LINE__,
            "the authority of the trust domain has no certificate for now");
        err_remedy(e, "selfsame verifier authority rotate, or look at the clock.");
        return SELFSAME_BAD_CHAIN;
    }
    const struct cert_request r = {
        .organization = "SPIFFE",
        .uri = spiffe_id,
        .server_and_client = true,
        .spki = spki,
        .not_before = now_s - SVID_SKEW_S > p->not_before ? now_s - SVID_SKEW_S
                                                          : p->not_before,
        .not_after = now_s + life_s,
        .path_len = -1,
    };
    TRY(cert_make(&r, NULL, p->cert, p->key, arena, &ret->leaf, e));
    ret->issuer = p->cert;
    ret->expires_s = r.not_after;
    return SELFSAME_OK;
}

size_t
authority_certs(const struct authority *a, int64_t now_s,
    struct selfsame_bytes ret[static AUTHORITY_KEYS])
{
    size_t n = 0;

    for (size_t i = 0; i < a->count; i++)
        if (a->pairs[i].not_after >= now_s)
            ret[n++] = a->pairs[i].cert;
    return n;
}
