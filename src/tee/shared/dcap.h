/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_H
#define SELFSAME_DCAP_H

#include "tee/shared/bundle.h"
#include "tee/tee.h"

/*
 * DCAP, the attestation of Intel SGX and TDX: what both quotes share. Formats:
 * Intel's SGX and TDX DCAP quote library (sgx_quote_3.h, _4.h, _5.h), SGX PCK
 * certificate profile, PCS API v4. Integers of quotes are little-endian.
 */
enum dcap_tee { DCAP_SGX = 0x00, DCAP_TDX = 0x81 }; /* tee_type of headers */
enum dcap_body { DCAP_BODY_SGX = 1, DCAP_BODY_TD10 = 2, DCAP_BODY_TD15 = 3 };
enum {
    DCAP_REPORT_SIZE = 384, /* SGX report body */
    DCAP_TD10_SIZE = 584,
    DCAP_TD15_SIZE = 648,
    DCAP_QUOTE_MAX = 1 << 20, /* with what a fixed buffer has behind it */
    DCAP_COMPONENTS = 16,
    DCAP_FMSPC = 6,
};

/* ---- dcap_quote.c: bytes → struct, nothing believed; views into the input ---- */

/* An SGX report body: of an enclave, and of the QE in every quote. */
struct dcap_report {
    struct selfsame_bytes raw; /* 384 bytes */
    struct selfsame_bytes cpu_svn, isv_ext_prod_id, mr_enclave, mr_signer, config_id,
        isv_family_id, report_data;
    uint32_t misc_select;
    uint8_t cet_attributes;
    uint64_t flags, xfrm; /* attributes */
    uint16_t isv_prod_id, isv_svn, config_svn;
};
enum dcap_flag { /* SGX attributes.flags */
    DCAP_FLAG_INIT = 1u << 0,
    DCAP_FLAG_DEBUG = 1u << 1,
    DCAP_FLAG_MODE64BIT = 1u << 2,
    DCAP_FLAG_PROVISION_KEY = 1u << 4,
    DCAP_FLAG_EINITTOKEN_KEY = 1u << 5,
    DCAP_FLAG_CET = 1u << 6,
    DCAP_FLAG_KSS = 1u << 7,
    DCAP_FLAG_AEX_NOTIFY = 1u << 10,
};
#define DCAP_FLAGS_KNOWN UINT64_C(0x4f7) /* the others are reserved */
/* Reserved bytes are zero, else MALFORMED; flags are looked at by who asks. */
MUST enum selfsame_code dcap_report_parse(
    struct selfsame_bytes raw384, struct dcap_report *ret, struct selfsame_err *e);

enum dcap_cert_type {
    DCAP_CERT_PCK_LEAF = 4,
    DCAP_CERT_PCK_CHAIN = 5,
    DCAP_CERT_QE_REPORT = 6,
};
struct dcap_quote {
    struct selfsame_bytes raw;     /* without the trailer */
    size_t trailer;                /* bytes behind, no part of it */
    struct selfsame_bytes signed_; /* what the attestation key signed */
    uint16_t version;              /* 3, 4, 5 */
    enum dcap_tee tee;
    enum dcap_body kind;
    struct selfsame_bytes body;
    struct selfsame_bytes user_data; /* 20 bytes of the header */
    struct selfsame_bytes signature; /* r || s */
    struct selfsame_bytes key;       /* x || y of the attestation key */
    struct dcap_report qe;
    struct selfsame_bytes qe_signature, qe_auth;
    uint16_t
        cert_type; /* as the quote says: 1–5; other than 5: the PCK is collateral */
    struct selfsame_bytes cert_data;
};
/*
 * MALFORMED; UNSUPPORTED for versions, key types, QE vendors, TEE types and kinds of
 * certification data that are refused. Trailing bytes are only counted.
 */
MUST enum selfsame_code dcap_quote_parse(
    struct selfsame_bytes in, struct dcap_quote *ret, struct selfsame_err *e);
bool dcap_quote_recognise(struct selfsame_bytes in, enum dcap_tee tee);

/* ---- dcap_pck.c: what the SGX extension of a PCK certificate says ---- */

