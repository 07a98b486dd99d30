/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says in the words of policies, and which of it a policy may rule. */
#include "tee/snp/snp.h"

#include <assert.h>

/* The digest itself, or an author and what that author calls the image (id_block.h). */
const char *const snp_pins[] = { "measurement", PINS_OR, "id_key_digest", "family_id",
    "image_id", PINS_OR, "author_key_digest", "family_id", "image_id", NULL };

struct list {
    struct claim *at;
    size_t count;
};
enum { CLAIMS = 80 };

static void
add_bytes(struct list *l, const char *path, struct selfsame_bytes b)
{
    l->at[l->count++] = (struct claim){
        .path = path, .kind = b.ptr != NULL ? CLAIM_BYTES : CLAIM_NULL, .bytes = b
    };
}

static void
add_text(struct list *l, const char *path, struct selfsame_bytes b)
{
    l->at[l->count++] = (struct claim){
        .path = path, .kind = b.ptr != NULL ? CLAIM_TEXT : CLAIM_NULL, .bytes = b
    };
}

static void
add_uint(struct list *l, const char *path, uint64_t n)
{
    l->at[l->count++] = (struct claim){ .path = path, .kind = CLAIM_UINT, .number = n };
}

struct bit {
    const char *path;
    unsigned at;
};
static const struct bit policy_bits[] = {
    { "policy.smt", SNP_POLICY_SMT },
    { "policy.migrate_ma", SNP_POLICY_MIGRATE_MA },
    { "policy.debug", SNP_POLICY_DEBUG },
    { "policy.single_socket", SNP_POLICY_SINGLE_SOCKET },
    { "policy.cxl", SNP_POLICY_CXL },
    { "policy.mem_aes_256_xts", SNP_POLICY_MEM_AES_256_XTS },
    { "policy.rapl_dis", SNP_POLICY_RAPL_DIS },
    { "policy.ciphertext_hiding", SNP_POLICY_CIPHERTEXT_HIDING },
    { "policy.page_swap_disable", SNP_POLICY_PAGE_SWAP_DISABLE },
};
static const struct bit platform_bits[] = {
    { "platform.smt", SNP_PLATFORM_SMT },
    { "platform.tsme", SNP_PLATFORM_TSME },
    { "platform.ecc", SNP_PLATFORM_ECC },
    { "platform.rapl_dis", SNP_PLATFORM_RAPL_DIS },
    { "platform.ciphertext_hiding", SNP_PLATFORM_CIPHERTEXT_HIDING },
    { "platform.alias_check", SNP_PLATFORM_ALIAS_CHECK },
    { "platform.tio", SNP_PLATFORM_TIO },
};

static void
add_bits(struct list *l, const struct bit *bits, size_t count, uint64_t from)
{
    for (size_t i = 0; i < count; i++)
        l->at[l->count++] = (struct claim){
            .path = bits[i].path, .kind = CLAIM_BOOL, .number = from >> bits[i].at & 1
        };
}

/* "tcb.reported.fmc" … in the order of `levels` and of struct snp_tcb. */
#define LEVEL(name)                                                        \
    {                                                                      \
        "tcb." name ".fmc", "tcb." name ".bootloader", "tcb." name ".tee", \
            "tcb." name ".snp", "tcb." name ".microcode"                   \
    }
static const char *const tcb_paths[4][5] = { LEVEL("reported"), LEVEL("committed"),
    LEVEL("current"), LEVEL("launch") };

/* Of an unknown product the bytes cannot be told apart, so nothing is said. */
static void
add_tcbs(struct list *l, const struct snp_report *r, enum snp_product p)
{
    const uint64_t levels[4] = { r->reported_tcb, r->committed_tcb, r->current_tcb,
        r->launch_tcb };

    for (size_t i = 0; i < COUNT(levels) && p != SNP_UNKNOWN; i++) {
        struct snp_tcb t = snp_tcb_of(levels[i], p);
        const uint8_t part[5] = { t.fmc, t.bootloader, t.tee, t.snp, t.microcode };

        for (size_t k = p == SNP_TURIN ? 0 : 1; k < COUNT(part); k++)
            add_uint(l, tcb_paths[i][k], part[k]);
    }
}

