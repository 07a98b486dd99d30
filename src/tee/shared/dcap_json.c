/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_json.h"

#include <stdlib.h>

bool
dcap_is(struct selfsame_bytes name, const char *word)
{
    const struct selfsame_bytes want = bytes_str(word);

    return name.len == want.len && bytes_has_prefix(name, want);
}

unsigned
dcap_member_of(
    const struct dcap_member *members, size_t count, struct selfsame_bytes name)
{
    for (size_t i = 0; i < count; i++)
        if (dcap_is(name, members[i].name))
            return members[i].bit;
    return 0;
}

static int
nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void
dcap_get_hex(struct jread *j, uint8_t *ret, size_t len)
{
    struct selfsame_bytes s = jread_text(j);

    if (s.len != 2 * len) {
        jread_fail(j, "hexadecimal text of another length");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        int high = nibble(s.ptr[2 * i]), low = nibble(s.ptr[2 * i + 1]);

        if (high < 0 || low < 0) {
            jread_fail(j, "expected hexadecimal digits");
            return;
        }
        ret[i] = (uint8_t)(high << 4 | low);
    }
}

int64_t
dcap_get_date(struct jread *j)
{
    enum { LEN = sizeof("2026-01-02T03:04:05Z") - 1 };
    struct selfsame_bytes s = jread_text(j);
    char text[LEN + 1] = { 0 };
    int64_t ret = 0;

    if (s.len == LEN)
        memcpy(text, s.ptr, LEN);
    if (s.len != LEN || text[LEN - 1] != 'Z' || !time_parse(text, &ret))
        jread_fail(j, "expected a time like 2026-01-02T03:04:05Z");
    return ret;
}

/* In the order of enum dcap_status. */
static const char *const words[] = { "none", "UpToDate", "SWHardeningNeeded",
    "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
    "OutOfDateConfigurationNeeded", "Revoked" };

const char *
dcap_status_word(enum dcap_status s)
{
    return (size_t)s < COUNT(words) ? words[s] : "none";
}

/* A word that nobody knows yet must not pass for a better one. */
enum dcap_status
dcap_status_of(struct selfsame_bytes word)
{
    for (enum dcap_status s = DCAP_UP_TO_DATE; s < DCAP_REVOKED; s++)
        if (dcap_is(word, words[s]))
            return s;
    return DCAP_REVOKED;
}

enum dcap_status
dcap_get_status(struct jread *j)
{
    return dcap_status_of(jread_text(j));
}

static bool
is_advisory(struct selfsame_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];

        if (nibble(c) < 0 && !(c >= 'g' && c <= 'z') && !(c >= 'G' && c <= 'Z') &&
            c != '-' && c != '.' && c != '_')
            return false;
    }
    return s.len > 0 && s.len <= 64;
}

void
dcap_get_advisories(
    struct jread *j, struct arena *arena, struct dcap_advisories *ret, bool *nomem)
{
    struct selfsame_bytes list[DCAP_ADVISORIES_MAX];
    struct jread_array a = jread_array(j);
    size_t n = 0;

    while (jread_element(j, &a)) {
        struct selfsame_bytes s = jread_text(j);

        if (!is_advisory(s))
            jread_fail(j, "expected the name of an advisory");
        else if (n == DCAP_ADVISORIES_MAX)
            jread_fail(j, "too many advisories");
        else
            list[n++] = s;
    }
    struct selfsame_bytes *made = ARENA_NEW(arena, struct selfsame_bytes, n + 1);
    if (made == NULL) {
        *nomem = true;
        return;
    }
    memcpy(made, list, n * sizeof(*made));
    *ret = (struct dcap_advisories){ .list = made, .count = n };
}

/* ---- levels ---- */

struct dcap_level *
dcap_level_add(struct dcap_level_list *l, struct jread *j)
{
    enum { FIRST = 16 };

    if (l->count == DCAP_LEVELS_MAX) {
        jread_fail(j, "too many levels");
        return NULL;
    }
    if (l->count == l->room) {
        size_t room = l->room == 0 ? FIRST : 2 * l->room;
        struct dcap_level *more = ARENA_NEW(l->arena, struct dcap_level, room);

        if (more == NULL) {
            l->nomem = true;
            return NULL;
        }
        if (l->count > 0)
            memcpy(more, l->list, l->count * sizeof(*more));
        l->list = more;
        l->room = room;
    }
    return &l->list[l->count++];
}

