/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"
#include "tee/snp/simulate_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOUR = 3600, DAY = 24 * HOUR, YEAR = 365 * DAY };
static const int64_t root_begin = 1577836800; /* 2020-01-01T00:00:00Z */
static const int64_t root_end = 2524607999;   /* 2049-12-31T23:59:59Z */

/* Serial numbers as AMD counts them; those of VCEK and VLEK are all 0. */
static const uint8_t ark_serial[] = { 0x01, 0x00, 0x00 };
static const uint8_t ask_serial[] = { 0x01, 0x00, 0x01 };
static const uint8_t asvk_serial[] = { 0x01, 0x01, 0x01 };
static const uint8_t leaf_serial[] = { 0x00 };

/* ---- roots ---- */

static enum selfsame_code
make_root(enum snp_product line, const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    char name[32];
    const struct cert_request r = {
        .common_name = name,
        .organization = "selfsame",
        .unit = "SIMULATED - NOT HARDWARE",
        .country = "ZZ",
        .not_before = root_begin,
        .not_after = root_end,
        .ca = true,
        .path_len = -1,
        .serial = BYTES_ARR(ark_serial),
    };

    (void)snprintf(name, sizeof(name), "ARK-%s", snp_product_name(line));
    return cert_make(&r, key, BYTES_NONE, key, arena, ret, e);
}

enum selfsame_code
snp_sim_root_make(struct arena *arena, char **ret_pem, struct selfsame_err *e)
{
    auto_key *ark = NULL, *ask = NULL;
    char *ark_pem, *ask_pem, *all = arena_printf(arena, "%s", "");

    TRY(key_generate(KEY_RSA4096, &ark, e));
    TRY(key_generate(KEY_RSA4096, &ask, e));
    TRY(key_to_pem(ark, arena, &ark_pem, e));
    TRY(key_to_pem(ask, arena, &ask_pem, e));
    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++) {
        struct selfsame_bytes der;

        TRY(make_root(p, ark, arena, &der, e));
        const char *pem = pem_encode("CERTIFICATE", der, arena);
        all = pem != NULL && all != NULL ? arena_printf(arena, "%s%s", all, pem) : NULL;
    }
    *ret_pem = all != NULL ? arena_printf(arena, "%s%s%s", all, ark_pem, ask_pem)
                           : NULL;
    if (*ret_pem == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

/* ---- a machine ---- */

/* Where a private key of the text begins; NULL: nowhere. */
static const char *
find_key(const char *text)
{
    return text != NULL ? strstr(text, "-----BEGIN PRIVATE KEY-----") : NULL;
}

static enum selfsame_code
read_key(const char *pem, struct key **ret, struct selfsame_err *e)
{
    if (pem == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "the simulator's root: expected the keys of ARK and ASK, got fewer");
    TRY(key_from_pem(bytes_str(pem), ret, e));
    if (key_type_of(*ret) != KEY_RSA4096)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "the simulator's root: expected RSA-4096 keys, got another");
    return SELFSAME_OK;
}

