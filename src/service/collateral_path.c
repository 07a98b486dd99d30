/* SPDX-License-Identifier: Apache-2.0 */
#include "service/collateral_service.h"

#include <stdio.h>

/*
 * AMD: "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface
 * Specification" 57230 §4. Intel: PCS API v4 (api.portal.trustedservices.intel.com); that
 * of the caching service (PCCS) differs in /rootcacrl, which is hex.
 */
#define KDS "https://kdsintf.amd.com"
#define PCS "https://api.trustedservices.intel.com"
#define ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
enum { CHIP_DIGITS = 128, FMSPC_DIGITS = 12, SPL_MAX = 255 };

static bool
is_hex(const char *s, size_t len)
{
    return strlen(s) == len && strspn(s, "0123456789abcdefABCDEF") == len;
}

static void
lower(char *s)
{
    for (; *s != '\0'; s++)
        *s = (char)(*s >= 'A' && *s <= 'F' ? *s - 'A' + 'a' : *s);
}

/* ---- AMD ---- */

/* In AMD's order; two digits at least, as verifiers write them. */
static int
put_levels(const struct collateral_query *q, bool must, char *at, size_t room)
{
    static const char *const names[] = { "fmcSPL", "blSPL", "teeSPL", "snpSPL",
        "ucodeSPL" };
    size_t n = 0;

    for (size_t i = 0; i < COUNT(names); i++) {
        const char *v = q->get(q->ctx, names[i]);
        uint64_t level = 0;

        if (v == NULL && i > 0 && must)
            return 400;
        if (v == NULL)
            continue;
        if (!uint_parse(v, strlen(v), SPL_MAX, &level))
            return 400;
        const int wrote = snprintf(at + n, room - n, "%c%s=%02u", n == 0 ? '?' : '&',
            names[i], (unsigned)level);
        if (wrote < 0 || (size_t)wrote >= room - n)
            return 400;
        n += (size_t)wrote;
    }
    return 200;
}

static int
amd(const char *kind, const char *rest, const struct collateral_query *q,
    struct collateral_asked *ret)
{
    const size_t product = strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                        "uvwxyz0123456789_-");
    const bool vcek = strcmp(kind, "vcek") == 0;
    int n;

    if (product == 0 || product > 32 || rest[product] != '/')
        return 404;
    const char *leaf = rest + product + 1;
    if (strcmp(leaf, "cert_chain") == 0 || strcmp(leaf, "crl") == 0) {
        n = snprintf(ret->url, sizeof(ret->url), KDS "/%s/v1/%s", kind, rest);
        ret->what = leaf[1] == 'r' ? FETCH_LIST : FETCH_CHAIN;
        ret->type = leaf[1] == 'r' ? "application/pkix-crl" : "application/x-pem-file";
        return n > 0 && n < (int)sizeof(ret->url) ? 200 : 404;
    }
    /* Turin's ids are shorter; a VLEK is got with a key of AMD's, not here. */
    if (!vcek || (!is_hex(leaf, CHIP_DIGITS) && !is_hex(leaf, 16)))
        return 404;
    n = snprintf(ret->url, sizeof(ret->url), KDS "/vcek/v1/%s", rest);
    if (n < 0 || n >= (int)sizeof(ret->url))
        return 404;
    lower(ret->url + strlen(KDS "/vcek/v1/") + product + 1);
    ret->what = FETCH_LEAF;
    ret->type = "application/pkix-cert";
    return put_levels(q, true, ret->url + n, sizeof(ret->url) - (size_t)n);
}

/* ---- Intel ---- */

