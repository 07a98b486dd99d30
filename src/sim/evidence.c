/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise/appraise.h"
#include "codec/cmw.h"
#include "codec/pem.h"
#include "os/os.h"
#include "sim/sim.h"

#include <stdio.h>
#include <unistd.h>

struct pki_holder {
    const struct tee_simulator *sim;
    struct sim_pki *pki;
};

static void
holder_free(struct pki_holder *h)
{
    if (h->pki != NULL)
        h->sim->pki_free(h->pki);
}

/* A public key as it is, or the public half of a private one. */
static enum selfsame_code
read_key(
    struct cli *c, const char *path, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes pem, rest;
    auto_key *key = NULL;

    TRY(file_read(path, 1 << 16, cli_arena(c), &pem, e));
    rest = pem;
    TRY(pem_next(&rest, "PUBLIC KEY", cli_arena(c), ret, e));
    if (ret->ptr != NULL)
        return SELFSAME_OK;
    TRY(key_from_pem(pem, &key, e));
    return key_spki(key, cli_arena(c), ret, e);
}

/* What `selfsame attest` asks of a device: the key, and a binder over it and the nonce. */
static enum selfsame_code
bind(struct cli *c, struct sim_quote_request *q, struct selfsame_err *e)
{
    const char *path = cli_value(c, "key");
    uint8_t *data = arena_alloc(cli_arena(c), 1, 64);
    struct binder b;

    TRY(cli_bytes(c, "user-data", &q->report_data, e));
    if (path == NULL)
        return SELFSAME_OK;
    if (q->report_data.ptr != NULL)
        FAIL(e, SELFSAME_USAGE, "--key and --user-data: expected one, got both");
    TRY_WHILE(e, read_key(c, path, &q->public_key, e), "--key %s", path);
    if (data == NULL || !binder_http(&b, q->nonce, q->public_key) ||
        !binder64(&b, data))
        FAIL(e, SELFSAME_NOMEM, "a binder");
    q->report_data = BYTES(data, 64);
    return SELFSAME_OK;
}

static enum selfsame_code
wrap(struct cli *c, const char *tee, const struct tee_collected *made,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct tee_verifier *v = tee_verifier_find(tee);
    const struct tee_attester *t;
    const char *endorsement = NULL;

    if (v == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "%s evidence has no media type", tee);
    for (size_t i = 0; (t = tee_attester_at(i)) != NULL; i++)
        if (strcmp(t->name, tee) == 0)
            endorsement = t->endorsement_type;
    return cmw_encode_evidence(v->media_types[0], made->evidence, endorsement,
        made->endorsement, cli_arena(c), ret, e);
}

static enum selfsame_code
write_out(const char *out, struct selfsame_bytes document, struct selfsame_err *e)
{
    if (out != NULL)
        return file_write(out, document, false, e);
    if (isatty(STDOUT_FILENO))
        FAIL(e, SELFSAME_USAGE, "evidence is binary: give --out FILE or a pipe");
    return fd_write_all(STDOUT_FILENO, document, "standard output", e);
}

static enum selfsame_code
evidence(struct cli *c, struct selfsame_err *e)
{
    __attribute__((cleanup(holder_free))) struct pki_holder h = { 0 };
    struct sim_quote_request q = { 0 };
    struct tee_collected made = { { NULL, 0 }, { NULL, 0 } };
    struct selfsame_bytes document;
    int64_t now_s = os_now_ms() / 1000;

    TRY(subject_simulator(c, cli_value(c, "image"), &h.sim, e));
    if (cli_flag(c, "raw") && cli_flag(c, "cmw"))
        FAIL(e, SELFSAME_USAGE, "--raw and --cmw: expected one, got both");
    TRY(cli_time(c, "at", &now_s, e));
    TRY(subject_options(c, h.sim, &q.subject, e));
    TRY(cli_bytes(c, "nonce", &q.nonce, e));
    TRY(bind(c, &q, e));
    TRY(subject_measured(c, h.sim, &q.subject, e));
    q.now_ms = now_s * 1000;
    TRY(subject_pki(c, h.sim, q.now_ms, &h.pki, e));
    TRY(h.sim->quote(h.pki, &q, cli_arena(c), &made, e));
    document = made.evidence;
    if (!cli_flag(c, "raw"))
        TRY(wrap(c, h.sim->name, &made, &document, e));
    if (cli_value(c, "collateral") != NULL && made.endorsement.ptr == NULL)
        FAIL(e, SELFSAME_USAGE, "--collateral: %s evidence brings none; %s",
            h.sim->name,
            h.sim->collateral != NULL ? "`selfsame-sim collateral` writes it"
                                      : "it needs none");
    if (cli_value(c, "collateral") != NULL)
        TRY(file_write(cli_value(c, "collateral"), made.endorsement, false, e));
    return write_out(cli_value(c, "out"), document, e);
}

