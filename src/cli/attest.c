/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/attest.h>

#include "cli/commands.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

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
    { .name = "extend",
        .argument = "HEX|@FILE",
        .help = "tdx: no evidence; extend a register by a SHA-384, or that of a file" },
    { .name = "register",
        .argument = "N",
        .help = "tdx: which one, rtmr.0 to rtmr.3 (default: 3)" },
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

/* ---- registers ---- */

/* "@FILE": its SHA-384; it may be larger than memory. */
static enum selfsame_code
digest_of_file(const char *path, uint8_t ret[static HASH_MAX], struct selfsame_err *e)
{
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    auto_hash hash = { 0 };
    uint8_t buf[1 << 16];
    ssize_t n;

    if (fd < 0)
        return file_error(e, "cannot open", path);
    if (!hash_init(&hash, HASH_SHA384))
        FAIL(e, SELFSAME_NOMEM, "no room for a digest");
    while ((n = read(fd, buf, sizeof(buf))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(e, "cannot read", path);
        hash_update(&hash, BYTES(buf, (size_t)n));
    }
    hash_final(&hash, ret);
    return SELFSAME_OK;
}

static enum selfsame_code
take_digest(const char *told, uint8_t ret[static HASH_MAX], struct selfsame_err *e)
{
    size_t len;

    if (told[0] == '@')
        return digest_of_file(told + 1, ret, e);
    if (!hex_decode(told, strlen(told), ret, HASH_MAX, &len) ||
        len != SELFSAME_REGISTER)
        FAIL(e, SELFSAME_USAGE,
            "--extend: expected %d hex digits (SHA-384) or @FILE, got \"%.40s\"",
            2 * (int)SELFSAME_REGISTER, told);
    return SELFSAME_OK;
}

static enum selfsame_code
extend(struct cli *c, struct selfsame_attester *a, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX], value[SELFSAME_REGISTER];
    char hex[2 * SELFSAME_REGISTER + 1];
    uint64_t index = 3;

    TRY(cli_uint(c, "register", 0, 3, &index, e));
    TRY(take_digest(cli_value(c, "extend"), digest, e));
    TRY(selfsame_attest_extend(
        a, (unsigned)index, BYTES(digest, SELFSAME_REGISTER), value, e));
    hex_encode(BYTES_ARR(value), hex);
    (void)printf(
        cli_json(c) ? "{\"register\":\"rtmr.%d\",\"value\":\"%s\"}\n" : "rtmr.%d %s\n",
        (int)index, hex);
    return fflush(stdout) == 0 ? SELFSAME_OK
                               : file_error(e, "cannot write to", "standard output");
}

/* ---- evidence ---- */

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    __attribute__((cleanup(attester_cleanup))) struct selfsame_attester *a = NULL;
    struct selfsame_bytes nonce = BYTES_NONE, spki = BYTES_NONE;
    const char *out = cli_value(c, "out"), *key = cli_value(c, "key");
    uint8_t *cmw;
    size_t len;

    if (cli_value(c, "extend") != NULL) {
        if (cli_flag(c, "nonce") || cli_flag(c, "key") || cli_flag(c, "out"))
            FAIL(e, SELFSAME_USAGE,
                "--extend makes no evidence: expected it without --nonce, --key, "
                "--out");
        TRY(selfsame_attester_open(cli_value(c, "device"), &a, e));
        return extend(c, a, e);
    }
    if (cli_flag(c, "register"))
        FAIL(e, SELFSAME_USAGE, "--register: expected --extend with it");
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
        "Examples:\n"
        "  selfsame attest --nonce 00112233445566778899aabbccddeeff --key key.pem "
        "--out evidence.cmw\n"
        "  selfsame attest --extend @/etc/app.conf",
    .options = options,
    .run = run,
};
