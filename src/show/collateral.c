/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside evidence: revocation lists, and AMD's host certificate tables. */
#include "codec/pem.h"
#include "crypto/crl.h"
#include "show/show.h"
#include "tee/snp/id_block.h"

static json_t *
moment(int64_t s)
{
    char text[TIME_TEXT];

    time_format(s, text);
    return json_string(text);
}

bool
show_is_crl(struct selfsame_bytes in)
{
    struct selfsame_err ignored;
    struct crl c;

    return crl_parse(in, &c, &ignored) == SELFSAME_OK;
}

enum selfsame_code
show_crl(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct crl c;

    TRY(crl_parse(in, &c, e));
    const char *issuer = name_text(c.issuer, arena);
    TRY(show_put(into, "issuer", json_string(issuer != NULL ? issuer : ""), e));
    TRY(show_put(into, "this_update", moment(c.this_update), e));
    TRY(show_put(into, "next_update",
        c.has_next_update ? moment(c.next_update) : json_null(), e));
    return show_put(into, "revokes_any", json_boolean(c.entries.len > 0), e);
}

static enum selfsame_code
show_entry(struct selfsame_bytes one, struct arena *arena, json_t *into,
    struct selfsame_err *e)
{
    if (pem_looks_like(one))
        return show_pem(one, arena, into, e);
    return show_is_crl(one) ? show_crl(one, arena, into, e)
                            : show_certificate(one, arena, into, e);
}

/* Each certificate or CRL as the host wrote it, DER or PEM. */
enum selfsame_code
show_table(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct snp_table t = { .blob = in };
    json_t *certificates = json_array(), *crls = json_array();

    TRY(show_put(into, "certificates", certificates, e));
    TRY(show_put(into, "crls", crls, e));
    for (;;) {
        struct selfsame_bytes one;

        TRY(snp_table_next(&t, &one, e));
        if (one.ptr == NULL)
            return SELFSAME_OK;
        json_t *shown = json_object();
        if (json_array_append_new(show_is_crl(one) ? crls : certificates, shown) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(show_entry(one, arena, shown, e));
    }
}

static json_t *
levels(const struct snp_cert_claims *c)
{
    json_t *tcb = json_pack("{s:i, s:i, s:i, s:i}", "bootloader", c->tcb.bootloader,
        "tee", c->tcb.tee, "snp", c->tcb.snp, "microcode", c->tcb.microcode);

    if (tcb != NULL && c->product == SNP_TURIN &&
        json_object_set_new(tcb, "fmc", json_integer(c->tcb.fmc)) != 0) {
        json_decref(tcb);
        return NULL;
    }
    return tcb;
}

enum selfsame_code
show_snp_claims(
    const struct cert *cert, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct snp_cert_claims c;
    struct selfsame_err none;

    if (snp_cert_claims(cert, &c, &none) != SELFSAME_OK)
        return SELFSAME_OK; /* no VCEK or VLEK */
    TRY(show_put(into, "product", json_string(snp_product_name(c.product)), e));
    TRY(show_put(into, "tcb", levels(&c), e));
    if (c.hwid.ptr != NULL)
        TRY(show_put(into, "hardware_id", json_string(hex_dup(arena, c.hwid)), e));
    if (c.csp_id.ptr != NULL)
        TRY(show_put(into, "provider",
            json_stringn((const char *)c.csp_id.ptr, c.csp_id.len), e));
    return SELFSAME_OK;
}

/* ---- what the author of an SNP guest signs ---- */

bool
show_is_id_block(struct selfsame_bytes in)
{
    struct snp_id_block b;
    struct selfsame_err ignored;

    /* Nothing marks one but its size, its version and a policy as policies are. */
    return snp_id_block_parse(in, &b, &ignored) == SELFSAME_OK && b.policy >> 26 == 0 &&
           (b.policy >> SNP_POLICY_ONE & 1) != 0;
}

bool
show_is_id_auth(struct selfsame_bytes in)
{
    struct snp_id_auth a;
    struct selfsame_err ignored;

    return snp_id_auth_parse(in, &a, &ignored) == SELFSAME_OK;
}

enum selfsame_code
show_id_block(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct snp_id_block b;

    TRY(snp_id_block_parse(in, &b, e));
    TRY(show_put(into, "measurement", json_string(hex_dup(arena, b.measurement)), e));
    TRY(show_put(into, "family_id", json_string(hex_dup(arena, b.family_id)), e));
    TRY(show_put(into, "image_id", json_string(hex_dup(arena, b.image_id)), e));
    TRY(show_put(into, "guest_svn", json_integer(b.guest_svn), e));
    return show_put(
        into, "policy", json_sprintf("0x%llx", (unsigned long long)b.policy), e);
}

enum selfsame_code
show_id_auth(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    uint8_t id[SNP_DIGEST_SIZE], author[SNP_DIGEST_SIZE];
    struct snp_id_auth a;

    TRY(snp_id_auth_parse(in, &a, e));
    if (!snp_id_digests(&a, id, author))
        FAIL(e, SELFSAME_NOMEM, "the output");
    TRY(show_put(into, "id_key_digest", json_string(hex_dup(arena, BYTES_ARR(id))), e));
    return show_put(into, "author_key_digest",
        a.has_author ? json_string(hex_dup(arena, BYTES_ARR(author))) : json_null(), e);
}
