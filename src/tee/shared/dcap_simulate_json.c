/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_simulate.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * TCB info (versions 2 and 3) and QE identity (version 2) as PCS v4 answers: one member
 * with the signed object, one with the signature over its very bytes. A platform is at
 * the level made for it; where that is not up to date there is a better one above it.
 */
enum { HOUR = 3600, DAY = 24 * HOUR };

/* SHA-256 of "selfsame-sim: signer of quoting enclaves". */
const uint8_t dcap_sim_qe_signer[32] = { 0xf4, 0xdb, 0x4a, 0xcb, 0x7d, 0xdd, 0x62, 0x51,
    0x73, 0xbb, 0xb2, 0x4b, 0x9b, 0xcc, 0x5e, 0xab, 0x46, 0x68, 0xf2, 0x26, 0x87, 0xb5,
    0x1d, 0x7d, 0x65, 0xfd, 0x91, 0x07, 0x99, 0x68, 0x8d, 0xda };

struct json {
    struct arena *arena;
    const char *text; /* NULL: out of memory */
};
SELFSAME_PRINTF(2, 3) static void put(struct json *j, const char *fmt, ...)
{
    va_list args;
    char *more = NULL;

    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n >= 0)
        more = arena_alloc(j->arena, 1, (size_t)n + 1);
    if (more == NULL || j->text == NULL) {
        j->text = NULL;
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(more, (size_t)n + 1, fmt, args);
    va_end(args);
    j->text = arena_printf(j->arena, "%s%s", j->text, more);
}

static void
put_time(struct json *j, const char *name, int64_t at_s)
{
    char text[TIME_TEXT];

    time_format(at_s, text);
    put(j, "\"%s\":\"%s\",", name, text);
}

/* Upper case, as Intel writes them. */
static void
put_hex(struct json *j, const char *name, struct selfsame_bytes b)
{
    put(j, "\"%s\":\"", name);
    for (size_t i = 0; i < b.len; i++)
        put(j, "%02X", b.ptr[i]);
    put(j, "\",");
}

/* ---- levels ---- */

