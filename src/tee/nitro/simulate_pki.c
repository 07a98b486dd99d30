/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/simulate_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
static const int64_t root_end = 2524607999; /* 2049-12-31T23:59:59Z */

/* Lifetimes and constraints as AWS's (README.md, "Trust chain"). */
static const struct {
    int64_t lifetime;
    int path_len;
    const char *domain; /* behind the host, instance or module id */
} shapes[SIM_LEVELS] = {
    [SIM_REGIONAL] = { 20 * DAY, 2, ".sim-1.simulated.nitro-enclaves" },
    [SIM_ZONAL] = { 5 * DAY + 18 * HOUR, 1, ".zonal.sim-1.simulated.nitro-enclaves" },
    [SIM_INSTANCE] = { DAY, 0, ".sim-1.simulated.nitro-enclaves" },
    [SIM_LEAF] = { 3 * HOUR + 3, -1, ".sim-1.simulated" },
};

/* id-ce-cRLDistributionPoints; AWS's regional and zonal certificates carry one. */
static const uint8_t oid_crl[] = { 0x55, 0x1d, 0x1f };
/* One DistributionPoint, a URL that can never resolve (RFC 6761 §6.4). */
static const uint8_t crl_points[] = { 0x30, 0x28, 0x30, 0x26, 0xa0, 0x24, 0xa0, 0x22,
    0x86, 0x20, 'h', 't', 't', 'p', ':', '/', '/', 's', 'i', 'm', 'u', 'l', 'a', 't',
    'e', 'd', '.', 'i', 'n', 'v', 'a', 'l', 'i', 'd', '/', 'c', 'r', 'l', '.', 'd', 'e',
    'r' };

struct selfsame_bytes
sim_cert_der(const struct sim_pki *p, enum sim_level level)
{
    return BYTES(p->at[level].der, p->at[level].len);
}

int64_t
sim_timestamp(int64_t now_ms, uint64_t defects)
{
    if (defects & SIM_EXPIRED)
        return now_ms - 2 * HOUR * 1000;
    if (defects & SIM_FUTURE)
        return now_ms + 2 * HOUR * 1000;
    return now_ms;
}

/* When the leaf of such a document begins; ending 3 hours later. */
static int64_t
leaf_begin(int64_t now_s, uint64_t defects)
{
    if (defects & SIM_EXPIRED)
        return now_s - 4 * HOUR - 3;
    if (defects & SIM_FUTURE)
        return now_s + HOUR;
    return now_s - 3;
}

static enum selfsame_code
store(struct sim_cert *c, struct selfsame_bytes der, struct selfsame_err *e)
{
    if (der.len > sizeof(c->der))
        FAIL(e, SELFSAME_INTERNAL, "simulated certificate: expected at most %zu bytes",
            sizeof(c->der));
    memcpy(c->der, der.ptr, der.len);
    c->len = der.len;
    return SELFSAME_OK;
}

static enum selfsame_code
issue(struct sim_pki *p, enum sim_level level, int64_t now_s, uint64_t defects,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 * 1024);
    struct sim_cert *c = &p->at[level];
    bool below = level == SIM_INSTANCE || level == SIM_LEAF;
    const char *who = level == SIM_LEAF ? p->module_id : p->instance;
    const struct cert_extension points = { BYTES_ARR(oid_crl), BYTES_ARR(crl_points),
        false };
    char name[128];
    struct cert_request r = {
        .common_name = name,
        .organization = "selfsame",
        .unit = "simulator",
        .country = "ZZ",
        .ca = level != SIM_LEAF,
        .path_len = shapes[level].path_len,
        .ca_cert_sign_only = level == SIM_INSTANCE,
        .leaf_usage_noncritical = level == SIM_LEAF,
        .no_key_ids = level == SIM_LEAF,
        .extensions = &points,
        .extension_count = below ? 0 : 1,
    };
    const struct key *signer = p->at[level - 1].key;
    struct selfsame_bytes der;

    (void)snprintf(
        name, sizeof(name), "%s%s", below ? who : p->host, shapes[level].domain);
    r.not_before = level == SIM_LEAF ? leaf_begin(now_s, defects) : now_s - 10 * MINUTE;
    r.not_after = r.not_before + shapes[level].lifetime;
    if (level == SIM_ZONAL && defects & SIM_BAD_CHAIN_SIGNATURE)
        signer = c->key; /* names the regional certificate, signed by another key */
    TRY(cert_make(&r, c->key, sim_cert_der(p, level - 1), signer, &arena, &der, e));
    TRY(store(c, der, e));
    c->not_after = r.not_after;
    return SELFSAME_OK;
}