enum dcap_ca { DCAP_CA_UNKNOWN = 0, DCAP_CA_PROCESSOR, DCAP_CA_PLATFORM };
const char *dcap_ca_word(enum dcap_ca ca); /* "processor", as PCS calls it */
struct dcap_pck {
    enum dcap_ca ca;               /* by its issuer's name */
    struct selfsame_bytes ppid;    /* 16 */
    struct selfsame_bytes cpu_svn; /* 16 */
    struct selfsame_bytes pceid;   /* 2, as in the certificate */
    struct selfsame_bytes fmspc;   /* 6 */
    uint8_t component[DCAP_COMPONENTS];
    uint16_t pce_svn;
    unsigned sgx_type;                 /* 0 standard, 1 scalable, 2 with integrity */
    struct selfsame_bytes instance_id; /* 16; Platform CA alone, else absent */
    bool has_configuration;            /* Platform CA alone: the next three */
    bool dynamic_platform, cached_keys, smt_enabled;
};
/* MALFORMED: duplicates, missing members, values out of range. */
MUST enum selfsame_code dcap_pck_parse(
    const struct cert *c, struct dcap_pck *ret, struct selfsame_err *e);

/* ---- dcap_tcb_info.c, dcap_identity.c: signed JSON; nothing believed either ---- */

/* Best first; the zero value is none. Unknown words count as REVOKED. */
enum dcap_status {
    DCAP_NO_STATUS = 0,
    DCAP_UP_TO_DATE,
    DCAP_SW_HARDENING_NEEDED,
    DCAP_CONFIGURATION_NEEDED,
    DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    DCAP_OUT_OF_DATE,
    DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED,
    DCAP_REVOKED,
};
const char *dcap_status_word(enum dcap_status s); /* "UpToDate" */
enum dcap_status dcap_status_of(struct selfsame_bytes word);

enum { DCAP_LEVELS_MAX = 128, DCAP_ADVISORIES_MAX = 64, DCAP_MODULES_MAX = 16 };
struct dcap_advisories {
    const struct selfsame_bytes *list; /* "INTEL-SA-00615" */
    size_t count;
};
struct dcap_level {
    uint8_t sgx[DCAP_COMPONENTS], tdx[DCAP_COMPONENTS]; /* of platforms */
    uint16_t svn;   /* pcesvn of platforms, isvsvn of enclaves and modules */
    int64_t date_s; /* tcbDate */
    enum dcap_status status;
    struct dcap_advisories advisories;
};
struct dcap_levels { /* best first, whatever order the JSON has */
    const struct dcap_level *list;
    size_t count;
};
/* What is signed: the very bytes of the inner object. */
struct dcap_signed {
    struct selfsame_bytes object; /* from { to } */
    uint8_t signature[64];        /* r || s */
};
struct dcap_identity {        /* of the QE, or of a TDX module */
    struct dcap_signed proof; /* QE alone */
    unsigned version;         /* 2 */
    enum dcap_tee tee;        /* "QE" or "TD_QE" */
    int64_t issue_s, next_update_s;
    uint32_t evaluation; /* tcbEvaluationDataNumber */
    uint32_t misc_select, misc_mask;
    uint8_t attributes[16], attributes_mask[16]; /* modules: the first 8 */
    struct selfsame_bytes mr_signer;             /* 32, modules 48 */
    uint16_t isv_prod_id;
    struct dcap_levels levels;
    uint8_t module; /* modules: the number in "TDX_01" */
};
struct dcap_tcb_info {
    struct dcap_signed proof;
    unsigned version; /* 3; 2 for SGX */
    enum dcap_tee tee;
    int64_t issue_s, next_update_s;
    uint8_t fmspc[DCAP_FMSPC], pceid[2];
    uint32_t evaluation;
    struct dcap_levels levels;
    bool has_module; /* tdxModule */
    struct dcap_identity module;
    const struct dcap_identity *modules; /* tdxModuleIdentities */
    size_t module_count;
};
/* The whole answer of PCS, {"tcbInfo":…,"signature":…}. MALFORMED, UNSUPPORTED, NOMEM. */
MUST enum selfsame_code dcap_tcb_info_parse(struct selfsame_bytes json,
    struct arena *arena, struct dcap_tcb_info *ret, struct selfsame_err *e);
