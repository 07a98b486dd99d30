/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore_internal.h"

#include "codec/der.h"

/* The signer's certificate: who issued it, that it was logged, and of whom it speaks. */

#define OID_FULCIO "\x2b\x06\x01\x04\x01\x83\xbf\x30\x01" /* 1.3.6.1.4.1.57264.1 */
#define OID_SCTS "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02"

/* ---- chain ---- */

static enum selfsame_code
check_purpose(const struct sigstore_work *w, const struct sigstore_authority *a,
    struct selfsame_err *e)
{
    enum cert_purpose p = cert_purpose_of(&w->bundle->cert, OID_PURPOSE_CODE);

    if (p != PURPOSE_ONLY && p != PURPOSE_AMONG)
        FAIL(e, SELFSAME_LOG,
            "certificate: expected one for code signing (extendedKeyUsage), got "
            "another");
    for (size_t i = 0; i < a->count; i++)
        if (cert_purpose_of(&a->cert[i], OID_PURPOSE_CODE) == PURPOSE_OTHER)
            FAIL(e, SELFSAME_LOG,
                "certificate: expected a CA that may issue for code signing, got "
                "another");
    return SELFSAME_OK;
}

/* Certificates live ten minutes, so only the times of signing count, and all of them. */
static enum selfsame_code
check_authority(const struct sigstore_work *w, const struct sigstore_authority *a,
    struct selfsame_err *e)
{
    struct chain c = { .anchor = a->cert[a->count - 1] };

    TRY(check_purpose(w, a, e));
    _Static_assert(
        (int)SIGSTORE_CHAIN <= (int)CHAIN_MAX, "the leaf takes the anchor's place");
    for (size_t i = a->count - 1; i-- > 0;)
        c.cert[c.count++] = a->cert[i];
    c.cert[c.count++] = w->bundle->cert;
    for (size_t i = 0; i < w->time_count; i++) {
        TRY(sigstore_period_check(&a->valid, w->time_s[i], "certificate authority", e));
        TRY(sigstore_as_log(
            chain_verify(&c, w->time_s[i], NULL, e), "at the time of signing", e));
    }
    return SELFSAME_OK;
}

/* An authority that changed its key may be there twice under one name. */
enum selfsame_code
sigstore_check_chain(struct sigstore_work *w, struct selfsame_err *e)
{
    const struct sigstore_root *r = w->root;
    enum selfsame_code code = SELFSAME_LOG;
    char brief[SJ_BRIEF];
    bool known = false;

    for (size_t i = 0; i < r->authority_count; i++) {
        const struct sigstore_authority *a = &r->authorities[i];

        if (!bytes_eq(a->cert[0].subject, w->bundle->cert.issuer))
            continue;
        known = true;
        *e = (struct selfsame_err){ .code = SELFSAME_OK };
        code = check_authority(w, a, e);
        if (code == SELFSAME_OK) {
            w->issuer = &a->cert[0];
            return SELFSAME_OK;
        }
    }
    if (known)
        return code;
    FAIL(e, SELFSAME_LOG,
        "certificate: expected an authority of the trusted root as issuer, got %s",
        sj_brief(name_cn(w->bundle->cert.issuer), brief));
}

/* ---- signed certificate timestamps (RFC 6962 §3.2 and §3.3) ---- */

static struct selfsame_bytes
get_be16_bytes(struct reader *r)
{
    size_t n = get_be16(r);

    return get_bytes(r, n);
}

struct sct {
    struct selfsame_bytes log, extensions, signature;
    uint64_t time_ms;
    uint8_t hash, algorithm;
};

static bool
read_sct(struct selfsame_bytes in, struct sct *ret)
{
    struct reader r = reader_of(in);
    uint8_t version = get_u8(&r);

    ret->log = get_bytes(&r, 32);
    ret->time_ms = get_be64(&r);
    ret->extensions = get_be16_bytes(&r);
    ret->hash = get_u8(&r);
    ret->algorithm = get_u8(&r);
    ret->signature = get_be16_bytes(&r);
    return reader_done(&r) && version == 0;
}