/* Keys stay, so a certificate below remains good when one above is renewed. */
enum selfsame_code
sim_pki_refresh(struct sim_pki *p, int64_t now_s, struct selfsame_err *e)
{
    for (enum sim_level i = SIM_REGIONAL; i < SIM_LEVELS; i++) {
        int64_t begun = p->at[i].not_after - shapes[i].lifetime;

        if (now_s + MINUTE > p->at[i].not_after || now_s < begun)
            TRY(issue(p, i, now_s, 0, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
issue_all(struct sim_pki *p, int64_t now_s, uint64_t defects, struct selfsame_err *e)
{
    for (enum sim_level i = SIM_REGIONAL; i < SIM_LEVELS; i++) {
        if (p->at[i].key == NULL)
            TRY(key_generate(KEY_P384, &p->at[i].key, e));
        TRY(issue(p, i, now_s, defects, e));
    }
    return SELFSAME_OK;
}

/* Keys have no copy; they travel as PEM in an arena of their own, then are wiped. */
static enum selfsame_code
copy_key(const struct key *k, struct key **ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(16 * 1024);
    char *pem;

    TRY(key_to_pem(k, &arena, &pem, e));
    enum selfsame_code code = key_from_pem(bytes_str(pem), ret, e);
    secret_wipe(pem, strlen(pem));
    return code;
}

static enum selfsame_code
set_root(struct sim_pki *p, const struct key *key, struct selfsame_bytes der,
    struct selfsame_err *e)
{
    TRY(copy_key(key, &p->at[SIM_ROOT].key, e));
    p->at[SIM_ROOT].not_after = root_end;
    return store(&p->at[SIM_ROOT], der, e);
}

static enum selfsame_code
name_machine(struct sim_pki *p, struct selfsame_err *e)
{
    uint8_t raw[8 + 8 + 8];
    char instance[17], enclave[17];

    if (!rng_bytes(raw, sizeof(raw)))
        FAIL(e, SELFSAME_INTERNAL, "no random bytes");
    hex_encode(BYTES(raw, 8), instance);
    hex_encode(BYTES(raw + 8, 8), enclave);
    hex_encode(BYTES(raw + 16, 8), p->host);
    (void)snprintf(p->instance, sizeof(p->instance), "sim-i-0%s", instance);
    (void)snprintf(
        p->module_id, sizeof(p->module_id), "%s-enc%s", p->instance, enclave);
    return SELFSAME_OK;
}

void
sim_pki_free(struct sim_pki *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < SIM_LEVELS; i++)
        key_free(&p->at[i].key);
    free(p);
}

static enum selfsame_code
fill(struct sim_pki *p, const struct key *root_key, struct selfsame_bytes root_der,
    int64_t now_s, struct selfsame_err *e)
{
    TRY(name_machine(p, e));
    TRY(set_root(p, root_key, root_der, e));
    return issue_all(p, now_s, 0, e);
}

enum selfsame_code
sim_pki_new(const struct key *root_key, struct selfsame_bytes root_der, int64_t now_s,
    struct sim_pki **ret, struct selfsame_err *e)
{
    struct sim_pki *p = calloc(1, sizeof(*p));

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    enum selfsame_code code = fill(p, root_key, root_der, now_s, e);
    if (code != SELFSAME_OK) {
        sim_pki_free(p);
        return code;
    }
    *ret = p;
    return SELFSAME_OK;
}

enum selfsame_code
sim_root_make(int64_t now_s, const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct cert_request r = {
        .common_name = "SIMULATED - NOT HARDWARE",
        .organization = "selfsame",
        .unit = "simulator",
        .country = "ZZ",
        .not_before = now_s - DAY,
        .not_after = root_end > now_s ? root_end : now_s + DAY,
        .ca = true,
        .path_len = -1,
    };

    return cert_make(&r, key, BYTES_NONE, key, arena, ret, e);
}

static enum selfsame_code
set_other_root(struct sim_pki *p, int64_t now_s, struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 * 1024);
    auto_key *key = NULL;
    struct selfsame_bytes der;

    TRY(key_generate(KEY_P384, &key, e));
    TRY(sim_root_make(now_s, key, &arena, &der, e));
    return set_root(p, key, der, e);
}

static enum selfsame_code
fill_spoilt(struct sim_pki *p, const struct sim_pki *from, int64_t now_s,
    uint64_t defects, struct selfsame_err *e)
{
    memcpy(p->instance, from->instance, sizeof(p->instance));
    memcpy(p->module_id, from->module_id, sizeof(p->module_id));
    memcpy(p->host, from->host, sizeof(p->host));
    TRY(defects & SIM_OTHER_ROOT
            ? set_other_root(p, now_s, e)
            : set_root(p, from->at[SIM_ROOT].key, sim_cert_der(from, SIM_ROOT), e));
    return issue_all(p, now_s, defects, e);
}

enum selfsame_code
sim_pki_spoil(const struct sim_pki *p, int64_t now_s, uint64_t defects,
    struct sim_pki **ret, struct selfsame_err *e)
{
    struct sim_pki *spoilt = calloc(1, sizeof(*spoilt));

    if (spoilt == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    enum selfsame_code code = fill_spoilt(spoilt, p, now_s, defects, e);
    if (code != SELFSAME_OK) {
        sim_pki_free(spoilt);
        return code;
    }
    *ret = spoilt;
    return SELFSAME_OK;
}
