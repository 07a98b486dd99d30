/* SPDX-License-Identifier: Apache-2.0 */
/* What a quote says in the words of policies, and which of it a policy may rule. */
#include "tee/tdx/event_claims.h"

/*
 * The firmware, and what it started: the register, or the events that an event log
 * shows to be in it. RTMR0 depends on the shape of the machine, RTMR3 is the guest's own.
 */
const char *const tdx_pins[] = { "mrtd", "rtmr.1", "rtmr.2", PINS_OR, "mrtd",
    "events.1", "rtmr.2", PINS_OR, "mrtd", "rtmr.1", "events.2", PINS_OR, "mrtd",
    "events.1", "events.2", NULL };
/* A kernel that measures nothing, and td-shim, leave RTMR2 alone; programs RTMR3. */
const char *const tdx_zeros[] = { "rtmr.2", "rtmr.3", NULL };
const struct tee_advice tdx_advice[] = {
    { .paths = DCAP_PATHS("rtmr.0", "events.0"),
        .text = "a measurement of tdx leaves rtmr.0 open: Secure Boot's variables, the "
                "boot order and the ACPI tables that the host gave are not looked at" },
};

static const struct dcap_bit bits[] = {
    { "td_attribute_bits.debug", TDX_DEBUG },
    { "td_attribute_bits.hgs_plus_prof", TDX_HGS_PLUS_PROF },
    { "td_attribute_bits.perf_prof", TDX_PERF_PROF },
    { "td_attribute_bits.pmt_prof", TDX_PMT_PROF },
    { "td_attribute_bits.icssd", TDX_ICSSD },
    { "td_attribute_bits.lass", TDX_LASS },
    { "td_attribute_bits.sept_ve_disable", TDX_SEPT_VE_DISABLE },
    { "td_attribute_bits.migratable", TDX_MIGRATABLE },
    { "td_attribute_bits.pks", TDX_PKS },
    { "td_attribute_bits.kl", TDX_KL },
    { "td_attribute_bits.tpa", TDX_TPA },
    { "td_attribute_bits.perfmon", TDX_PERFMON },
};
enum { OWN = 24 + COUNT(bits) };

static void
add_registers(struct dcap_claims *l, const struct tdx_body *x)
{
    static const char *const paths[TDX_RTMRS] = { "rtmr.0", "rtmr.1", "rtmr.2",
        "rtmr.3" };

    dcap_add_bytes(l, "mrtd", x->mrtd);
    for (size_t i = 0; i < TDX_RTMRS; i++) {
        dcap_add_bytes(l, paths[i], x->rtmr[i]);
        l->at[l->count - 1].shape = CLAIM_INDEXED;
    }
}

static void
add_body(struct dcap_claims *l, const struct tdx_body *x)
{
    add_registers(l, x);
    dcap_add_bytes(l, "mr_config_id", x->mr_config_id);
    dcap_add_bytes(l, "mr_owner", x->mr_owner);
    dcap_add_bytes(l, "mr_owner_config", x->mr_owner_config);
    dcap_add_bytes(l, "mr_seam", x->mr_seam);
    dcap_add_bytes(l, "mr_signer_seam", x->mr_signer_seam);
    dcap_add_bytes(l, "seam_attributes", x->seam_attributes);
    dcap_add_bytes(l, "td_attributes", x->td_attributes);
    dcap_add_bits(l, bits, COUNT(bits), x->attributes);
    dcap_add_bytes(l, "xfam", x->xfam);
    dcap_add_bytes(l, "tee_tcb_svn", x->tee_tcb_svn);
    if (x->tee_tcb_svn2.ptr != NULL) {
        dcap_add_bytes(l, "tee_tcb_svn2", x->tee_tcb_svn2);
        dcap_add_bytes(l, "mr_service_td", x->mr_service_td);
    }
    dcap_add_bytes(l, "report_data", x->report_data);
}

enum selfsame_code
tdx_claims(const struct dcap_found *f, int64_t now_s, struct arena *arena,
    struct selfsame_claims *ret, struct selfsame_err *e)
{
    struct tdx_body x;
    struct tdx_event_claims events;
    struct dcap_claims l;

    TRY(tdx_body_check(&f->quote, &x, e));
    TRY(tdx_event_claims(f->log, x.rtmr, arena, &events, e));
    TRY(dcap_claims_new(f, OWN + events.count, arena, &l, e));
    add_body(&l, &x);
    TRY(dcap_add_found(&l, f, now_s, arena, e));
    dcap_add_text(&l, "td_kind", x.tee_tcb_svn2.ptr != NULL ? "1.5" : "1.0");
    for (size_t i = 0; i < events.count; i++)
        l.at[l.count++] = events.list[i];
    *ret = (struct selfsame_claims){
        .tee = "tdx",
        .authentic = f->authentic,
        .simulated = f->simulated,
        .debug = (x.attributes >> TDX_DEBUG & 1) != 0 || bytes_is_zero(x.mrtd),
        .report_data = x.report_data,
        .pins = tdx_pins,
        .list = l.at,
        .count = l.count,
        .chain = f->chain,
        .chain_count = f->chain_count,
    };
    return SELFSAME_OK;
}

