/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a piece is, and until when it may be taken from the cache. A captive portal or
 * a maintenance page answers 200 as well: kept for good, it would refuse all evidence.
 */
#include "codec/pem.h"
#include "crypto/crl.h"
#include "fetch/fetch.h"

enum { PIECE_ARENA = 2 * FETCH_BODY_MAX };

static bool
read_one(struct selfsame_bytes der, enum fetch_what what, int64_t *until_s)
{
    struct selfsame_err ignored;
    struct cert cert;
    struct crl crl;
    int64_t end = INT64_MAX;

    if (what == FETCH_LIST) {
        if (crl_parse(der, &crl, &ignored) != SELFSAME_OK)
            return false;
        end = crl.has_next_update ? crl.next_update : end;
    } else {
        if (cert_parse(der, &cert, &ignored) != SELFSAME_OK)
            return false;
        end = cert.not_after;
    }
    *until_s = end < *until_s ? end : *until_s;
    return true;
}

bool
piece_read(struct selfsame_bytes body, enum fetch_what what, int64_t *ret_until_s)
{
    const char *label = what == FETCH_LIST ? "X509 CRL" : "CERTIFICATE";
    auto_arena arena = arena_new(PIECE_ARENA);
    struct selfsame_err ignored;
    struct selfsame_bytes der;
    int64_t until_s = INT64_MAX;
    size_t count = 0;

    if (!pem_looks_like(body)) {
        if (!read_one(body, what, &until_s))
            return false;
        *ret_until_s = until_s;
        return true;
    }
    for (;; count++) {
        if (pem_next(&body, label, &arena, &der, &ignored) != SELFSAME_OK)
            return false;
        if (der.ptr == NULL)
            break;
        if (!read_one(der, what, &until_s))
            return false;
    }
    *ret_until_s = until_s;
    return count > 0;
}

/* The certificate of a chip and a TCB stays what it is; what is above it is renewed. */
bool
piece_is_good(const struct cached *c, enum fetch_what what, int64_t now_s)
{
    static const int64_t most[] = {
        [FETCH_LEAF] = INT64_MAX,
        [FETCH_CHAIN] = FETCH_CHAIN_AGE_S,
        [FETCH_LIST] = FETCH_LIST_AGE_S,
    };
    const int64_t age = now_s - c->fetched_s;
    int64_t until_s;

    if (age < 0)
        return false;
    if (c->absent)
        return age < FETCH_ABSENT_S;
    return piece_read(c->body, what, &until_s) && age < most[what] && now_s <= until_s;
}
