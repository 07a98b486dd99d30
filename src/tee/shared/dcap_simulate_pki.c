/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/der.h"
#include "tee/shared/dcap_simulate.h"

enum { HOUR = 3600, DAY = 24 * HOUR, YEAR = 365 * DAY };
static const int64_t ca_begin = 1577836800; /* 2020-01-01T00:00:00Z */
static const int64_t ca_end = 2524607999;   /* 2049-12-31T23:59:59Z */

/* Always the same, so that lists made elsewhere can name them. */
static const uint8_t root_serial[] = { 0x51, 1 }, processor_serial[] = { 0x51, 2 },
                     platform_serial[] = { 0x51, 3 }, signing_serial[] = { 0x51, 4 },
                     pck_serial[] = { 0x51, 5 };

/* Names as Intel's, but for who says so. */
static struct cert_request
named(const char *cn, struct selfsame_bytes serial)
{
    return (struct cert_request){
        .common_name = cn,
        .organization = "selfsame",
        .unit = "SIMULATED - NOT HARDWARE",
        .country = "ZZ",
        .not_before = ca_begin,
        .not_after = ca_end,
        .serial = serial,
    };
}

enum selfsame_code
dcap_sim_root_cert(const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct cert_request r = named("Intel SGX Root CA", BYTES_ARR(root_serial));

    r.ca = true;
    r.path_len = 1;
    return cert_make(&r, key, BYTES_NONE, key, arena, ret, e);
}

/* ---- the SGX extension (Intel SGX PCK certificate profile 1.5, §1.3) ---- */

enum { EXTENSION_MAX = 1024, MEMBER_MAX = 512 };

static void
put_tlv(struct writer *w, uint8_t tag, struct selfsame_bytes content)
{
    put_u8(w, tag);
    if (content.len >= 256)
        put_u8(w, 0x82);
    else if (content.len >= 128)
        put_u8(w, 0x81);
    if (content.len >= 256)
        put_be16(w, (uint16_t)content.len);
    else
        put_u8(w, (uint8_t)content.len);
    put_bytes(w, content);
}

/* SEQUENCE { 1.2.840.113741.1.13.1.<a>[.<b>], value }; b 0: not there. */
static void
put_member(
    struct writer *w, uint8_t a, uint8_t b, uint8_t tag, struct selfsame_bytes content)
{
    const uint8_t oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 1, 13, 1, a, b };
    uint8_t buf[MEMBER_MAX];
    struct writer both = writer_of(buf, sizeof(buf));

    put_tlv(&both, DER_OID, BYTES(oid, sizeof(oid) - (b == 0)));
    put_tlv(&both, tag, content);
    w->bad = w->bad || both.bad;
    put_tlv(w, DER_SEQUENCE, writer_bytes(&both));
}

static void
put_number(struct writer *w, uint8_t a, uint8_t b, uint64_t n)
{
    const uint8_t be[] = { 0, (uint8_t)(n >> 8), (uint8_t)n };
    const size_t skip = n >= 0x8000 ? 0 : n >= 0x80 ? 1 : 2;

    put_member(w, a, b, DER_INTEGER, BYTES(be + skip, sizeof(be) - skip));
}

static void
put_tcb(struct writer *w, const struct dcap_setup *s)
{
    uint8_t buf[MEMBER_MAX];
    struct writer in = writer_of(buf, sizeof(buf));

    for (uint8_t i = 0; i < DCAP_COMPONENTS; i++)
        put_number(&in, 2, i + 1, s->component[i]);
    put_number(&in, 2, 17, s->pce_svn);
    put_member(&in, 2, 18, DER_OCTET_STRING, BYTES_ARR(s->cpu_svn));
    w->bad = w->bad || in.bad;
    put_member(w, 2, 0, DER_SEQUENCE, writer_bytes(&in));
}

static void
put_platform(struct writer *w, const struct dcap_setup *s)
{
    static const uint8_t yes = 0xff, no = 0;
    uint8_t buf[64];
    struct writer in = writer_of(buf, sizeof(buf));

    put_member(w, 6, 0, DER_OCTET_STRING, BYTES_ARR(s->instance_id));
    put_member(&in, 7, 1, DER_BOOLEAN, BYTES(&no, 1));  /* dynamicPlatform */
    put_member(&in, 7, 2, DER_BOOLEAN, BYTES(&no, 1));  /* cachedKeys */
    put_member(&in, 7, 3, DER_BOOLEAN, BYTES(&yes, 1)); /* smtEnabled */
    w->bad = w->bad || in.bad;
    put_member(w, 7, 0, DER_SEQUENCE, writer_bytes(&in));
}

static bool
sgx_extension(
    const struct dcap_setup *s, struct arena *arena, struct selfsame_bytes *ret)
{
    static const uint8_t standard = 0, scalable = 1;
    uint8_t buf[EXTENSION_MAX], whole[EXTENSION_MAX];
    struct writer w = writer_of(buf, sizeof(buf)),
                  out = writer_of(whole, sizeof(whole));

    put_member(&w, 1, 0, DER_OCTET_STRING, BYTES_ARR(s->ppid));
    put_tcb(&w, s);
    put_member(&w, 3, 0, DER_OCTET_STRING, BYTES_ARR(s->pceid));
    put_member(&w, 4, 0, DER_OCTET_STRING, BYTES_ARR(s->fmspc));
    put_member(&w, 5, 0, 0x0a, BYTES(s->platform_ca ? &scalable : &standard, 1));
    if (s->platform_ca)
        put_platform(&w, s);
    put_tlv(&out, DER_SEQUENCE, writer_bytes(&w));
    return !w.bad && !out.bad && arena_dup(arena, writer_bytes(&out), ret);
}

