/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/attest.h>

#include "cli/commands.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "os/os.h"

enum { KEY_LIMIT = 64 << 10 };

static const struct cli_option options[] = {
    { .name = "nonce", .argument = "HEX|B64", .help = "the challenge, 8 to 512 bytes" },
    { .name = "key",
        .argument = "FILE",
        .help = "PEM public or private key that the evidence shall be about" },
    { .name = "out",
        .argument = "FILE",
        .help = "where to write the CMW (default: standard output)" },
    { .name = "device",
        .argument = "PATH",
        .help = "the TEE's device (default: found)" },
    { 0 },
};

static void
attester_cleanup(struct selfsame_attester **a)
{
    selfsame_attester_close(*a);
}

static enum selfsame_code
spki_of_file(
    struct cli *c, const char *path, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes file, rest;
    auto_key *key = NULL;

    TRY(file_read(path, KEY_LIMIT, cli_arena(c), &file, e));
    rest = file;
    TRY(pem_next(&rest, "PUBLIC KEY", cli_arena(c), ret, e));
    if (ret->ptr != NULL)
        return SELFSAME_OK;
    TRY(key_take_pem(file, &key, e));
    return key_spki(key, cli_arena(c), ret, e);
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    __attribute__((cleanup(attester_cleanup))) struct selfsame_attester *a = NULL;
    struct selfsame_bytes nonce = BYTES_NONE, spki = BYTES_NONE;
    const char *out = cli_value(c, "out"), *key = cli_value(c, "key");
    uint8_t *cmw;
    size_t len;

    TRY(cli_bytes(c, "nonce", &nonce, e));
    if (nonce.ptr == NULL)
        FAIL(e, SELFSAME_USAGE, "--nonce is missing: evidence answers a challenge");
    if (key != NULL)
        TRY_WHILE(e, spki_of_file(c, key, &spki, e), "--key %s", key);
    TRY(selfsame_attester_open(cli_value(c, "device"), &a, e));
    TRY(selfsame_attest_key(a, nonce, spki, &cmw, &len, e));
    enum selfsame_code code = file_write(
        out != NULL ? out : "-", BYTES(cmw, len), false, e);
    selfsame_free(cmw);
    return code;
}

const struct cli_command attest_command = {
    .name = "attest",
    .summary = "inside the TEE: collect evidence for a nonce and a key",
    .story =
        "Report data is always a hash made here; no bytes of the caller are signed.\n"
        "Example:\n"
        "  selfsame attest --nonce 00112233445566778899aabbccddeeff --key key.pem "
        "--out evidence.cmw",
    .options = options,
    .run = run,
};
