/* SPDX-License-Identifier: Apache-2.0 */
/* What a quote says in the words of policies, and which of it a policy may rule. */
#include "tee/sgx/sgx.h"

/*
 * The enclave itself, or who signed it, which of that signer's products it is, and how
 * old it may be: without the two a signer stands for everything it has ever signed.
 */
const char *const sgx_pins[] = { "mrenclave", PINS_OR, "mrsigner", "isv_prod_id",
    "min_isv_svn", NULL };

static const struct dcap_bit bits[] = {
    { "attribute_bits.init", 0 },
    { "attribute_bits.debug", 1 },
    { "attribute_bits.mode64bit", 2 },
    { "attribute_bits.provision_key", 4 },
    { "attribute_bits.einittoken_key", 5 },
    { "attribute_bits.cet", 6 },
    { "attribute_bits.kss", 7 },
    { "attribute_bits.aex_notify", 10 },
};
enum { OWN = 16 + COUNT(bits) };

static void
add_report(struct dcap_claims *l, const struct dcap_report *r)
{
    dcap_add_bytes(l, "mrenclave", r->mr_enclave);
    dcap_add_bytes(l, "mrsigner", r->mr_signer);
    dcap_add_uint(l, "isv_prod_id", r->isv_prod_id);
    dcap_add_uint(l, "isv_svn", r->isv_svn);
    dcap_add_bytes(l, "attributes", BYTES(r->raw.ptr + 48, 16));
    dcap_add_bits(l, bits, COUNT(bits), r->flags);
    dcap_add_bytes(l, "xfrm", BYTES(r->raw.ptr + 56, 8));
    dcap_add_uint(l, "misc_select", r->misc_select);
    dcap_add_uint(l, "cet_attributes", r->cet_attributes);
    dcap_add_bytes(l, "cpu_svn", r->cpu_svn);
    dcap_add_bytes(l, "config_id", r->config_id);
    dcap_add_uint(l, "config_svn", r->config_svn);
    dcap_add_bytes(l, "isv_family_id", r->isv_family_id);
    dcap_add_bytes(l, "isv_ext_prod_id", r->isv_ext_prod_id);
    dcap_add_bytes(l, "report_data", r->report_data);
}

enum selfsame_code
sgx_claims(const struct dcap_found *f, int64_t now_s, struct arena *arena,
    struct selfsame_claims *ret, struct selfsame_err *e)
{
    struct dcap_report r;
    struct dcap_claims l;

    TRY(sgx_body_check(&f->quote, &r, e));
    TRY(dcap_claims_new(f, OWN, arena, &l, e));
    add_report(&l, &r);
    TRY(dcap_add_found(&l, f, now_s, arena, e));
    *ret = (struct selfsame_claims){
        .tee = "sgx",
        .authentic = f->authentic,
        .simulated = f->simulated,
        .debug = (r.flags & DCAP_FLAG_DEBUG) != 0 || bytes_is_zero(r.mr_enclave),
        .report_data = r.report_data,
        .pins = sgx_pins,
        .list = l.at,
        .count = l.count,
        .chain = f->chain,
        .chain_count = f->chain_count,
    };
    return SELFSAME_OK;
}

/* ---- options of a policy ---- */

/* x87, SSE, AVX, MPX, AVX-512, PKRU, CET, AMX */
static const uint8_t xfrm_known[] = { 0xff, 0x1a, 0x06, 0, 0, 0, 0, 0 };

const struct tee_rule sgx_rules[] = {
    DCAP_RULES,
    DCAP_RULE_DEFAULT("attributes.init", RULE_REQUIRE, "attribute_bits.init", 1,
        "the enclave was initialised"),
    DCAP_RULE("attributes.mode64bit", RULE_REQUIRE, "attribute_bits.mode64bit",
        "it runs in 64-bit mode"),
    DCAP_RULE_DEFAULT("attributes.provision_key", RULE_ALLOW,
        "attribute_bits.provision_key", 0, "it may have the provisioning key"),
    DCAP_RULE_DEFAULT("attributes.einittoken_key", RULE_ALLOW,
        "attribute_bits.einittoken_key", 0, "it may have the launch key"),
    DCAP_RULE("attributes.cet", RULE_REQUIRE, "attribute_bits.cet",
        "control-flow enforcement (CET) is on"),
    DCAP_RULE("attributes.aex_notify", RULE_REQUIRE, "attribute_bits.aex_notify",
        "it is told of interrupts (AEX-Notify)"),
    DCAP_RULE("attributes.kss", RULE_REQUIRE, "attribute_bits.kss",
        "key separation and sharing (KSS) is on"),
    DCAP_RULE("attributes_masked", RULE_MASKED_HEX, "attributes",
        "ATTRIBUTES, as value/mask of 16 bytes each"),
    { .option = "xfrm_mask",
        .kind = RULE_WITHIN_HEX,
        .check = CHECK_POLICY,
        .code = SELFSAME_DENIED,
        .paths = DCAP_PATHS("xfrm"),
        .has_default = true,
        .hex = { xfrm_known, sizeof(xfrm_known) },
        .help = "no other extended features than these" },
    DCAP_RULE("misc_select", RULE_ONE_OF_UINT, "misc_select", "MISCSELECT"),
    DCAP_RULE_HEX("config_id", "config_id",
        "what the host put in at load; the enclave must compare it itself"),
    DCAP_RULE("min_config_svn", RULE_MIN, "config_svn", "CONFIGSVN at least"),
    DCAP_RULE_HEX("isv_family_id", "isv_family_id", "ISVFAMILYID of the signer"),
    DCAP_RULE_HEX("isv_ext_prod_id", "isv_ext_prod_id", "ISVEXTPRODID of the signer"),
    DCAP_RULE("isv_prod_id", RULE_ONE_OF_UINT, "isv_prod_id", "product of the signer"),
    DCAP_RULE("min_isv_svn", RULE_MIN, "isv_svn", "security version of the enclave"),
};