static void
add_firmware(struct list *l, const struct snp_report *r)
{
    static const char *const paths[2][3] = {
        { "firmware.current.major", "firmware.current.minor",
            "firmware.current.build" },
        { "firmware.committed.major", "firmware.committed.minor",
            "firmware.committed.build" },
    };

    for (size_t i = 0; i < 3; i++) {
        add_uint(l, paths[0][i], r->current_version[i]);
        add_uint(l, paths[1][i], r->committed_version[i]);
    }
}

static void
add_identity(struct list *l, const struct snp_report *r)
{
    add_bytes(l, "family_id", r->family_id);
    add_bytes(l, "image_id", r->image_id);
    add_uint(l, "vmpl", r->vmpl);
    add_bytes(l, "measurement", r->measurement);
    add_bytes(l, "host_data", r->host_data);
    add_bytes(l, "id_key_digest", r->id_key_digest);
    add_bytes(l, "author_key_digest", r->author_key_digest);
    add_bytes(l, "report_id", r->report_id);
    add_bytes(l, "report_id_ma", r->report_id_ma);
    add_bytes(l, "report_data", r->report_data);
    add_bytes(l, "chip_id", r->chip_id);
}

enum selfsame_code
snp_claims(const struct snp_report *r, enum snp_product product,
    const struct snp_cert_claims *leaf, struct arena *arena,
    struct selfsame_claims *ret, struct selfsame_err *e)
{
    struct list l = { .at = ARENA_NEW(arena, struct claim, CLAIMS) };

