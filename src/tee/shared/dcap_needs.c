/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_judge.h"

/* Which collateral a quote wants, with Intel's addresses (PCS API v4). */

enum { NEEDS = 4, PPID_RSA3072 = 3, ENCRYPTED_PPID = 384 };

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

enum selfsame_code
dcap_needs(enum dcap_tee tee, struct selfsame_bytes evidence, struct arena *arena,
    struct tee_need **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct tee_need *list = ARENA_NEW(arena, struct tee_need, NEEDS);
    const char *base = tee == DCAP_TDX ? DCAP_PCS "/tdx/certification/v4"
                                       : DCAP_PCS "/sgx/certification/v4";
    struct dcap_quote q;
    struct dcap_pck pck;
    size_t n = 0;
    bool made = list != NULL;

    TRY(dcap_quote_parse(evidence, &q, e));
    if (made && own_pck(&q, arena, &pck)) {
        const char *fmspc = hex_dup(arena, pck.fmspc);

        list[n++] = (struct tee_need){ .name = "tcb-info",
            .url = fmspc == NULL
                       ? NULL
                       : arena_printf(arena, "%s/tcb?fmspc=%s", base, fmspc) };
        list[n++] = (struct tee_need){ .name = "pck-crl",
            .url = arena_printf(arena,
                DCAP_PCS "/sgx/certification/v4/pckcrl?ca=%s&encoding=der",
                dcap_ca_word(pck.ca)) };
        made = list[0].url != NULL && list[1].url != NULL;
    } else if (made) {
        list[n++] = (struct tee_need){ .name = "pck-cert",
            .url = pck_url(&q, arena, &made) };
    }
    if (made) {
        list[n++] = (struct tee_need){ .name = "qe-identity",
            .url = arena_printf(arena, "%s/qe/identity", base) };
        list[n++] = (struct tee_need){ .name = "root-crl", .url = DCAP_ROOT_CRL };
        made = list[n - 2].url != NULL;
    }
    if (!made)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the names of the collateral");
    *ret = list;
    *ret_count = n;
    return SELFSAME_OK;
}
