/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_claims.h"

#include <assert.h>

enum { COMMON = 32, DAY = 86400 };

const char *const dcap_up_to_date[] = { "UpToDate", NULL };
/* Revoked is never acceptable, so it is no word of policies. */
const char *const dcap_statuses[] = { "UpToDate", "SWHardeningNeeded",
    "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
    "OutOfDateConfigurationNeeded", NULL };

enum selfsame_code
dcap_claims_new(const struct dcap_found *f, size_t own, struct arena *arena,
    struct dcap_claims *ret, struct selfsame_err *e)
{
    struct dcap_claims l = { .room = own + COMMON + f->advisories.count };

    l.at = ARENA_NEW(arena, struct claim, l.room);
    if (l.at == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the claims");
    *ret = l;
    return SELFSAME_OK;
}

static void
add(struct dcap_claims *l, struct claim c)
{
    assert(l->count < l->room);
    l->at[l->count++] = c;
}

void
dcap_add_bytes(struct dcap_claims *l, const char *path, struct selfsame_bytes b)
{
    add(l, (struct claim){ .path = path,
               .kind = b.ptr != NULL ? CLAIM_BYTES : CLAIM_NULL,
               .bytes = b });
}

void
dcap_add_text(struct dcap_claims *l, const char *path, const char *text)
{
    add(l, (struct claim){ .path = path,
               .kind = text != NULL ? CLAIM_TEXT : CLAIM_NULL,
               .bytes = text != NULL ? bytes_str(text) : BYTES_NONE });
}

void
dcap_add_uint(struct dcap_claims *l, const char *path, uint64_t n)
{
    add(l, (struct claim){ .path = path, .kind = CLAIM_UINT, .number = n });
}

void
dcap_add_bool(struct dcap_claims *l, const char *path, bool b)
{
    add(l, (struct claim){ .path = path, .kind = CLAIM_BOOL, .number = b });
}

void
dcap_add_bits(
    struct dcap_claims *l, const struct dcap_bit *bits, size_t count, uint64_t from)
{
    for (size_t i = 0; i < count; i++)
        dcap_add_bool(l, bits[i].path, from >> bits[i].at & 1);
}

static void
add_platform(struct dcap_claims *l, const struct dcap_pck *p)
{
    dcap_add_bytes(l, "fmspc", p->fmspc);
    dcap_add_bytes(l, "pceid", p->pceid);
    dcap_add_uint(l, "pce_svn", p->pce_svn);
    dcap_add_text(l, "pck_ca", dcap_ca_word(p->ca));
    dcap_add_uint(l, "sgx_type", p->sgx_type);
    dcap_add_bytes(l, "instance_id", p->instance_id);
    if (!p->has_configuration)
        return;
    dcap_add_bool(l, "platform.smt_enabled", p->smt_enabled);
    dcap_add_bool(l, "platform.dynamic_platform", p->dynamic_platform);
    dcap_add_bool(l, "platform.cached_keys", p->cached_keys);
}

/* An empty list is said as well: it is another thing than not to know. */
static void
add_advisories(struct dcap_claims *l, const struct dcap_advisories *a)
{
    static const char path[] = "advisories";

    if (a->count == 0)
        add(l, (struct claim){ .path = path, .kind = CLAIM_NULL, .shape = CLAIM_EACH });
    for (size_t i = 0; i < a->count; i++)
        add(l, (struct claim){ .path = path,
                   .kind = CLAIM_TEXT,
                   .shape = CLAIM_EACH,
                   .bytes = a->list[i] });
}

static bool
is_out_of_date(enum dcap_status s)
{
    return s == DCAP_OUT_OF_DATE || s == DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/* Days begun since the level's date; of a date to come none. */
static uint64_t
days_since(int64_t date_s, int64_t now_s)
{
    return now_s > date_s ? ((uint64_t)(now_s - date_s) + DAY - 1) / DAY : 0;
}

static enum selfsame_code
add_status(struct dcap_claims *l, const struct dcap_found *f, int64_t now_s,
    struct arena *arena, struct selfsame_err *e)
{
    char date[TIME_TEXT];

    time_format(f->tcb_date_s, date);
    const char *copy = arena_str(arena, bytes_str(date));
    if (copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the claims");
    dcap_add_text(l, "tcb_status", dcap_status_word(f->status));
    dcap_add_text(l, "platform_status", dcap_status_word(f->platform));
    dcap_add_text(l, "qe_status", dcap_status_word(f->qe));
    if (f->module != DCAP_NO_STATUS)
        dcap_add_text(l, "module_status", dcap_status_word(f->module));
    add_advisories(l, &f->advisories);
    dcap_add_text(l, "tcb_date", copy);
    dcap_add_uint(l, "tcb_evaluation", f->evaluation);
    if (is_out_of_date(f->status)) {
        dcap_add_uint(l, "tcb_out_of_date_days", days_since(f->tcb_date_s, now_s));
        dcap_add_bool(l, "relaunch_advised", f->relaunch_advised);
    }
    return SELFSAME_OK;
}

enum selfsame_code
dcap_add_found(struct dcap_claims *l, const struct dcap_found *f, int64_t now_s,
    struct arena *arena, struct selfsame_err *e)
{
    char date[TIME_TEXT];
    const char *until = NULL;

    dcap_add_uint(l, "version", f->quote.version);
    if (f->status != DCAP_NO_STATUS) /* the first text: it stands for the machine */
        TRY(add_status(l, f, now_s, arena, e));
    if (f->has_pck)
        add_platform(l, &f->pck);
    if (f->earliest_expiry_s != 0) {
        time_format(f->earliest_expiry_s, date);
        until = arena_str(arena, bytes_str(date));
        if (until == NULL)
            FAIL(e, SELFSAME_NOMEM, "out of memory for the claims");
    }
    dcap_add_text(l, "collateral_expires", until);
    return SELFSAME_OK;
}
