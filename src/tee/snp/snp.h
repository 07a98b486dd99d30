/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SNP_H
#define SELFSAME_SNP_H

#include "crypto/crl.h"
#include "tee/shared/bundle.h"
#include "tee/tee.h"

/*
 * AMD SEV-SNP. Formats: AMD 56860 (SEV-SNP firmware ABI) §7.3 and table 23 (the
 * report), 57230 (certificates, KDS), as google/go-sev-guest and virtee/sev read
 * them; README.md here. Integers are little-endian.
 */
enum {
    SNP_REPORT_SIZE = 1184,
    SNP_SIGNED_SIZE = 0x2A0, /* what the signature covers */
    SNP_SIG_HALF = 72,       /* r and s: 48 significant bytes, little-endian */
    SNP_DIGEST_SIZE = 48,
    SNP_CHIP_ID_SIZE = 64,
    SNP_CHIP_ID_TURIN = 8,
    SNP_CERTS_MAX = 0x4000, /* SEV_FW_BLOB_MAX_SIZE */
    SNP_KEY_SIZE = 0x404,   /* public keys in AMD's own format */
    SNP_ID_BLOCK_SIZE = 96,
    SNP_ID_AUTH_SIZE = 4096,
    SNP_ARK_MILAN = 1639, /* bytes of the pinned roots */
    SNP_ARK_GENOA = 1639,
    SNP_ARK_TURIN = 1639,
    SNP_ARK_SIMULATED = 1497,
};

/* Product lines, as the names of certificates say. */
enum snp_product { SNP_UNKNOWN = 0, SNP_MILAN, SNP_GENOA, SNP_TURIN };
const char *snp_product_name(enum snp_product p); /* "Milan" */
/* From the CPUID of a report of version 3 and later; SNP_UNKNOWN for another family or model. */
enum snp_product snp_product_of_cpuid(uint8_t family, uint8_t model);

/* A TCB_VERSION, its components by name; fmc is Turin's alone. */
struct snp_tcb {
    uint8_t fmc, bootloader, tee, snp, microcode;
};
enum snp_policy_bit { /* POLICY */
    SNP_POLICY_SMT = 16,
    SNP_POLICY_ONE = 17, /* reserved, always 1 */
    SNP_POLICY_MIGRATE_MA = 18,
    SNP_POLICY_DEBUG = 19,
    SNP_POLICY_SINGLE_SOCKET = 20,
    SNP_POLICY_CXL = 21,
    SNP_POLICY_MEM_AES_256_XTS = 22,
    SNP_POLICY_RAPL_DIS = 23,
    SNP_POLICY_CIPHERTEXT_HIDING = 24,
    SNP_POLICY_PAGE_SWAP_DISABLE = 25,
};
enum snp_platform_bit { /* PLATFORM_INFO */
    SNP_PLATFORM_SMT = 0,
    SNP_PLATFORM_TSME = 1,
    SNP_PLATFORM_ECC = 2,
    SNP_PLATFORM_RAPL_DIS = 3,
    SNP_PLATFORM_CIPHERTEXT_HIDING = 4,
    SNP_PLATFORM_ALIAS_CHECK = 5,
    SNP_PLATFORM_TIO = 7,
};
enum snp_signer { SNP_VCEK = 0, SNP_VLEK = 1, SNP_UNSIGNED = 7 };

/* A report as its bytes say; nothing is believed. Views into the input. */
struct snp_report {
    struct selfsame_bytes raw; /* all 1184 bytes */
    uint32_t version, guest_svn, vmpl, signature_algo;
    uint64_t policy, platform_info;
    bool author_key_en, mask_chip_key;
    enum snp_signer signer;
    struct selfsame_bytes family_id, image_id, report_data, measurement, host_data,
        id_key_digest, author_key_digest, report_id, report_id_ma, chip_id;
    uint64_t current_tcb, reported_tcb, committed_tcb, launch_tcb; /* snp_tcb_of */
    uint8_t cpuid_family, cpuid_model, cpuid_stepping; /* 0 before version 3 */
    uint8_t current_version[3], committed_version[3];  /* major, minor, build */
    uint64_t launch_mit, current_mit;                  /* 0 before version 5 */
};