static const struct cli_option options[] = {
    { .name = "tee", .argument = "TEE", .help = "nitro (default), snp, sgx or tdx" },
    { .name = "nonce", .argument = "HEX|B64", .help = "the verifier's challenge" },
    { .name = "key",
        .argument = "FILE",
        .help = "PEM key that the evidence is about (as selfsame attest binds it)" },
    { .name = "user-data",
        .argument = "HEX|B64",
        .help = "report data as given, for other conventions" },
    { .name = "image",
        .argument = "IMAGE",
        .help = "measure this image: an EIF, or the directory of a machine" },
    MACHINE_OPTIONS,
    { .name = "collateral",
        .argument = "FILE",
        .help = "snp: write the certificate table there too, for verify --collateral" },
    { .name = "measurements",
        .argument = "FILE",
        .help = "values from measurements.json or a policy" },
    { .name = "at", .argument = "TIME", .help = "as if made then" },
    { .name = "root",
        .argument = "FILE",
        .help = "root certificate and key (pki --new: FILE.key)" },
    { .name = "out",
        .argument = "FILE",
        .help = "write there, not to standard output" },
    { .name = "raw", .help = "the vendor's bytes alone" },
    { .name = "cmw", .help = "wrapped as selfsame attest does (default)" },
    { .name = "defect",
        .argument = "WORD",
        .repeatable = true,
        .help = "any of the words below; sgx and tdx have more (man selfsame-sim)" },
    { .name = "debug", .help = "debug mode (nitro: measurements are zero)" },
    { .name = "expired", .help = "the leaf expired an hour ago" },
    { .name = "future", .help = "made in the future" },
    { .name = "wrong-nonce", .help = "answers another challenge" },
    { .name = "no-nonce", .help = "answers none" },
    { .name = "wrong-binding", .help = "other report data" },
    { .name = "bad-signature", .help = "signature with a flipped bit" },
    { .name = "bad-chain-signature", .help = "a certificate with a flipped bit" },
    { .name = "wrong-order", .help = "certificates in reverse order" },
    { .name = "other-root", .help = "below a root nobody pinned" },
    { .name = "ca-signs", .help = "signed by the instance's CA, not by a leaf" },
    { .name = "wrong-alg", .help = "names another algorithm" },
    { .name = "unprotected-alg", .help = "names it where it is not signed" },
    { .name = "trailing-byte", .help = "one byte more" },
    { .name = "truncated", .help = "cut short" },
    { .name = "duplicate-key", .help = "one member twice" },
    { .name = "short-pcr", .help = "PCRs of 32 bytes" },
    { .name = "nitrotpm", .help = "a document of a NitroTPM" },
    { .name = "revoked",
        .help = "snp, sgx, tdx: the intermediate is on the root's CRL" },
    { .name = "no-crl", .help = "snp: without a CRL" },
    { .name = "stale-crl", .help = "snp: a CRL whose next update is over" },
    { .name = "future-crl", .help = "snp: a CRL of tomorrow" },
    { .name = "other-chip", .help = "snp: certificate of another chip" },
    { .name = "other-tcb", .help = "snp: certificate of another TCB" },
    { .name = "no-leaf", .help = "snp: without the signer's certificate" },
    { .name = "unsigned", .help = "snp: says that nobody signed it" },
    { .name = "reserved", .help = "snp, sgx, tdx: a reserved bit is set" },
    { .name = "tagged", .help = "no defect: with COSE tag 18" },
    { .name = "indefinite", .help = "no defect: maps of indefinite length" },
    { 0 },
};
const struct cli_command evidence_command = {
    .name = "evidence",
    .summary = "make one piece of simulated evidence, sound or not",
    .story =
        "Example: selfsame-sim evidence --nonce 00112233445566778899aabbccddeeff \\\n"
        "             --measurements out/measurements.json --bad-signature --out x\n"
        "Without --image or --measurements the values belong to no image. Faults that\n"
        "evidence of the TEE cannot have are refused.",
    .options = options,
    .run = evidence,
};