MUST enum selfsame_code dcap_identity_parse(struct selfsame_bytes json,
    struct arena *arena, struct dcap_identity *ret, struct selfsame_err *e);
/* By content, for sorting collateral; says nothing of validity. */
bool dcap_tcb_info_recognise(struct selfsame_bytes json);
bool dcap_identity_recognise(struct selfsame_bytes json);
/* BAD_SIGNATURE; `signer` is a verified TCB Signing certificate. */
MUST enum selfsame_code dcap_signed_verify(const struct dcap_signed *s,
    const struct cert *signer, struct cert_cache *cache, struct selfsame_err *e);

/* ---- dcap_level.c: which level a platform is at; pure arithmetic on parsed values ---- */

/* NULL: no level is matched. svn: tee_tcb_svn of a TD (16 bytes), absent for SGX. */
const struct dcap_level *dcap_platform_level(const struct dcap_tcb_info *info,
    const struct dcap_pck *pck, struct selfsame_bytes svn);
/* First level with svn at most `svn`; NULL: none. */
const struct dcap_level *dcap_svn_level(const struct dcap_levels *levels, uint16_t svn);
/* Which component is short, for people: of the best level, or of `want`. In the arena. */
const char *dcap_short_of(const struct dcap_level *want, const struct dcap_pck *pck,
    struct selfsame_bytes svn, struct arena *arena);
/*
 * The module of this TD: NULL where tee_tcb_svn says 0 and info.module is the one.
 * TCB: no such identity; MALFORMED.
 */
MUST enum selfsame_code dcap_module_of(const struct dcap_tcb_info *info,
    struct selfsame_bytes svn, const struct dcap_identity **ret,
    struct selfsame_err *e);
/* The QE's report against its identity, without its level. TCB says what differs. */
MUST enum selfsame_code dcap_identity_fits(const struct dcap_identity *id,
    const struct dcap_report *qe, struct selfsame_err *e);
/* Platform status, worsened by that of the QE or of the module. */
enum dcap_status dcap_status_merge(enum dcap_status platform, enum dcap_status other);
/* Union, each once, sorted. False: out of memory. */
MUST bool dcap_advisories_merge(const struct dcap_advisories *lists, size_t count,
    struct arena *arena, struct dcap_advisories *ret);

/* ---- dcap_bundle.c: collateral sorted by what it is; untrusted ---- */

/*
 * Signed JSON as PCS answers, certificates (PEM of one or many, DER; URL-encoded PEM
 * as PCS puts it into headers), CRLs (DER, PEM, hex as PCCS gives them), event logs.
 * Anything else is put aside: it must not refuse a chain that holds without it.
 */
enum { DCAP_BUNDLE_JSON = 64 };
struct dcap_bundle {       /* each piece once, in the arena */
    struct tee_bundle pki; /* and what was put aside */
    struct dcap_tcb_info *info;
    size_t info_count, info_room;
    struct dcap_identity *identity;
    size_t identity_count, identity_room;
    struct selfsame_bytes log; /* a CCEL event log, or absent */
};
/* NOMEM. */
MUST enum selfsame_code dcap_bundle_add(struct dcap_bundle *b,
    struct selfsame_bytes piece, struct arena *arena, struct selfsame_err *e);

/* Is that such a piece: JSON, a log, a text that stands for DER? Says nothing of DER. */
bool dcap_piece_recognise(struct selfsame_bytes piece);

/* ---- dcap_verify.c: parse, chain, revocation, signature, tcb of both TEEs ---- */