/* What the log signed: the certificate without its timestamps, and who issues it. */
static enum selfsame_code
sct_message(const struct sigstore_work *w, const struct sct *s,
    struct selfsame_bytes tbs, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    size_t size = 1 + 1 + 8 + 2 + 32 + 3 + tbs.len + 2 + s->extensions.len;
    uint8_t issuer[HASH_MAX], *buf = arena_alloc(w->arena, 1, size);

    if (buf == NULL || !hash_bytes(HASH_SHA256, w->issuer->spki, issuer))
        FAIL(e, SELFSAME_NOMEM, "certificate timestamp: out of memory");
    struct writer out = writer_of(buf, size);
    put_u8(&out, 0); /* v1 */
    put_u8(&out, 0); /* certificate_timestamp */
    put_be64(&out, s->time_ms);
    put_be16(&out, 1); /* precert_entry */
    put_bytes(&out, BYTES(issuer, 32));
    _Static_assert(SIGSTORE_BUNDLE_MAX <= 0xffffff, "a length of three bytes");
    put_u8(&out, (uint8_t)(tbs.len >> 16));
    put_be16(&out, (uint16_t)tbs.len);
    put_bytes(&out, tbs);
    put_be16(&out, (uint16_t)s->extensions.len);
    put_bytes(&out, s->extensions);
    *ret = writer_bytes(&out);
    return SELFSAME_OK;
}

/* The pair of RFC 5246 §7.4.1.4.1 that this key makes. */
static bool
algorithm_fits(const struct sct *s, enum sig_alg alg)
{
    enum { SHA256 = 4, SHA384 = 5, RSA = 1, ECDSA = 3 };

    if (alg == SIG_RSA_PKCS1)
        return s->hash == SHA256 && s->algorithm == RSA;
    return s->algorithm == ECDSA && ((alg == SIG_P256 && s->hash == SHA256) ||
                                        (alg == SIG_P384 && s->hash == SHA384));
}

/* OK with *ret_known false: of a log that the root does not have. */
static enum selfsame_code
check_sct(const struct sigstore_work *w, const struct sct *s, struct selfsame_bytes tbs,
    bool *ret_known, struct selfsame_err *e)
{
    const struct sigstore_root *r = w->root;
    struct selfsame_bytes message;

    for (size_t i = 0; i < r->ct_log_count; i++) {
        const struct sigstore_log *log = &r->ct_logs[i];

        if (!bytes_eq(BYTES_ARR(log->key_sha256), s->log) || log->key.alg == SIG_NONE)
            continue;
        if (!algorithm_fits(s, log->key.alg))
            FAIL(e, SELFSAME_LOG,
                "certificate timestamp: expected the algorithm of its log's key, got "
                "another");
        if (s->time_ms / 1000 > INT64_MAX / 1000)
            FAIL(e, SELFSAME_LOG, "certificate timestamp: an impossible time");
        TRY(sigstore_period_check(&log->valid, (int64_t)(s->time_ms / 1000),
            "key of the certificate log", e));
        TRY(sct_message(w, s, tbs, &message, e));
        TRY(sigstore_signed(
            &log->key, message, s->signature, "certificate timestamp", e));
        *ret_known = true;
        return SELFSAME_OK;
    }
    return SELFSAME_OK;
}

enum selfsame_code
sigstore_check_sct(struct sigstore_work *w, struct selfsame_err *e)
{
    const struct cert *c = &w->bundle->cert;
    struct der d = der_of(cert_extension(c, BYTES_LIT(OID_SCTS)));
    struct reader all = reader_of(der_get(&d, DER_OCTET_STRING));
    struct reader list = reader_of(get_be16_bytes(&all));
    struct selfsame_bytes tbs;
    bool known = false;

    if (!der_done(&d) || !reader_done(&all))
        FAIL(e, SELFSAME_LOG,
            "certificate: expected signed certificate timestamps, got none");
    TRY(cert_tbs_without(c, BYTES_LIT(OID_SCTS), w->arena, &tbs, e));
    while (!list.bad && list.rest.len > 0) {
        struct sct s;

        if (!read_sct(get_be16_bytes(&list), &s))
            FAIL(e, SELFSAME_LOG,
                "certificate timestamp: expected one of version 1, got other bytes");
        TRY(check_sct(w, &s, tbs, &known, e));
    }
    if (!known)
        FAIL(e, SELFSAME_LOG,
            "certificate: expected a timestamp by a certificate log of the trusted "
            "root, got none");
    return SELFSAME_OK;
}

/* ---- identity ---- */

/* Readable text alone, also no C1 controls: it is printed, and compared with what people wrote. */
static enum selfsame_code
take_text(struct selfsame_bytes s, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    bool good = utf8_valid(s);

    for (size_t i = 0; i < s.len; i++)
        good = good && s.ptr[i] >= ' ' && s.ptr[i] != 0x7f &&
               (s.ptr[i] != 0xc2 || s.ptr[i + 1] >= 0xa0);
    if (!good)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate: expected readable UTF-8 in a name, got other bytes");
    *ret = arena_str(arena, s);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "certificate: out of memory");
    return SELFSAME_OK;
}

/* 1.3.6.1.4.1.57264.1.N with a DER UTF8String; NULL when not there. */
static enum selfsame_code
take_extension(const struct sigstore_work *w, uint8_t number, const char **ret,
    struct selfsame_err *e)
{
    uint8_t oid[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, number };
    struct selfsame_bytes value = cert_extension(&w->bundle->cert, BYTES_ARR(oid));
    struct der d = der_of(value);