/* Below zero: a comes first. */
static int
order(const struct dcap_level *a, const struct dcap_level *b)
{
    int sgx = bytes_cmp(BYTES_ARR(b->sgx), BYTES_ARR(a->sgx));

    if (sgx != 0)
        return sgx;
    if (a->svn != b->svn)
        return a->svn > b->svn ? -1 : 1;
    return bytes_cmp(BYTES_ARR(b->tdx), BYTES_ARR(a->tdx));
}

/* By insertion: they are few, and in order already as the vendor writes them. */
void
dcap_levels_sort(struct dcap_level_list *l, struct jread *j, struct dcap_levels *ret)
{
    for (size_t i = 1; i < l->count; i++) {
        const struct dcap_level moved = l->list[i];
        size_t k = i;

        for (; k > 0 && order(&moved, &l->list[k - 1]) < 0; k--)
            l->list[k] = l->list[k - 1];
        l->list[k] = moved;
        if (k > 0 && order(&moved, &l->list[k - 1]) == 0)
            jread_fail(j, "two levels of the same values");
    }
    if (l->count == 0)
        jread_fail(j, "expected levels, got none");
    *ret = (struct dcap_levels){ .list = l->list, .count = l->count };
}

static uint16_t
get_svn(struct jread *j)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    unsigned seen = 0;
    uint16_t svn = 0;

    while (jread_member(j, &o, &name)) {
        if (dcap_is(name, "isvsvn")) {
            svn = (uint16_t)jread_uint(j, UINT16_MAX);
            seen = 1;
        } else {
            (void)jread_skip(j);
        }
    }
    dcap_seen(j, &seen, 1);
    return svn;
}

static void
get_svn_level(struct jread *j, struct dcap_level *l, struct arena *arena, bool *nomem)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    unsigned seen = 0;

    while (jread_member(j, &o, &name)) {
        if (dcap_is(name, "tcb")) {
            l->svn = get_svn(j);
            seen |= 1;
        } else if (dcap_is(name, "tcbDate")) {
            l->date_s = dcap_get_date(j);
            seen |= 2;
        } else if (dcap_is(name, "tcbStatus")) {
            l->status = dcap_get_status(j);
            seen |= 4;
        } else if (dcap_is(name, "advisoryIDs")) {
            dcap_get_advisories(j, arena, &l->advisories, nomem);
        } else {
            (void)jread_skip(j);
        }
    }
    dcap_seen(j, &seen, 7);
}

void
dcap_get_svn_levels(
    struct jread *j, struct arena *arena, struct dcap_levels *ret, bool *nomem)
{
    struct dcap_level_list l = { .arena = arena };
    struct jread_array a = jread_array(j);

    while (jread_element(j, &a)) {
        struct dcap_level *level = dcap_level_add(&l, j);

        if (level == NULL)
            break;
        get_svn_level(j, level, arena, nomem);
    }
    if (l.nomem)
        *nomem = true;
    else
        dcap_levels_sort(&l, j, ret);
}

void
dcap_seen(struct jread *j, unsigned *seen, unsigned all)
{
    if ((*seen & all) != all)
        jread_fail(j, "a member that must be there is missing");
}

/* ---- the signed whole ---- */

bool
dcap_has_member(struct selfsame_bytes json, const char *name)
{
    struct jread j = jread_of(json);
    struct jread_object o = jread_object(&j);
    struct selfsame_bytes member;

    while (jread_member(&j, &o, &member)) {
        if (dcap_is(member, name))
            return true;
        (void)jread_skip(&j);
    }
    return false;
}

enum selfsame_code
dcap_get_signed(struct selfsame_bytes in, const char *name,
    void (*inner)(struct jread *j, void *ctx), void *ctx, struct dcap_signed *ret,
    struct selfsame_err *e)
{
    struct jread j = jread_of(in);
    struct jread_object o = jread_object(&j);
    struct selfsame_bytes member;
    unsigned seen = 0;

    while (jread_member(&j, &o, &member)) {
        if (dcap_is(member, name)) {
            const size_t from = jread_offset(&j);

            inner(&j, ctx);
            ret->object = BYTES(in.ptr + from, j.at - from);
            seen |= 1;
        } else if (dcap_is(member, "signature")) {
            dcap_get_hex(&j, ret->signature, sizeof(ret->signature));
            seen |= 2;
        } else {
            (void)jread_skip(&j);
        }
    }
    dcap_seen(&j, &seen, 3);
    return jread_end(&j, name, e);
}

enum selfsame_code
dcap_signed_verify(const struct dcap_signed *s, const struct cert *signer,
    struct cert_cache *cache, struct selfsame_err *e)
{
    return cert_signed_verify(
        s->object, HASH_SHA256, BYTES_ARR(s->signature), signer, cache, e);
}
