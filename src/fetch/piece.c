/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a piece is, and until when it may be taken from the cache. A captive portal or
 * a maintenance page answers 200 as well: kept for good, it would refuse all evidence.
 */
#include "codec/json_read.h"
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

/* ---- signed JSON: {"tcbInfo":{"nextUpdate":…, …},"signature":…} ---- */

static bool
name_is(struct selfsame_bytes name, const char *word)
{
    return bytes_cmp(name, bytes_str(word)) == 0;
}

static int64_t
next_update(struct jread *j)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    char text[TIME_TEXT] = { 0 };
    int64_t s = 0;

    while (jread_member(j, &o, &name)) {
        if (!name_is(name, "nextUpdate")) {
            (void)jread_skip(j);
            continue;
        }
        const struct selfsame_bytes t = jread_text(j);
        if (t.len > 0 && t.len < sizeof(text))
            memcpy(text, t.ptr, t.len);
    }
    if (!time_parse(text, &s))
        jread_fail(j, "expected the time of the next update");
    return s;
}

static bool
read_signed(struct selfsame_bytes body, int64_t *ret_until_s)
{
    struct jread j = jread_of(body);
    struct jread_object o = jread_object(&j);
    struct selfsame_bytes name;
    unsigned seen = 0;
    int64_t until_s = 0;

    while (jread_member(&j, &o, &name)) {
        if (name_is(name, "tcbInfo") || name_is(name, "enclaveIdentity")) {
            until_s = next_update(&j) - 1; /* that second is the next one's */
            seen |= 1;
        } else {
            seen |= name_is(name, "signature") ? 2 : 0;
            (void)jread_skip(&j);
        }
    }
    if (!jread_done(&j) || seen != 3)
        return false;
    *ret_until_s = until_s;
    return true;
}

/* ---- packed ones ---- */

static int
nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
piece_unpack(enum fetch_what what, struct arena *arena, struct selfsame_bytes *body)
{
    const size_t len = body->len / 2;

    if (what != FETCH_LIST || body->len % 2 != 0 ||
        !bytes_has_prefix(*body, BYTES_LIT("30")))
        return true;
    for (size_t i = 0; i < body->len; i++)
        if (nibble(body->ptr[i]) < 0)
            return true;
    uint8_t *der = arena_alloc(arena, 1, len);
    for (size_t i = 0; der != NULL && i < len; i++) {
        const int high = nibble(body->ptr[2 * i]), low = nibble(body->ptr[2 * i + 1]);

        der[i] = (uint8_t)(high << 4 | low);
    }
    *body = BYTES(der, len);
    return der != NULL;
}

bool
piece_unescape(struct arena *arena, struct selfsame_bytes *text)
{
    uint8_t *out = arena_alloc(arena, 1, text->len + 1);
    size_t n = 0;

    for (size_t i = 0; out != NULL && i < text->len; i++) {
        const bool escape = text->ptr[i] == '%' && i + 2 < text->len;
        const int high = escape ? nibble(text->ptr[i + 1]) : -1,
                  low = escape ? nibble(text->ptr[i + 2]) : -1;

        out[n] = text->ptr[i];
        if (high >= 0 && low >= 0) {
            out[n] = (uint8_t)(high << 4 | low);
            i += 2;
        }
        n++;
    }
    *text = BYTES(out, n);
    return out != NULL;
}

/* ---- any ---- */

enum fetch_what
piece_of_url(const char *url)
{
    static const struct {
        const char *part;
        enum fetch_what what;
    } parts[] = {
        { "/pckcrl?", FETCH_LIST },
        { "/IntelSGXRootCA.der", FETCH_LIST },
        { "/rootcacrl", FETCH_LIST },
        { "/crl", FETCH_LIST },
        { "/cert_chain", FETCH_CHAIN },
        { "/tcb?", FETCH_SIGNED },
        { "/identity", FETCH_SIGNED },
    };

    for (size_t i = 0; i < COUNT(parts); i++)
        if (strstr(url, parts[i].part) != NULL)
            return parts[i].what;
    return FETCH_LEAF;
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

    if (what == FETCH_SIGNED)
        return read_signed(body, ret_until_s);
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

bool
piece_guess(struct selfsame_bytes body, enum fetch_what *ret, int64_t *ret_until_s)
{
    static const enum fetch_what kinds[] = { FETCH_SIGNED, FETCH_LIST, FETCH_CHAIN };

    for (size_t i = 0; i < COUNT(kinds); i++)
        if (piece_read(body, kinds[i], ret_until_s)) {
            *ret = kinds[i];
            return true;
        }
    return false;
}

/* The certificate of a chip and a TCB stays what it is; what is above it is renewed. */
int64_t
piece_age_max(enum fetch_what what)
{
    static const int64_t most[] = {
        [FETCH_LEAF] = INT64_MAX,
        [FETCH_CHAIN] = FETCH_CHAIN_AGE_S,
        [FETCH_LIST] = FETCH_LIST_AGE_S,
        [FETCH_SIGNED] = FETCH_LIST_AGE_S,
    };

    return most[what];
}

bool
piece_is_good(const struct cached *c, enum fetch_what what, int64_t now_s)
{
    const int64_t age = now_s - c->fetched_s;
    int64_t until_s, chain_until_s = INT64_MAX;

    if (age < 0)
        return false;
    if (c->absent)
        return age < FETCH_ABSENT_S;
    if (c->chain.len > 0 && !piece_read(c->chain, FETCH_CHAIN, &chain_until_s))
        return false;
    return piece_read(c->body, what, &until_s) && age < piece_age_max(what) &&
           now_s <= until_s && now_s <= chain_until_s;
}

enum fetch_what
fetch_what_of(const char *name)
{
    static const struct {
        const char *name;
        enum fetch_what what;
    } names[] = {
        { "crl", FETCH_LIST },
        { "pck-crl", FETCH_LIST },
        { "root-crl", FETCH_LIST },
        { "cert-chain", FETCH_CHAIN },
        { "tcb-info", FETCH_SIGNED },
        { "qe-identity", FETCH_SIGNED },
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].what;
    return FETCH_LEAF;
}
