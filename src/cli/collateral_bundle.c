/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/collateral_bundle.h"

#include "codec/pem.h"
#include "crypto/crl.h"
#include "os/os.h"

static const char chain_label[] = "#issuer-chain";

static const char *
media_type(struct selfsame_bytes body)
{
    struct selfsame_err ignored;
    struct crl crl;

    if (pem_looks_like(body))
        return "application/pem-certificate-chain";
    if (body.len > 0 && body.ptr[0] == '{')
        return "application/json";
    return crl_parse(body, &crl, &ignored) == SELFSAME_OK ? "application/pkix-crl"
                                                          : "application/pkix-cert";
}

static enum selfsame_code
add_piece(struct collateral_bundle *b, const char *url, const char *suffix,
    struct selfsame_bytes body, struct arena *arena, struct selfsame_err *e)
{
    const char *label = arena_printf(arena, "%s%s", url, suffix);

    if (label == NULL)
        FAIL(e, SELFSAME_NOMEM, "a label");
    for (size_t i = 0; i < b->count; i++)
        if (bytes_eq(b->at[i].label, bytes_str(label)))
            return SELFSAME_OK;
    if (b->count == COUNT(b->at))
        FAIL(e, SELFSAME_USAGE, "a bundle holds at most %zu pieces: make several",
            COUNT(b->at));
    b->url[b->count] = label;
    b->at[b->count++] = (struct cmw_entry){
        .label = bytes_str(label),
        .type = bytes_str(media_type(body)),
        .value = body,
        .ind = CMW_ENDORSEMENTS,
    };
    return SELFSAME_OK;
}

enum selfsame_code
collateral_bundle_add(struct collateral_bundle *b, const char *url,
    const struct fetched *piece, struct arena *arena, struct selfsame_err *e)
{
    TRY(add_piece(b, url, "", piece->body, arena, e));
    if (piece->chain.len == 0)
        return SELFSAME_OK;
    return add_piece(b, url, chain_label, piece->chain, arena, e);
}

enum selfsame_code
collateral_bundle_write(const struct collateral_bundle *b, const char *path,
    struct arena *arena, struct selfsame_err *e)
{
    struct cmw cmw = { .collection = true,
        .entries = (struct cmw_entry *)(uintptr_t)b->at,
        .count = b->count };
    struct selfsame_bytes out;

    TRY(cmw_encode_cbor(&cmw, arena, &out, e));
    return file_write(path, out, false, e);
}

/* ---- a directory ---- */

/* By what vendors' addresses say; the names are those that other tools use. */
static const char *
file_name(const char *url, struct selfsame_bytes body)
{
    static const struct {
        const char *part, *name, *pem, *chain;
    } names[] = {
        { "/qe/identity", "qe_identity.json", NULL, "qe_issuer_chain.pem" },
        { "/tcb?", "tcb_info.json", NULL, "tcb_issuer_chain.pem" },
        { "/pckcrl?", "pck_crl.der", "pck_crl.pem", "pck_crl_issuer_chain.pem" },
        { "/pckcert?", "pck.der", "pck.pem", "pck_issuer_chain.pem" },
        { "/IntelSGXRootCA.der", "root_crl.der", "root_crl.pem",
            "root_crl_issuer_chain.pem" },
        { "/cert_chain", "cert_chain.der", "cert_chain.pem", "cert_chain_issuer.pem" },
        { "/crl", "crl.der", "crl.pem", "crl_issuer_chain.pem" },
        { "", "vcek.der", "vcek.pem", "vcek_issuer_chain.pem" },
    };
    const size_t len = strlen(url), end = sizeof(chain_label) - 1;
    size_t i = 0;

    while (strstr(url, names[i].part) == NULL) /* the last part is in all */
        i++;
    if (len > end && strcmp(url + len - end, chain_label) == 0)
        return names[i].chain;
    return names[i].pem != NULL && pem_looks_like(body) ? names[i].pem : names[i].name;
}

enum selfsame_code
collateral_bundle_spread(const struct collateral_bundle *b, const char *dir,
    struct arena *arena, struct selfsame_err *e)
{
    const char *names[CMW_ENTRIES];

    for (size_t i = 0; i < b->count; i++) {
        names[i] = file_name(b->url[i], b->at[i].value);
        for (size_t k = 0; k < i; k++)
            if (strcmp(names[i], names[k]) == 0)
                FAIL(e, SELFSAME_USAGE,
                    "--dir: two pieces want to be %s; a directory holds what one "
                    "platform wants",
                    names[i]);
    }
    TRY(dir_make(dir, false, e));
    for (size_t i = 0; i < b->count; i++) {
        const char *path = arena_printf(arena, "%s/%s", dir, names[i]);

        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "a path");
        TRY(file_write(path, b->at[i].value, false, e));
    }
    return SELFSAME_OK;
}