/* ---- the certificates of a setup ---- */

static enum selfsame_code
make_ca(const struct sim_pki *p, const struct dcap_setup *s,
    const struct dcap_sim_chain *c, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct cert_request r = s->platform_ca ? named("Intel SGX PCK Platform CA",
                                                 BYTES_ARR(platform_serial))
                                           : named("Intel SGX PCK Processor CA",
                                                 BYTES_ARR(processor_serial));

    r.ca = true;
    return cert_make(&r, p->key[DCAP_SIM_CA], c->root, c->root_key, arena, ret, e);
}

static enum selfsame_code
make_pck(const struct sim_pki *p, const struct dcap_setup *s, struct selfsame_bytes ca,
    int64_t now_s, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct cert_request r = named("Intel SGX PCK Certificate", BYTES_ARR(pck_serial));
    struct cert_extension sgx = { .oid = BYTES_LIT(
                                      "\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01") };
    /* Names the CA, signed by another key. */
    const struct key *signer = s->defects & SIM_BAD_CHAIN_SIGNATURE
                                   ? p->stranger
                                   : p->key[DCAP_SIM_CA];

    if (!sgx_extension(s, arena, &sgx.value))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    r.not_before = s->defects & SIM_FUTURE ? now_s + DAY : now_s - DAY;
    r.not_after = s->defects & SIM_EXPIRED ? now_s - HOUR
                                           : r.not_before + 7 * (int64_t)YEAR;
    r.extensions = &sgx;
    r.extension_count = 1;
    return cert_make(&r, p->key[DCAP_SIM_PCK], ca, signer, arena, ret, e);
}

enum selfsame_code
dcap_sim_chain_make(const struct sim_pki *p, const struct dcap_setup *s, int64_t now_s,
    struct arena *arena, struct dcap_sim_chain *ret, struct selfsame_err *e)
{
    struct dcap_sim_chain c = { .root = p->root, .root_key = p->key[DCAP_SIM_ROOT] };
    const struct cert_request signing = named(
        "Intel SGX TCB Signing", BYTES_ARR(signing_serial));

    if (s->defects & SIM_OTHER_ROOT) {
        c.root_key = p->stranger;
        TRY(dcap_sim_root_cert(p->stranger, arena, &c.root, e));
    }
    TRY(make_ca(p, s, &c, arena, &c.ca, e));
    TRY(make_pck(p, s, c.ca, now_s, arena, &c.pck, e));
    TRY(cert_make(
        &signing, p->key[DCAP_SIM_SIGNING], c.root, c.root_key, arena, &c.signing, e));
    *ret = c;
    return SELFSAME_OK;
}

/* ---- CRLs ---- */

enum selfsame_code
dcap_sim_root_crl(const struct sim_pki *p, const struct dcap_setup *s,
    const struct dcap_sim_chain *c, int64_t now_s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes revoked[2];
    struct crl_request r = {
        .this_update = now_s - 30 * DAY,
        .next_update = now_s + 330 * DAY,
        .serials = revoked,
    };

    if (s->defects & SIM_REVOKED)
        revoked[r.serial_count++] = s->platform_ca ? BYTES_ARR(platform_serial)
                                                   : BYTES_ARR(processor_serial);
    if (s->defects & DCAP_SIM_REVOKED_SIGNER)
        revoked[r.serial_count++] = BYTES_ARR(signing_serial);
    if (s->defects & DCAP_SIM_STALE_ROOT_CRL)
        r.next_update = now_s - HOUR;
    return crl_make(&r, c->root,
        s->defects & DCAP_SIM_FOREIGN_ROOT_CRL ? p->stranger : c->root_key, arena, ret,
        e);
}

enum selfsame_code
dcap_sim_pck_crl(const struct sim_pki *p, const struct dcap_setup *s,
    const struct dcap_sim_chain *c, int64_t now_s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct selfsame_bytes revoked = BYTES_ARR(pck_serial);
    struct crl_request r = {
        .this_update = now_s - DAY,
        .next_update = now_s + 29 * DAY,
        .serials = &revoked,
        .serial_count = s->defects & DCAP_SIM_REVOKED_LEAF ? 1 : 0,
    };

    if (s->defects & SIM_STALE_CRL)
        r.next_update = now_s - HOUR;
    if (s->defects & SIM_FUTURE_CRL)
        r.this_update = now_s + DAY;
    if (s->defects & DCAP_SIM_ENDLESS_CRL)
        r.next_update = 0;
    return crl_make(&r, c->ca,
        s->defects & DCAP_SIM_FOREIGN_CRL ? p->stranger : p->key[DCAP_SIM_CA], arena,
        ret, e);
}