    *ret = NULL;
    if (value.ptr == NULL)
        return SELFSAME_OK;
    struct selfsame_bytes text = der_get(&d, DER_UTF8);
    if (!der_done(&d))
        FAIL(e, SELFSAME_MALFORMED,
            "certificate: expected a UTF8String in the extension "
            "1.3.6.1.4.1.57264.1.%u",
            (unsigned)number);
    return take_text(text, w->arena, ret, e);
}

/* .8, and before there was one .1, which is the text itself. */
static enum selfsame_code
take_issuer(const struct sigstore_work *w, const char **ret, struct selfsame_err *e)
{
    struct selfsame_bytes old = cert_extension(
        &w->bundle->cert, BYTES_LIT(OID_FULCIO "\x01"));

    TRY(take_extension(w, 8, ret, e));
    if (*ret != NULL || old.ptr == NULL)
        return SELFSAME_OK;
    return take_text(old, w->arena, ret, e);
}

static enum selfsame_code
take_build(
    const struct sigstore_work *w, struct sigstore_claims *c, struct selfsame_err *e)
{
    const struct {
        uint8_t number;
        const char **to;
    } all[] = { { 9, &c->build_signer }, { 10, &c->build_signer_digest },
        { 11, &c->runner }, { 12, &c->source_repository }, { 13, &c->source_digest },
        { 14, &c->source_ref }, { 18, &c->build_config }, { 20, &c->build_trigger },
        { 21, &c->run }, { 22, &c->visibility } };

    for (size_t i = 0; i < COUNT(all); i++)
        TRY(take_extension(w, all[i].number, all[i].to, e));
    return SELFSAME_OK;
}

/*
 * One state for each place in the pattern, so that no name takes longer than its length
 * times the pattern's.
 */
bool
sigstore_match(const char *pattern, struct selfsame_bytes name)
{
    bool at[SIGSTORE_PATTERN_MAX + 1] = { true }, next[SIGSTORE_PATTERN_MAX + 1];
    size_t n = strlen(pattern);

    if (n > SIGSTORE_PATTERN_MAX || name.len > SIGSTORE_NAME_MAX)
        return false;
    for (size_t i = 0; i <= name.len; i++) {
        memset(next, 0, sizeof(next));
        for (size_t p = 0; p < n; p++) {
            bool deep = pattern[p] == '*' && pattern[p + 1] == '*';

            if (!at[p])
                continue;
            if (pattern[p] == '*') /* an empty run */
                at[p + 1 + deep] = true;
            if (i == name.len)
                continue;
            if (pattern[p] == '*')
                next[p] = next[p] || deep || name.ptr[i] != '/';
            else if ((uint8_t)pattern[p] == name.ptr[i])
                next[p + 1] = true;
        }
        if (i < name.len)
            memcpy(at, next, sizeof(at));
    }
    return at[n];
}

/* Two sentences each, so that both names have room. */
static enum selfsame_code
compare_name(const struct sigstore_expect *x, struct selfsame_bytes name,
    const struct sigstore_claims *c, struct selfsame_err *e)
{
    if (x->identity != NULL ? bytes_eq(bytes_str(x->identity), name)
                            : sigstore_match(x->identity_pattern, name))
        return SELFSAME_OK;
    FAIL(e, SELFSAME_DENIED, "got %.140s", c->identity);
}

static enum selfsame_code
compare_issuer(const struct sigstore_expect *x, const struct sigstore_claims *c,
    struct selfsame_err *e)
{
    if (c->issuer != NULL && bytes_eq(bytes_str(x->issuer), bytes_str(c->issuer)))
        return SELFSAME_OK;
    FAIL(e, SELFSAME_DENIED, "got %.140s", c->issuer != NULL ? c->issuer : "none");
}

enum selfsame_code
sigstore_check_identity(
    struct sigstore_work *w, struct sigstore_claims *ret, struct selfsame_err *e)
{
    const struct sigstore_expect *x = w->expect;
    struct selfsame_bytes name;

    TRY(cert_alt_name(&w->bundle->cert, BYTES_LIT(OID_FULCIO "\x07"), &name, e));
    TRY(take_text(name, w->arena, &ret->identity, e));
    TRY(take_issuer(w, &ret->issuer, e));
    TRY_WHILE(e, compare_name(x, name, ret, e), "expected the signer %.120s",
        x->identity != NULL ? x->identity : x->identity_pattern);
    TRY_WHILE(e, compare_issuer(x, ret, e), "expected the issuer %.120s", x->issuer);
    return take_build(w, ret, e);
}
