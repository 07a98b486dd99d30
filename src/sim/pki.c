/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"
#include "os/os.h"
#include "sim/sim.h"

#include <stdio.h>

/* The well-known roots are those the verifier knows as the simulator's. */
static enum selfsame_code
known_root(const char *tee, struct arena *arena, char **ret, struct selfsame_err *e)
{
    const struct tee_verifier *v = tee_verifier_find(tee);

    char *all = arena_printf(arena, "%s", "");
    for (size_t i = 0; v != NULL && i < v->anchor_count; i++) {
        if (!v->anchors[i].simulated)
            continue;
        const char *one = pem_encode("CERTIFICATE", v->anchors[i].der, arena);
        if (one == NULL || all == NULL ||
            (all = arena_printf(arena, "%s%s", all, one)) == NULL)
            FAIL(e, SELFSAME_NOMEM, "a certificate");
    }
    if (all == NULL || all[0] == '\0')
        FAIL(e, SELFSAME_UNSUPPORTED, "the simulator has no root for %s", tee);
    *ret = all;
    return SELFSAME_OK;
}

/* All certificates of the text, without its keys. */
static enum selfsame_code
certificates_of(
    const char *pem, struct arena *arena, char **ret, struct selfsame_err *e)
{
    struct selfsame_bytes rest = bytes_str(pem), der;
    char *all = arena_printf(arena, "%s", "");

    for (;;) {
        TRY(pem_next(&rest, "CERTIFICATE", arena, &der, e));
        if (der.ptr == NULL)
            break;
        const char *one = pem_encode("CERTIFICATE", der, arena);
        all = one != NULL && all != NULL ? arena_printf(arena, "%s%s", all, one) : NULL;
    }
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "a certificate");
    *ret = all;
    return SELFSAME_OK;
}

/* FILE: the certificate, for verifiers. FILE.key: the same and its key, for us. */
static enum selfsame_code
write_new(struct cli *c, const struct tee_simulator *sim, const char *out,
    struct selfsame_err *e)
{
    char *pem = NULL, *certificate = NULL;
    char *key_path = arena_printf(cli_arena(c), "%s.key", out);

    TRY(sim->new_root(os_now_ms(), cli_arena(c), &pem, e));
    TRY(certificates_of(pem, cli_arena(c), &certificate, e));
    if (key_path == NULL)
        FAIL(e, SELFSAME_NOMEM, "a certificate");
    TRY(file_write(key_path, bytes_str(pem), true, e));
    TRY(file_write(out, bytes_str(certificate), false, e));
    (void)fprintf(stderr,
        "%s: root certificate, for --trust-anchor\n"
        "%s: the same and its private key, for --root\n",
        out, key_path);
    return SELFSAME_OK;
}

static enum selfsame_code
pki(struct cli *c, struct selfsame_err *e)
{
    const char *out = cli_value(c, "out");
    const struct tee_simulator *sim;
    char *pem = NULL;

    TRY(subject_simulator(c, NULL, &sim, e));
    if (cli_flag(c, "new")) {
        if (out == NULL)
            FAIL(e, SELFSAME_USAGE, "--new wants --out FILE");
        return write_new(c, sim, out, e);
    }
    TRY(known_root(sim->name, cli_arena(c), &pem, e));
    if (out != NULL)
        return file_write(out, bytes_str(pem), false, e);
    (void)printf("%s", pem);
    return SELFSAME_OK;
}

static const struct cli_option options[] = {
    { .name = "out", .argument = "FILE", .help = "write the certificate there (PEM)" },
    { .name = "new",
        .help = "make a new root: certificate in FILE, with its key in FILE.key" },
    { .name = "tee", .argument = "TEE", .help = "nitro (default), snp, sgx or tdx" },
    { 0 },
};
const struct cli_command pki_command = {
    .name = "pki",
    .summary = "print or make a root of simulated evidence",
    .story = "Example: selfsame-sim pki --new --out root.pem\n"
             "Without --new: the simulator's own root. Its private key is public on\n"
             "purpose: whoever trusts it trusts everybody.",
    .options = options,
    .run = pki,
};