    if (l.at == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the claims");
    add_uint(&l, "version", r->version);
    add_text(&l, "product",
        product != SNP_UNKNOWN ? bytes_str(snp_product_name(product)) : BYTES_NONE);
    add_text(&l, "signer",
        bytes_str(r->signer == SNP_VLEK   ? "VLEK"
                  : r->signer == SNP_VCEK ? "VCEK"
                                          : "none"));
    add_text(&l, "csp_id", leaf->csp_id);
    add_uint(&l, "guest_svn", r->guest_svn);
    add_uint(&l, "policy.abi_minor", r->policy & 0xff);
    add_uint(&l, "policy.abi_major", r->policy >> 8 & 0xff);
    add_bits(&l, policy_bits, COUNT(policy_bits), r->policy);
    add_bits(&l, platform_bits, COUNT(platform_bits), r->platform_info);
    add_identity(&l, r);
    add_tcbs(&l, r, product);
    add_firmware(&l, r);
    if (r->version >= 5) {
        add_uint(&l, "mit_vector.launch", r->launch_mit);
        add_uint(&l, "mit_vector.current", r->current_mit);
    }
    assert(l.count <= CLAIMS);
    *ret = (struct selfsame_claims){
        .tee = "snp",
        .simulated = bytes_has_prefix(r->family_id, BYTES_LIT(SNP_SIMULATED)) ||
                     bytes_has_prefix(r->image_id, BYTES_LIT(SNP_SIMULATED)),
        .debug = r->policy >> SNP_POLICY_DEBUG & 1,
        .report_data = r->report_data,
        .pins = snp_pins,
        .list = l.at,
        .count = l.count,
    };
    return SELFSAME_OK;
}

/* ---- options of a policy ---- */

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define TCB(part)                                                           \
    PATHS("tcb.reported." part, "tcb.committed." part, "tcb.current." part, \
        "tcb.launch." part)
#define MIN_TCB(prefix, part, line)                                              \
    {                                                                            \
        .option = "min_tcb." prefix part, .kind = RULE_MIN, .check = CHECK_TCB,  \
        .code = SELFSAME_TCB, .paths = TCB(part), .when = "product", .is = line, \
        .help = "reported, committed, current and launch TCB at least"           \
    }
#define MIN_TCB_OF(prefix, line)                                       \
    MIN_TCB(prefix, "bootloader", line), MIN_TCB(prefix, "tee", line), \
        MIN_TCB(prefix, "snp", line), MIN_TCB(prefix, "microcode", line)
#define RULE(name, what, path, sentence)                                              \
    {                                                                                 \
        .option = name, .kind = what, .check = CHECK_POLICY, .code = SELFSAME_DENIED, \
        .paths = PATHS(path), .help = sentence                                        \
    }
#define RULE_DEFAULT(name, what, path, number, sentence)                              \
    {                                                                                 \
        .option = name, .kind = what, .check = CHECK_POLICY, .code = SELFSAME_DENIED, \
        .paths = PATHS(path), .has_default = true, .value = number, .help = sentence  \
    }

const struct tee_rule snp_rules[] = {
    MIN_TCB_OF("", NULL),
    MIN_TCB("", "fmc", "Turin"),
    MIN_TCB_OF("milan.", "Milan"),
    MIN_TCB_OF("genoa.", "Genoa"),
    MIN_TCB_OF("turin.", "Turin"),
    MIN_TCB("turin.", "fmc", "Turin"),
    RULE_DEFAULT("vmpl", RULE_ONE_OF_UINT, "vmpl", 0, "privilege level of who asked"),
    RULE("products", RULE_ONE_OF_TEXT, "product", "processor line"),
    RULE("signers", RULE_ONE_OF_TEXT, "signer", "signed by a key of this kind"),
    RULE("csp_ids", RULE_ONE_OF_TEXT, "csp_id", "signed by a VLEK of this provider"),
    RULE_DEFAULT("guest_policy.smt", RULE_ALLOW, "policy.smt", 1, "SMT may be on"),
    RULE_DEFAULT("guest_policy.migrate_ma", RULE_ALLOW, "policy.migrate_ma", 0,
        "a migration agent may move it"),
    RULE_DEFAULT("guest_policy.cxl", RULE_ALLOW, "policy.cxl", 0,
        "CXL devices may hold its memory"),
    RULE("guest_policy.single_socket", RULE_REQUIRE, "policy.single_socket",
        "on one socket only"),
    RULE("guest_policy.mem_aes_256_xts", RULE_REQUIRE, "policy.mem_aes_256_xts",
        "memory encrypted with AES-256-XTS"),
    RULE("guest_policy.rapl_dis", RULE_REQUIRE, "policy.rapl_dis",
        "power metering (RAPL) off"),
    RULE("guest_policy.ciphertext_hiding", RULE_REQUIRE, "policy.ciphertext_hiding",
        "ciphertext hidden from the host"),
    RULE("guest_policy.page_swap_disable", RULE_REQUIRE, "policy.page_swap_disable",
        "no page swapping by the host"),
    RULE_DEFAULT("platform.smt", RULE_ALLOW, "platform.smt", 1, "SMT may be on"),
    RULE("platform.tsme", RULE_REQUIRE, "platform.tsme", "all memory encrypted (TSME)"),
    RULE("platform.ecc", RULE_REQUIRE, "platform.ecc", "memory with ECC"),
    RULE("platform.rapl_dis", RULE_REQUIRE, "platform.rapl_dis", "RAPL off"),
    RULE("platform.ciphertext_hiding", RULE_REQUIRE, "platform.ciphertext_hiding",
        "ciphertext hidden from the host"),
    RULE("platform.alias_check", RULE_REQUIRE, "platform.alias_check",
        "memory aliases were looked for (AMD-SB-3015)"),
    RULE("platform.tio", RULE_REQUIRE, "platform.tio", "trusted I/O on"),
    RULE("chip_ids", RULE_ONE_OF_HEX, "chip_id", "one of these chips"),
    RULE("id_key_digests", RULE_ONE_OF_HEX, "id_key_digest",
        "launched with this ID key"),
    RULE("author_key_digests", RULE_ONE_OF_HEX, "author_key_digest",
        "ID key certified by this author key"),
    RULE("host_data", RULE_ONE_OF_HEX, "host_data",
        "what the host put in at launch; it proves nothing about the host"),
    RULE("family_id", RULE_ONE_OF_HEX, "family_id", "family id of the ID block"),
    RULE("image_id", RULE_ONE_OF_HEX, "image_id", "image id of the ID block"),
    RULE("min_guest_svn", RULE_MIN, "guest_svn", "security version of the guest"),
};