static int
tcb(const char *tee, const struct collateral_query *q, struct collateral_asked *ret)
{
    const char *fmspc = q->get(q->ctx, "fmspc"), *update = q->get(q->ctx, "update");
    char own[FMSPC_DIGITS + 1];

    if (fmspc == NULL || !is_hex(fmspc, FMSPC_DIGITS) ||
        (update != NULL && strcmp(update, "early") != 0 &&
            strcmp(update, "standard") != 0))
        return 400;
    memcpy(own, fmspc, sizeof(own));
    lower(own);
    (void)snprintf(ret->url, sizeof(ret->url),
        PCS "/%s/certification/v4/tcb?fmspc=%s%s%s", tee, own,
        update != NULL ? "&update=" : "", update != NULL ? update : "");
    ret->what = FETCH_SIGNED;
    ret->type = "application/json";
    ret->header = "TCB-Info-Issuer-Chain";
    return 200;
}

static int
identity(const char *tee, const char *which, const struct collateral_query *q,
    struct collateral_asked *ret)
{
    const char *update = q->get(q->ctx, "update");

    if (update != NULL && strcmp(update, "early") != 0 &&
        strcmp(update, "standard") != 0)
        return 400;
    (void)snprintf(ret->url, sizeof(ret->url),
        PCS "/%s/certification/v4/%s/identity%s%s", tee, which,
        update != NULL ? "?update=" : "", update != NULL ? update : "");
    ret->what = FETCH_SIGNED;
    ret->type = "application/json";
    ret->header = "SGX-Enclave-Identity-Issuer-Chain";
    return 200;
}

static int
pck_crl(const struct collateral_query *q, struct collateral_asked *ret)
{
    const char *ca = q->get(q->ctx, "ca"), *encoding = q->get(q->ctx, "encoding");

    if (ca == NULL || (strcmp(ca, "processor") != 0 && strcmp(ca, "platform") != 0) ||
        (encoding != NULL && strcmp(encoding, "der") != 0 &&
            strcmp(encoding, "pem") != 0))
        return 400;
    (void)snprintf(ret->url, sizeof(ret->url),
        PCS "/sgx/certification/v4/pckcrl?ca=%s&encoding=der", ca);
    ret->what = FETCH_LIST;
    ret->form = encoding != NULL && encoding[0] == 'd' ? COLLATERAL_AS_IS
                                                       : COLLATERAL_PEM;
    ret->type = ret->form == COLLATERAL_PEM ? "application/x-pem-file"
                                            : "application/pkix-crl";
    ret->header = "SGX-PCK-CRL-Issuer-Chain";
    return 200;
}

static int
root_crl(bool hex, struct collateral_asked *ret)
{
    (void)snprintf(ret->url, sizeof(ret->url), "%s", ROOT_CRL);
    ret->what = FETCH_LIST;
    ret->form = hex ? COLLATERAL_HEX : COLLATERAL_AS_IS;
    ret->type = hex ? "text/plain; charset=utf-8" : "application/pkix-crl";
    return 200;
}

int
collateral_path(
    const char *path, const struct collateral_query *q, struct collateral_asked *ret)
{
    *ret = (struct collateral_asked){ 0 };
    if (strncmp(path, "/vcek/v1/", 9) == 0)
        return amd("vcek", path + 9, q, ret);
    if (strncmp(path, "/vlek/v1/", 9) == 0)
        return amd("vlek", path + 9, q, ret);
    if (strcmp(path, "/sgx/certification/v4/tcb") == 0)
        return tcb("sgx", q, ret);
    if (strcmp(path, "/tdx/certification/v4/tcb") == 0)
        return tcb("tdx", q, ret);
    if (strcmp(path, "/sgx/certification/v4/qe/identity") == 0)
        return identity("sgx", "qe", q, ret);
    if (strcmp(path, "/sgx/certification/v4/qve/identity") == 0)
        return identity("sgx", "qve", q, ret);
    if (strcmp(path, "/tdx/certification/v4/qe/identity") == 0)
        return identity("tdx", "qe", q, ret);
    if (strcmp(path, "/sgx/certification/v4/pckcrl") == 0)
        return pck_crl(q, ret);
    if (strcmp(path, "/sgx/certification/v4/rootcacrl") == 0)
        return root_crl(true, ret);
    if (strcmp(path, "/IntelSGXRootCA.der") == 0)
        return root_crl(false, ret);
    return 404;
}
