/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/der.h"
#include "tee/shared/dcap.h"

/*
 * The SGX extension of a PCK certificate: Intel, "SGX PCK Certificate and CRL Profile
 * Specification". A SEQUENCE of { OID, value } in any order, each at most once.
 */
#define OID_SGX "\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01" /* 1.2.840.113741.1.13.1 */
enum { DER_ENUMERATED = 0x0a, MEMBERS_MAX = 32 };
enum member { /* the last part of the OID */
    PPID = 1,
    TCB = 2,
    PCEID = 3,
    FMSPC = 4,
    SGX_TYPE = 5,
    INSTANCE_ID = 6,
    CONFIGURATION = 7,
};
enum { PCE_SVN = DCAP_COMPONENTS + 1, CPU_SVN = DCAP_COMPONENTS + 2 }; /* of TCB */

const char *
dcap_ca_word(enum dcap_ca ca)
{
    switch (ca) {
    case DCAP_CA_PROCESSOR: return "processor";
    case DCAP_CA_PLATFORM: return "platform";
    case DCAP_CA_UNKNOWN: break;
    }
    return "unknown";
}

static enum dcap_ca
ca_of(struct selfsame_bytes issuer)
{
    const struct selfsame_bytes cn = name_cn(issuer);

    if (bytes_eq(cn, BYTES_LIT("Intel SGX PCK Processor CA")))
        return DCAP_CA_PROCESSOR;
    if (bytes_eq(cn, BYTES_LIT("Intel SGX PCK Platform CA")))
        return DCAP_CA_PLATFORM;
    return DCAP_CA_UNKNOWN;
}

/*
 * The number behind `prefix` in the OID of a pair; 0 where it is another OID, which
 * is passed over. Latches where the pair was there before.
 */
static unsigned
pair_number(struct der *pair, struct selfsame_bytes prefix, uint32_t *seen)
{
    const struct selfsame_bytes oid = der_get(pair, DER_OID);

    if (pair->r.bad || oid.len != prefix.len + 1 || !bytes_has_prefix(oid, prefix) ||
        oid.ptr[prefix.len] >= MEMBERS_MAX)
        return 0;
    const unsigned n = oid.ptr[prefix.len];
    if ((*seen >> n & 1) != 0)
        der_fail(pair, "a member is there twice");
    *seen |= 1u << n;
    return n;
}

static struct selfsame_bytes
octets(struct der *d, size_t len)
{
    const struct selfsame_bytes b = der_get(d, DER_OCTET_STRING);

    if (!d->r.bad && b.len != len)
        der_fail(d, "a member has another length");
    return b;
}

static uint64_t
number(struct der *d, uint64_t max)
{
    const uint64_t n = der_get_small_uint(d);

    if (n > max)
        der_fail(d, "a number is out of range");
    return n;
}

static void
read_tcb(struct der *d, struct dcap_pck *x)
{
    struct der list = der_enter(d, DER_SEQUENCE);
    uint32_t seen = 0;

    while (!list.r.bad && !der_done(&list)) {
        struct der pair = der_enter(&list, DER_SEQUENCE);
        const unsigned n = pair_number(&pair, BYTES_LIT(OID_SGX "\x02"), &seen);

        if (n >= 1 && n <= DCAP_COMPONENTS)
            x->component[n - 1] = (uint8_t)number(&pair, UINT8_MAX);
        else if (n == PCE_SVN)
            x->pce_svn = (uint16_t)number(&pair, UINT16_MAX);
        else if (n == CPU_SVN)
            x->cpu_svn = octets(&pair, 16);
        else
            (void)der_get_element(&pair);
        der_absorb(&list, &pair);
    }
    der_absorb(d, &list);
    if (!d->r.bad && (seen & 0x7fffe) != 0x7fffe) /* 1 to 18 */
        der_fail(d, "its TCB lacks a component");
}

static void
read_configuration(struct der *d, struct dcap_pck *x)
{
    struct der list = der_enter(d, DER_SEQUENCE);
    bool ignored;
    uint32_t seen = 0;

    while (!list.r.bad && !der_done(&list)) {
        struct der pair = der_enter(&list, DER_SEQUENCE);
        const unsigned n = pair_number(&pair, BYTES_LIT(OID_SGX "\x07"), &seen);
        bool *into[] = { &ignored, &x->dynamic_platform, &x->cached_keys,
            &x->smt_enabled };

        if (n >= 1 && n < COUNT(into))
            *into[n] = der_get_bool(&pair);
        else
            (void)der_get_element(&pair);
        der_absorb(&list, &pair);
    }
    der_absorb(d, &list);
    x->has_configuration = true;
}

static void
read_type(struct der *d, struct dcap_pck *x)
{
    const struct selfsame_bytes b = der_get(d, DER_ENUMERATED);

    if (!d->r.bad && (b.len != 1 || b.ptr[0] > 2))
        der_fail(d, "its SGX type is none of 0 to 2");
    x->sgx_type = d->r.bad ? 0 : b.ptr[0];
}

static void
read_member(struct der *d, unsigned n, struct dcap_pck *x)
{
    switch (n) {
    case PPID: x->ppid = octets(d, 16); break;
    case TCB: read_tcb(d, x); break;
    case PCEID: x->pceid = octets(d, 2); break;
    case FMSPC: x->fmspc = octets(d, DCAP_FMSPC); break;
    case SGX_TYPE: read_type(d, x); break;
    case INSTANCE_ID: x->instance_id = octets(d, 16); break;
    case CONFIGURATION: read_configuration(d, x); break;
    default: (void)der_get_element(d); break;
    }
}

enum selfsame_code
dcap_pck_parse(const struct cert *c, struct dcap_pck *ret, struct selfsame_err *e)
{
    static const uint32_t always = 0x3e, platform = 0xfe; /* members 1 to 5, 1 to 7 */
    struct dcap_pck x = { .ca = ca_of(c->issuer) };
    const struct selfsame_bytes value = cert_extension(c, BYTES_LIT(OID_SGX));
    struct der d = der_of(value);
    uint32_t seen = 0;

    if (value.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "PCK certificate: expected the SGX extension, got none");
    struct der list = der_enter(&d, DER_SEQUENCE);
    while (!list.r.bad && !der_done(&list)) {
        struct der pair = der_enter(&list, DER_SEQUENCE);

        read_member(&pair, pair_number(&pair, BYTES_LIT(OID_SGX), &seen), &x);
        der_absorb(&list, &pair);
    }
    der_absorb(&d, &list);
    if (!der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "PCK certificate, SGX extension: %s",
            d.why != NULL ? d.why : "it does not parse");
    const uint32_t wanted = x.ca == DCAP_CA_PLATFORM ? platform : always;
    if ((seen & wanted) != wanted)
        FAIL(e, SELFSAME_MALFORMED,
            "PCK certificate, SGX extension: expected all of its members, got fewer");
    *ret = x;
    return SELFSAME_OK;
}