static enum selfsame_code
read_roots(struct sim_pki *p, struct selfsame_bytes pem, struct selfsame_err *e)
{
    struct selfsame_bytes rest = pem;

    for (size_t i = 0; i < SNP_SIMULATED_ROOTS; i++) {
        TRY_WHILE(e, pem_next(&rest, "CERTIFICATE", &p->arena, &p->root[i], e),
            "the simulator's root");
        if (p->root[i].ptr == NULL)
            FAIL(e, SELFSAME_MALFORMED,
                "the simulator's root: expected certificates of %d ARKs, got %zu",
                (int)SNP_SIMULATED_ROOTS, i);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
fill(struct sim_pki *p, struct selfsame_bytes pem, struct selfsame_err *e)
{
    const char *ark = snp_sim_ark_key, *ask = snp_sim_ask_key;

    memcpy(p->root, snp_roots_simulated, sizeof(p->root));
    if (pem.ptr != NULL) {
        TRY(read_roots(p, pem, e));
        ark = find_key(arena_str(&p->arena, pem));
        ask = ark != NULL ? find_key(ark + 1) : NULL;
    }
    if (!rng_bytes(p->chip_id, sizeof(p->chip_id)))
        FAIL(e, SELFSAME_INTERNAL, "no random bytes");
    TRY_WHILE(e, read_key(ark, &p->ark, e), "key of the ARK");
    TRY_WHILE(e, read_key(ask, &p->ask, e), "key of the ASK");
    return key_generate(KEY_P384, &p->leaf, e);
}

enum selfsame_code
snp_sim_pki_new(struct selfsame_bytes pem, struct sim_pki **ret, struct selfsame_err *e)
{
    struct sim_pki *p = calloc(1, sizeof(*p));

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    p->arena = arena_new(64 * 1024);
    enum selfsame_code code = fill(p, pem, e);
    if (code != SELFSAME_OK) {
        snp_sim_pki_free(p);
        return code;
    }
    *ret = p;
    return SELFSAME_OK;
}

void
snp_sim_pki_free(struct sim_pki *p)
{
    if (p == NULL)
        return;
    key_free(&p->ark);
    key_free(&p->ask);
    key_free(&p->leaf);
    arena_free(&p->arena);
    free(p);
}

/* ---- the certificates of one report ---- */

struct signers { /* of this table: the machine's, or those of an unknown root */
    const struct key *ark, *ask;
    struct selfsame_bytes root;
};

static enum selfsame_code
make_intermediate(const struct signers *k, const struct snp_setup *s, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const bool vlek = s->signer == SNP_VLEK;
    char name[32];
    const struct cert_request r = {
        .common_name = name,
        .organization = "selfsame",
        .unit = "SIMULATED - NOT HARDWARE",
        .country = "ZZ",
        .not_before = now_s - YEAR,
        .not_after = now_s + 20 * (int64_t)YEAR,
        .ca = true,
        .path_len = 0,
        .serial = vlek ? BYTES_ARR(asvk_serial) : BYTES_ARR(ask_serial),
    };

    (void)snprintf(name, sizeof(name), vlek ? "SEV-VLEK-%s" : "SEV-%s",
        snp_product_name(s->product));
    return cert_make(&r, k->ask, k->root, k->ark, arena, ret, e);
}

#define AMD "\x2b\x06\x01\x04\x01\x9c\x78\x01" /* 1.3.6.1.4.1.3704.1 */
enum { EXTENSIONS_MAX = 10 };
struct extensions {
    struct cert_extension at[EXTENSIONS_MAX];
    size_t count;
    struct arena *arena;
    bool failed;
};

static void
add(struct extensions *x, struct selfsame_bytes oid, const uint8_t *value, size_t len)
{
    struct selfsame_bytes copy = BYTES_NONE;

    x->failed = x->failed || !arena_dup(x->arena, BYTES(value, len), &copy);
    x->at[x->count++] = (struct cert_extension){ oid, copy, false };
}

/* INTEGER, never negative. */
static void
add_level(struct extensions *x, struct selfsame_bytes oid, uint8_t level)
{
    const uint8_t small[] = { 2, 1, level }, large[] = { 2, 2, 0, level };

    if (level < 0x80)
        add(x, oid, small, sizeof(small));
    else
        add(x, oid, large, sizeof(large));
}

static void
add_text(struct extensions *x, struct selfsame_bytes oid, const char *text)
{
    uint8_t der[64] = { 0x16, (uint8_t)strlen(text) }; /* IA5String */

    memcpy(der + 2, text, strlen(text));
    add(x, oid, der, 2 + strlen(text));
}

static void
add_all(struct extensions *x, const struct snp_setup *s)
{
    static const char *const names[] = { "Milan-B0", "Milan-B0", "Genoa-B1",
        "Turin-C1" };
    struct snp_tcb t = s->tcb;
    uint8_t chip[SNP_CHIP_ID_SIZE];

    memcpy(chip, s->chip_id, sizeof(chip));
    if (s->defects & SIM_OTHER_TCB)
        t.snp++;
    if (s->defects & SIM_OTHER_CHIP)
        chip[0] ^= 1;
    add_level(x, BYTES_LIT(AMD "\x01"), 0);
    add_text(x, BYTES_LIT(AMD "\x02"), names[s->product]);
    add_level(x, BYTES_LIT(AMD "\x03\x01"), t.bootloader);
    add_level(x, BYTES_LIT(AMD "\x03\x02"), t.tee);
    add_level(x, BYTES_LIT(AMD "\x03\x03"), t.snp);
    add_level(x, BYTES_LIT(AMD "\x03\x08"), t.microcode);
    if (s->product == SNP_TURIN)
        add_level(x, BYTES_LIT(AMD "\x03\x09"), t.fmc);
    if (s->signer == SNP_VLEK)
        add_text(x, BYTES_LIT(AMD "\x05"), "SIMULATED");
    else
        add(x, BYTES_LIT(AMD "\x04"), chip,
            s->product == SNP_TURIN ? SNP_CHIP_ID_TURIN : SNP_CHIP_ID_SIZE);
}

static int64_t
leaf_begin(int64_t now_s, uint64_t defects)
{
    return defects & SIM_FUTURE ? now_s + DAY : now_s - DAY;
}

static enum selfsame_code
make_leaf(const struct sim_pki *p, const struct signers *k, const struct snp_setup *s,
    struct selfsame_bytes intermediate, int64_t now_s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct extensions x = { .arena = arena };
    /* Names the ASK, signed by another key. */
    const struct key *signer = s->defects & SIM_BAD_CHAIN_SIGNATURE ? k->ark : k->ask;

    add_all(&x, s);
    if (x.failed)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    const struct cert_request r = {
        .common_name = s->signer == SNP_VLEK ? "SEV-VLEK" : "SEV-VCEK",
        .organization = "selfsame",
        .unit = "SIMULATED - NOT HARDWARE",
        .country = "ZZ",
        .not_before = leaf_begin(now_s, s->defects),
        .not_after = s->defects & SIM_EXPIRED
                         ? now_s - HOUR
                         : leaf_begin(now_s, s->defects) + 7 * (int64_t)YEAR,
        .bare = true,
        .serial = BYTES_ARR(leaf_serial),
        .extensions = x.at,
        .extension_count = x.count,
    };
    return cert_make(&r, p->leaf, intermediate, signer, arena, ret, e);
}

static enum selfsame_code
make_list(const struct signers *k, const struct snp_setup *s, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct selfsame_bytes revoked = s->signer == SNP_VLEK ? BYTES_ARR(asvk_serial)
                                                                : BYTES_ARR(ask_serial);
    struct crl_request r = {
        .this_update = now_s - 30 * DAY,
        .next_update = now_s + 150 * DAY,
        .serials = &revoked,
        .serial_count = s->defects & SIM_REVOKED ? 1 : 0,
    };

    if (s->defects & SIM_STALE_CRL)
        r.next_update = now_s - HOUR;
    if (s->defects & SIM_FUTURE_CRL)
        r.this_update = now_s + DAY;
    return crl_make(&r, k->root, k->ark, arena, ret, e);
}

/* ---- the table (AMD 56421 §4.1.8.1): entries of GUID, offset, size; zeros; data ---- */

static enum selfsame_code
put_table(const struct selfsame_bytes data[static SNP_GUIDS], struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    enum { ENTRY = 24 };
    uint8_t *buf = arena_alloc(arena, 1, SNP_CERTS_MAX);
    struct writer w = writer_of(buf, SNP_CERTS_MAX);
    uint32_t at = ENTRY;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    for (size_t i = 0; i < SNP_GUIDS; i++)
        at += data[i].ptr != NULL ? ENTRY : 0;
    for (size_t i = 0; i < SNP_GUIDS; i++) {
        if (data[i].ptr == NULL)
            continue;
        put_bytes(&w, BYTES(snp_guids[i], 16));
        put_le32(&w, at);
        put_le32(&w, (uint32_t)data[i].len);
        at += (uint32_t)data[i].len;
    }
    put_zeros(&w, ENTRY);
    for (size_t i = 0; i < SNP_GUIDS; i++)
        put_bytes(&w, data[i]);
    if (w.bad)
        FAIL(e, SELFSAME_INTERNAL, "certificate table: expected at most %d bytes",
            (int)SNP_CERTS_MAX);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
snp_sim_table(const struct sim_pki *p, const struct snp_setup *s, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct signers k = { p->ark, p->ask, p->root[s->product - SNP_MILAN] };
    struct selfsame_bytes data[SNP_GUIDS] = { { NULL, 0 } }, leaf;
    auto_key *stranger = NULL;

    if (s->defects & SIM_OTHER_ROOT) {
        TRY(key_generate(KEY_RSA4096, &stranger, e));
        TRY(make_root(s->product, stranger, arena, &k.root, e));
        k.ark = stranger;
    }
    data[SNP_GUID_ARK] = k.root;
    TRY(make_intermediate(&k, s, now_s, arena, &data[SNP_GUID_ASK], e));
    TRY(make_leaf(p, &k, s, data[SNP_GUID_ASK], now_s, arena, &leaf, e));
    if ((s->defects & SIM_NO_LEAF) == 0)
        data[s->signer == SNP_VLEK ? SNP_GUID_VLEK : SNP_GUID_VCEK] = leaf;
    if ((s->defects & SIM_NO_CRL) == 0)
        TRY(make_list(&k, s, now_s, arena, &data[SNP_GUID_CRL], e));
    return put_table(data, arena, ret, e);
}