/* What verification found; statuses are DCAP_NO_STATUS where collateral is lacking. */
struct dcap_found {
    struct dcap_quote quote;
    bool has_pck;
    struct dcap_pck pck;
    enum dcap_status status; /* merged */
    enum dcap_status platform, qe, module;
    int64_t tcb_date_s;        /* the oldest of the levels */
    uint32_t evaluation;       /* the lower of TCB info and QE identity */
    int64_t earliest_expiry_s; /* of all collateral and certificates used; 0: unknown */
    struct dcap_advisories advisories;
    bool relaunch_advised;                /* TDX 1.5: out of date at launch alone */
    struct selfsame_bytes log;            /* the event log of the bundle, or absent */
    const struct dcap_tcb_info *info;     /* that held, or NULL */
    const struct dcap_identity *identity; /* that held, or NULL */
    bool simulated, authentic;
    const struct selfsame_bytes *chain; /* root first, for printing */
    size_t chain_count;
};
/* What the two TEEs do not share. */
struct dcap_kind {
    enum dcap_tee tee;
    const char *name; /* "SGX" */
    const char *spec; /* of its quotes */
    /* The body's own rules, before anything is believed: reserved bits. MALFORMED. */
    enum selfsame_code (*body)(const struct dcap_quote *q, struct selfsame_err *e);
};
/*
 * Writes the five checks; returns the class of the first that fails, or NOMEM without
 * checks. Classes:
 *   revocation data missing, stale or not verifying        REVOKED, at CHECK_REVOCATION
 *   signed by no quoting enclave of Intel's                BAD_SIGNATURE
 *   TCB info or QE identity missing, of another platform,
 *   not of this time, not verifying; no level is matched   TCB
 *   a level that Intel calls Revoked                       REVOKED, at CHECK_TCB, so
 *                                                          that no `any-tcb` takes it
 * Other levels pass here: which of them will do is the policy's to say.
 */
MUST enum selfsame_code dcap_verify(const struct dcap_kind *kind,
    struct selfsame_bytes evidence, const struct tee_trust *trust, struct arena *arena,
    struct checks *checks, struct dcap_found *ret, struct selfsame_err *e);
/*
 * tee_verifier.needs: "tcb-info", "qe-identity", "pck-crl", "root-crl" with PCS
 * addresses; "pck-cert" where the quote does not bring it, and PCS alone can tell the
 * rest then.
 */
MUST enum selfsame_code dcap_needs(enum dcap_tee tee, struct selfsame_bytes evidence,
    struct arena *arena, struct tee_need **ret, size_t *ret_count,
    struct selfsame_err *e);
/* The same of a platform without its quote: by FMSPC (6 bytes) and who issued its PCK. */
MUST enum selfsame_code dcap_needs_of(enum dcap_tee tee, struct selfsame_bytes fmspc,
    enum dcap_ca ca, struct arena *arena, struct tee_need **ret, size_t *ret_count,
    struct selfsame_err *e);

/* ---- dcap_forecast.c: how a kept quote fares with some collateral ---- */

enum dcap_lack_of {
    DCAP_LACK_SGX,
    DCAP_LACK_TDX,
    DCAP_LACK_PCE,
    DCAP_LACK_QE,
    DCAP_LACK_MODULE,
};
struct dcap_lack {
    enum dcap_lack_of what;
    size_t component;           /* of the first two, from 0 */
    struct selfsame_bytes name; /* "SEAMLDR ACM", as the TCB info says; or absent */
    unsigned has, needs;
};
struct dcap_standing {
    enum selfsame_code code; /* of verification, and why */
    struct selfsame_err err;
    struct dcap_found found;
    struct dcap_lack lack[2 * DCAP_COMPONENTS + 3]; /* of the best status there is */
    size_t lack_count;
};
/* MALFORMED, UNSUPPORTED: no quote of this TEE. What verification says is in *ret. */
MUST enum selfsame_code dcap_standing_of(enum dcap_tee tee,
    struct selfsame_bytes evidence, const struct tee_trust *trust, struct arena *arena,
    struct dcap_standing *ret, struct selfsame_err *e);
/* "SGX component 7 (SEAMLDR ACM)"; NULL without memory. */
const char *dcap_lack_text(const struct dcap_lack *l, struct arena *arena);

/* roots/: Intel's, and the simulator's. */
enum { DCAP_ROOT_INTEL = 659, DCAP_ROOT_SIMULATED = 503 };
extern const uint8_t dcap_root_intel_der[DCAP_ROOT_INTEL],
    dcap_root_simulated_der[DCAP_ROOT_SIMULATED];
extern const struct selfsame_bytes dcap_root_intel, dcap_root_simulated;

#endif