/* parse.c: MALFORMED, or UNSUPPORTED for what is well formed and refused. */
MUST enum selfsame_code snp_parse(
    struct selfsame_bytes in, struct snp_report *ret, struct selfsame_err *e);
bool snp_recognise(struct selfsame_bytes in);
struct snp_tcb snp_tcb_of(uint64_t raw, enum snp_product p);
uint64_t snp_tcb_reserved(uint64_t raw, enum snp_product p); /* must be zero */
/* r || s, big-endian, 48 bytes each; MALFORMED where padding is not zero. */
MUST enum selfsame_code snp_signature(
    struct selfsame_bytes sig512, uint8_t ret[static 96], struct selfsame_err *e);

/*
 * certs.c: what came along with a report, sorted by what it is (shared/bundle.h):
 * certificate tables (the host's auxblob), DER and PEM of certificates and CRLs.
 */
enum snp_guid {
    SNP_GUID_VCEK,
    SNP_GUID_VLEK,
    SNP_GUID_ASK,
    SNP_GUID_ARK,
    SNP_GUID_CRL,
    SNP_GUIDS
};
extern const uint8_t snp_guids[SNP_GUIDS][16];
bool snp_table_recognise(struct selfsame_bytes in);
struct snp_table {
    struct selfsame_bytes blob;
    size_t at; /* of the next entry */
};
/* The next certificate or CRL of a table, DER or PEM; absent at its end. Unknown GUIDs are passed over. */
MUST enum selfsame_code snp_table_next(
    struct snp_table *t, struct selfsame_bytes *ret, struct selfsame_err *e);
/* NOMEM. */
MUST enum selfsame_code snp_bundle_add(struct tee_bundle *b, struct selfsame_bytes in,
    struct arena *arena, struct selfsame_err *e);

/* What the extensions of a VCEK or VLEK say (OIDs 1.3.6.1.4.1.3704.1.x). */
struct snp_cert_claims {
    enum snp_signer kind;     /* by its common name */
    enum snp_product product; /* by its issuer's name */
    struct snp_tcb tcb;
    struct selfsame_bytes hwid;   /* 64 or 8 bytes; absent in a VLEK */
    struct selfsame_bytes csp_id; /* VLEK alone */
};
MUST enum selfsame_code snp_cert_claims(
    const struct cert *c, struct snp_cert_claims *ret, struct selfsame_err *e);

/* claims.c: what a report says in the words of policies; `leaf` may be all zero. */
#define SNP_SIMULATED "SIMULATED" /* family_id and image_id of our simulator begin so */
enum { SNP_RULES = 44 };
extern const struct tee_rule snp_rules[SNP_RULES];
extern const char *const snp_pins[];
MUST enum selfsame_code snp_claims(const struct snp_report *r, enum snp_product product,
    const struct snp_cert_claims *leaf, struct arena *arena,
    struct selfsame_claims *ret, struct selfsame_err *e);

/* Product line of an ASK ("SEV-Milan") or ASVK ("SEV-VLEK-Milan"). */
enum snp_product snp_product_of_ca(struct selfsame_bytes cn, enum snp_signer kind);

/* roots/: one DER certificate per file. Of the intermediates nothing is believed. */
extern const uint8_t snp_ark_milan[SNP_ARK_MILAN], snp_ark_genoa[SNP_ARK_GENOA],
    snp_ark_turin[SNP_ARK_TURIN];
extern const struct selfsame_bytes snp_intermediates[6]; /* roots/intermediates.c */
enum { SNP_SIMULATED_ROOTS = 3 };                        /* Milan, Genoa, Turin */
extern const uint8_t snp_ark_simulated_milan[SNP_ARK_SIMULATED],
    snp_ark_simulated_genoa[SNP_ARK_SIMULATED],
    snp_ark_simulated_turin[SNP_ARK_SIMULATED];
extern const struct selfsame_bytes snp_roots_simulated[SNP_SIMULATED_ROOTS];

/* The roles. */
extern const struct tee_verifier snp_verifier;
extern const struct tee_measurer snp_measurer;
extern const struct tee_attester snp_attester;
extern const struct tee_launcher snp_launcher;

#endif