/* "tcbDate", "tcbStatus" and, where there are any, "advisoryIDs". */
static void
put_status(struct json *j, const struct dcap_sim_level *l)
{
    const char *at = l->advisories;
    char date[TIME_TEXT];

    time_format(l->date_s, date);
    put(j, "\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"", date, l->status);
    if (*at == '\0')
        return;
    put(j, ",\"advisoryIDs\":[");
    while (*at != '\0') {
        const size_t len = strcspn(at, ",");

        put(j, "%s\"%.*s\"", at == l->advisories ? "" : ",", (int)len, at);
        at += len + (at[len] == ',');
    }
    put(j, "]");
}

static const struct dcap_sim_level newest = { .status = "UpToDate",
    .date_s = 1770768000 }; /* 2026-02-11 */

static bool
is_newest(const struct dcap_sim_level *l)
{
    return strcmp(l->status, "UpToDate") == 0;
}

/* Of enclaves and modules. */
static void
put_svn_levels(struct json *j, const struct dcap_sim_level *l, uint64_t svn)
{
    put(j, "\"tcbLevels\":[");
    if (!is_newest(l)) {
        put(j, "{\"tcb\":{\"isvsvn\":%u},", (unsigned)svn + 1);
        put_status(j, &newest);
        put(j, "},");
    }
    put(j, "{\"tcb\":{\"isvsvn\":%u},", (unsigned)svn);
    put_status(j, l);
    put(j, "}]");
}

static void
put_components(struct json *j, const char *name, const uint8_t *svn)
{
    put(j, "\"%s\":[", name);
    for (size_t i = 0; i < DCAP_COMPONENTS; i++)
        put(j, "%s{\"svn\":%u}", i > 0 ? "," : "", svn[i]);
    put(j, "],");
}

static void
put_level(struct json *j, const struct dcap_setup *s, const uint8_t *component,
    uint64_t pce_svn, const struct dcap_sim_level *l)
{
    put(j, "{\"tcb\":{");
    if (s->tcb_version == 2)
        for (size_t i = 0; i < DCAP_COMPONENTS; i++)
            put(j, "\"sgxtcbcomp%02zusvn\":%u,", i + 1, component[i]);
    else
        put_components(j, "sgxtcbcomponents", component);
    if (s->tee == DCAP_TDX)
        put_components(j, "tdxtcbcomponents", s->tee_tcb_svn);
    put(j, "\"pcesvn\":%u},", (unsigned)pce_svn);
    put_status(j, l);
    put(j, "}");
}

/* The level of the platform, and one that it does not reach. */
static void
put_platform_levels(struct json *j, const struct dcap_setup *s)
{
    const bool none = (s->defects & DCAP_SIM_NO_LEVEL) != 0;
    uint8_t better[DCAP_COMPONENTS];
    uint64_t pce_svn = s->pce_svn;

    memcpy(better, s->component, sizeof(better));
    if (better[0] < 255)
        better[0]++;
    else
        pce_svn++;
    put(j, "\"tcbLevels\":[");
    if (none || !is_newest(&s->platform))
        put_level(j, s, better, pce_svn, &newest);
    if (!none) {
        put(j, "%s", is_newest(&s->platform) ? "" : ",");
        put_level(j, s, s->component, s->pce_svn, &s->platform);
    }
    put(j, "]");
}

/* ---- modules of TDX ---- */

static void
put_module_identity(struct json *j)
{
    static const uint8_t zero[48];

    put_hex(j, "mrsigner", BYTES_ARR(zero));
    put_hex(j, "attributes", BYTES(zero, 8));
    put(j, "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"");
}

static void
put_modules(struct json *j, const struct dcap_setup *s)
{
    unsigned number = s->tee_tcb_svn[1];

    if (s->defects & DCAP_SIM_UNKNOWN_MODULE)
        number ^= 0x80;
    put(j, "\"tdxModule\":{");
    put_module_identity(j);
    put(j, "},");
    if (number == 0)
        return;
    put(j, "\"tdxModuleIdentities\":[{\"id\":\"TDX_%02X\",", number);
    put_module_identity(j);
    put(j, ",");
    put_svn_levels(j, &s->module, s->tee_tcb_svn[0]);
    put(j, "}],");
}

/* ---- the objects ---- */

static int64_t
issue_of(const struct dcap_setup *s, int64_t now_s)
{
    return s->issue_s != 0 ? s->issue_s : now_s - DAY;
}

static int64_t
next_of(const struct dcap_setup *s, int64_t now_s)
{
    return s->next_s != 0 ? s->next_s : now_s + 29 * DAY;
}

static const char *
tcb_info(const struct dcap_setup *s, int64_t now_s, struct arena *arena)
{
    struct json j = { arena, "{" };
    int64_t issue = issue_of(s, now_s), next = next_of(s, now_s);
    uint8_t fmspc[DCAP_FMSPC], pceid[2];

    memcpy(fmspc, s->fmspc, sizeof(fmspc));
    memcpy(pceid, s->pceid, sizeof(pceid));
    if (s->defects & DCAP_SIM_OTHER_FMSPC)
        fmspc[0] ^= 0x80;
    if (s->defects & DCAP_SIM_OTHER_PCEID)
        pceid[1] ^= 0x01;
    if (s->defects & DCAP_SIM_STALE_TCB_INFO)
        next = now_s - HOUR;
    if (s->defects & DCAP_SIM_FUTURE_TCB_INFO)
        issue = now_s + DAY;
    if (s->tcb_version != 2)
        put(&j, "\"id\":\"%s\",", s->tee == DCAP_TDX ? "TDX" : "SGX");
    put(&j, "\"version\":%u,", (unsigned)s->tcb_version);
    put_time(&j, "issueDate", issue);
    put_time(&j, "nextUpdate", next);
    put_hex(&j, "fmspc", BYTES_ARR(fmspc));
    put_hex(&j, "pceId", BYTES_ARR(pceid));
    if (s->defects & SIM_DUPLICATE_KEY)
        put_hex(&j, "pceId", BYTES_ARR(pceid));
    put(&j, "\"tcbType\":0,\"tcbEvaluationDataNumber\":%u,", (unsigned)s->evaluation);
    if (s->tee == DCAP_TDX)
        put_modules(&j, s);
    put_platform_levels(&j, s);
    put(&j, "}");
    return j.text;
}

static const char *
identity(const struct dcap_setup *s, int64_t now_s, struct arena *arena)
{
    const bool tdx = s->tee == DCAP_TDX;
    struct json j = { arena, "{" };

    put(&j, "\"id\":\"%s\",\"version\":2,", tdx ? "TD_QE" : "QE");
    put_time(&j, "issueDate", issue_of(s, now_s));
    put_time(&j, "nextUpdate",
        s->defects & DCAP_SIM_STALE_QE_IDENTITY ? now_s - HOUR : next_of(s, now_s));
    put(&j, "\"tcbEvaluationDataNumber\":%u,", (unsigned)s->qe_evaluation);
    put(&j, "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\",");
    put(&j, "\"attributes\":\"11000000000000000000000000000000\",");
    put(&j, "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",");
    put_hex(&j, "mrsigner", BYTES_ARR(dcap_sim_qe_signer));
    put(&j, "\"isvprodid\":%d,", tdx ? 2 : 1);
    put_svn_levels(&j, &s->qe, s->qe_svn);
    put(&j, "}");
    return j.text;
}

/* {"<member>":<object>,"signature":"<r || s>"} */
static enum selfsame_code
sign(const char *member, const char *object, const struct key *key,
    const struct dcap_setup *s, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct selfsame_bytes rs;
    const char *space = s->defects & DCAP_SIM_EDITED_JSON ? " " : "";
    char hex[129];

    if (object == NULL || !hash_bytes(HASH_SHA256, bytes_str(object), digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(key_sign(key, HASH_SHA256, BYTES(digest, 32), arena, &rs, e));
    hex_encode(rs, hex);
    if (s->defects & DCAP_SIM_BAD_TCB_SIGNATURE)
        hex[0] = hex[0] == '0' ? '1' : '0';
    const char *whole = arena_printf(
        arena, "{\"%s\":{%s%s,\"signature\":\"%s\"}", member, space, object + 1, hex);
    if (whole == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret = bytes_str(whole);
    return SELFSAME_OK;
}

/* With the collateral of the other TEE everything else stays as it is. */
static struct dcap_setup
asked_for(const struct dcap_setup *s)
{
    struct dcap_setup ret = *s;

    if (s->defects & DCAP_SIM_OTHER_TEE) {
        ret.tee = s->tee == DCAP_TDX ? DCAP_SGX : DCAP_TDX;
        ret.tcb_version = 3;
    }
    return ret;
}

enum selfsame_code
dcap_sim_tcb_info(const struct sim_pki *p, const struct dcap_setup *s, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct dcap_setup asked = asked_for(s);
    const bool leaf = (s->defects & DCAP_SIM_LEAF_AS_SIGNER) != 0;

    return sign("tcbInfo", tcb_info(&asked, now_s, arena),
        p->key[leaf ? DCAP_SIM_PCK : DCAP_SIM_SIGNING], &asked, arena, ret, e);
}

/* What is wrong with the TCB info's signature is right with this one. */
enum selfsame_code
dcap_sim_identity(const struct sim_pki *p, const struct dcap_setup *s, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct dcap_setup asked = asked_for(s);

    asked.defects &= ~(DCAP_SIM_EDITED_JSON | DCAP_SIM_BAD_TCB_SIGNATURE);
    return sign("enclaveIdentity", identity(&asked, now_s, arena),
        p->key[DCAP_SIM_SIGNING], &asked, arena, ret, e);
}
