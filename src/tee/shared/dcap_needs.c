/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_judge.h"

/* Which collateral a quote wants, with Intel's addresses (PCS API v4). */

enum { NEEDS = 4, PPID_RSA3072 = 3, ENCRYPTED_PPID = 384 };

static const char *
base_of(enum dcap_tee tee)
{
    return tee == DCAP_TDX ? DCAP_PCS "/tdx/certification/v4"
                           : DCAP_PCS "/sgx/certification/v4";
}

/* PCS can read the PPID that the quote has in encrypted form; NULL: nobody can say. */
static const char *
pck_url(const struct dcap_quote *q, struct arena *arena, bool *ret_made)
{
    struct reader r = reader_of(q->cert_data);
    const char *part[4];
    static const size_t size[4] = { ENCRYPTED_PPID, 16, 2, 2 };

    for (size_t i = 0; i < COUNT(part); i++) {
        const struct selfsame_bytes b = get_bytes(&r, size[i]);

        part[i] = r.bad ? NULL : hex_dup(arena, b);
        *ret_made = *ret_made && (r.bad || part[i] != NULL);
    }
    if (q->cert_type != PPID_RSA3072 || !reader_done(&r) || !*ret_made)
        return NULL;
    const char *url = arena_printf(arena,
        DCAP_PCS "/sgx/certification/v4/pckcert?encrypted_ppid=%s&cpusvn=%s&pcesvn=%s"
                 "&pceid=%s",
        part[0], part[1], part[2], part[3]);
    *ret_made = *ret_made && url != NULL;
    return url;
}

/* The PCK certificate of the quote says which platform this is. */
static bool
own_pck(const struct dcap_quote *q, struct arena *arena, struct dcap_pck *ret)
{
    struct cert own[DCAP_CHAIN];
    struct selfsame_err ignored;
    size_t count = 0;

    if (dcap_own_certs(q, arena, own, &count, &ignored) != SELFSAME_OK)
        return false;
    for (size_t i = 0; i < count; i++)
        if (dcap_role_of(&own[i]) == DCAP_ROLE_PCK)
            return dcap_pck_parse(&own[i], ret, &ignored) == SELFSAME_OK;
    return false;
}

/* What every quote of a TEE wants, behind what the platform alone does. */
static enum selfsame_code
add_common(enum dcap_tee tee, bool made, struct arena *arena, struct tee_need *list,
    size_t n, struct tee_need **ret, size_t *ret_count, struct selfsame_err *e)
{
    const char *url = list != NULL ? arena_printf(arena, "%s/qe/identity", base_of(tee))
                                   : NULL;

    if (!made || url == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the names of the collateral");
    list[n++] = (struct tee_need){ .name = "qe-identity", .url = url };
    list[n++] = (struct tee_need){ .name = "root-crl", .url = DCAP_ROOT_CRL };
    *ret = list;
    *ret_count = n;
    return SELFSAME_OK;
}

enum selfsame_code
dcap_needs_of(enum dcap_tee tee, struct selfsame_bytes fmspc, enum dcap_ca ca,
    struct arena *arena, struct tee_need **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    struct tee_need *list = ARENA_NEW(arena, struct tee_need, NEEDS);
    const char *hex = hex_dup(arena, fmspc), *info = NULL, *crl = NULL;

    if (list != NULL && hex != NULL) {
        info = arena_printf(arena, "%s/tcb?fmspc=%s", base_of(tee), hex);
        crl = arena_printf(arena,
            DCAP_PCS "/sgx/certification/v4/pckcrl?ca=%s&encoding=der",
            dcap_ca_word(ca));
        list[0] = (struct tee_need){ .name = "tcb-info", .url = info };
        list[1] = (struct tee_need){ .name = "pck-crl", .url = crl };
    }
    return add_common(
        tee, info != NULL && crl != NULL, arena, list, 2, ret, ret_count, e);
}

enum selfsame_code
dcap_needs(enum dcap_tee tee, struct selfsame_bytes evidence, struct arena *arena,
    struct tee_need **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct dcap_quote q;
    struct dcap_pck pck;
    bool made = true;

    TRY(dcap_quote_parse(evidence, &q, e));
    if (own_pck(&q, arena, &pck))
        return dcap_needs_of(tee, pck.fmspc, pck.ca, arena, ret, ret_count, e);
    struct tee_need *list = ARENA_NEW(arena, struct tee_need, NEEDS);
    const char *url = pck_url(&q, arena, &made);
    if (list != NULL)
        list[0] = (struct tee_need){ .name = "pck-cert", .url = url };
    return add_common(tee, made && list != NULL, arena, list, 1, ret, ret_count, e);
}