/* ---- options of a policy ---- */

/* What Intel's modules offer so far: bits of 0x6DBE7. */
static const uint8_t xfam_known[] = { 0xe7, 0xdb, 0x06, 0, 0, 0, 0, 0 };

#define ATTRIBUTE(name, what, number, sentence) \
    DCAP_RULE_DEFAULT(                          \
        "td_attributes." name, what, "td_attribute_bits." name, number, sentence)

const struct tee_rule tdx_rules[] = {
    DCAP_RULES,
    { .option = "accept_relaunch_advised",
        .kind = RULE_EXCUSE_TRUE,
        .check = CHECK_TCB,
        .code = SELFSAME_TCB,
        .paths = DCAP_PATHS("relaunch_advised"),
        .excuses = "tcb_status",
        .help = "out of date only by the module it was launched with, while the one "
                "that runs is of the newest level" },
    ATTRIBUTE("hgs_plus_prof", RULE_ALLOW, 0, "it may be profiled (HGS+)"),
    ATTRIBUTE("perf_prof", RULE_ALLOW, 0, "it may be profiled by the host"),
    ATTRIBUTE("pmt_prof", RULE_ALLOW, 0, "it may be profiled (PMT)"),
    ATTRIBUTE("icssd", RULE_ALLOW, 0,
        "its cores may do without side-channel "
        "defences (ICSSD)"),
    ATTRIBUTE("lass", RULE_ALLOW, 1, "linear address space separation may be on"),
    ATTRIBUTE("sept_ve_disable", RULE_REQUIRE, 1,
        "the host cannot inject #VE by its page tables; off below a paravisor"),
    ATTRIBUTE("migratable", RULE_ALLOW, 0, "a migration TD may move it"),
    ATTRIBUTE("pks", RULE_ALLOW, 1, "supervisor protection keys may be on"),
    ATTRIBUTE("kl", RULE_ALLOW, 1, "key locker may be on"),
    ATTRIBUTE("tpa", RULE_ALLOW, 0, "bit 62 (TPA) may be set"),
    ATTRIBUTE("perfmon", RULE_ALLOW, 0, "it may use performance monitoring"),
    DCAP_RULE("xfam", RULE_ONE_OF_HEX, "xfam", "exactly these extended features"),
    { .option = "xfam_mask",
        .kind = RULE_WITHIN_HEX,
        .check = CHECK_POLICY,
        .code = SELFSAME_DENIED,
        .paths = DCAP_PATHS("xfam"),
        .has_default = true,
        .hex = { xfam_known, sizeof(xfam_known) },
        .help = "no other extended features than these" },
    DCAP_RULE("mr_seam", RULE_ONE_OF_HEX, "mr_seam", "one of these TDX modules"),
    DCAP_RULE_ZERO("mr_signer_seam", "mr_signer_seam",
        "who signed the TDX module; zero for Intel"),
    DCAP_RULE_ZERO("seam_attributes", "seam_attributes",
        "attributes of the TDX module; zero for those in production"),
    DCAP_RULE_HEX("mr_config_id", "mr_config_id",
        "what the host put in at launch; the guest must compare it itself"),
    DCAP_RULE_HEX(
        "mr_owner", "mr_owner", "what the host put in at launch; it proves no owner"),
    DCAP_RULE_HEX("mr_owner_config", "mr_owner_config",
        "what the host put in at launch; it proves no owner"),
    { .option = "mr_service_td",
        .kind = RULE_ONE_OF_HEX,
        .check = CHECK_POLICY,
        .code = SELFSAME_DENIED,
        .paths = DCAP_PATHS("mr_service_td"),
        .zero_ok = true,
        .has_default = true,
        .help = "service TDs bound to it; zero for none" },
    { .option = "min_tee_tcb_svn",
        .kind = RULE_MIN_HEX,
        .check = CHECK_TCB,
        .code = SELFSAME_TCB,
        .paths = DCAP_PATHS("tee_tcb_svn"),
        .help = "TEE_TCB_SVN, each of its 16 bytes at least" },
    DCAP_RULE("secure_boot", RULE_REQUIRE, "boot.secure_boot",
        "Secure Boot is on, as an event log that replays to RTMR0 proves"),
    DCAP_RULE("td_kinds", RULE_ONE_OF_TEXT, "td_kind", "\"1.0\" or \"1.5\""),
};
