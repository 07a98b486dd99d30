/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "codec/json.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "log/log.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { .name = "out",
        .argument = "FILE",
        .help =
            "the private key (PKCS#8 PEM, mode 0600); FILE.pub gets the public one" },
    { .name = "name",
        .argument = "NAME",
        .help = "also print the verifier key of a log of this name" },
    { .name = "sgx", .help = "an RSA-3072 key instead, which signs enclaves of SGX" },
    { .name = "witness", .help = "with --name: of a witness instead of a log" },
    { 0 },
};

/* What others need of a new key. */
struct names {
    const char *pem, *spki, *keyid, *vkey /* or NULL */;
};

static enum selfsame_code
public_pem(struct cli *c, const struct key *k, const char **ret, struct selfsame_err *e)
{
    struct selfsame_bytes spki;

    TRY(key_spki(k, cli_arena(c), &spki, e));
    *ret = pem_encode("PUBLIC KEY", spki, cli_arena(c));
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for a key");
    return SELFSAME_OK;
}

static enum selfsame_code
signer_of(const struct key *k, char ret[static 65], struct selfsame_err *e)
{
    uint8_t modulus[RSA_SGX_SIZE], little[RSA_SGX_SIZE], digest[HASH_MAX];

    TRY(rsa_sgx_modulus(k, modulus, e));
    for (size_t i = 0; i < sizeof(little); i++)
        little[i] = modulus[sizeof(modulus) - 1 - i];
    if (!hash_bytes(HASH_SHA256, BYTES_ARR(little), digest))
        FAIL(e, SELFSAME_NOMEM, "no room for a key");
    hex_encode(BYTES(digest, 32), ret);
    return SELFSAME_OK;
}

/* All that others need of it: the name under which policies pin it. */
static enum selfsame_code
print_sgx(struct cli *c, const char *out, const struct key *k, struct selfsame_err *e)
{
    char signer[65];

    TRY(signer_of(k, signer, e));
    if (!cli_json(c)) {
        (void)printf("private key  %s\npublic key   %s.pub\nmrsigner     %s\n", out,
            out, signer);
        return SELFSAME_OK;
    }
    auto_json *j = json_pack(
        "{s:s, s:s, s:s}", "result", "ok", "key", out, "mrsigner", signer);
    char *text = j != NULL ? json_compact(j) : NULL;
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the answer");
    (void)puts(text);
    free(text);
    return SELFSAME_OK;
}

static enum selfsame_code
names_of(struct cli *c, const struct key *k, struct names *ret, struct selfsame_err *e)
{
    struct selfsame_bytes spki;
    struct note_key note;
    uint8_t digest[HASH_MAX];
    char text[BASE64_SIZE(128)];
    const char *name = cli_value(c, "name");

    TRY(key_spki(k, cli_arena(c), &spki, e));
    if (spki.len > 128 || !hash_bytes(HASH_SHA256, spki, digest))
        FAIL(e, SELFSAME_NOMEM, "no room for a key");
    (void)base64_encode(spki, false, text);
    ret->pem = pem_encode("PUBLIC KEY", spki, cli_arena(c));
    ret->spki = arena_printf(cli_arena(c), "%s", text);
    ret->keyid = hex_dup(cli_arena(c), BYTES(digest, 32));
    if (name != NULL) {
        TRY_WHILE(e,
            note_key_of(bytes_str(name),
                cli_flag(c, "witness") ? NOTE_COSIGNATURE : NOTE_ED25519, k,
                cli_arena(c), &note, e),
            "--name");
        ret->vkey = note_key_text(&note, cli_arena(c));
    }
    if (ret->pem == NULL || ret->spki == NULL || ret->keyid == NULL ||
        (name != NULL && ret->vkey == NULL))
        FAIL(e, SELFSAME_NOMEM, "no room for a key");
    return SELFSAME_OK;
}

static enum selfsame_code
print(struct cli *c, const char *out, const struct names *n, struct selfsame_err *e)
{
    if (!cli_json(c)) {
        (void)printf("private key  %s\npublic key   %s.pub\nkey id       %s\nin "
                     "policies  %s\n",
            out, out, n->keyid, n->spki);
        if (n->vkey != NULL)
            (void)printf("verifier key %s\n", n->vkey);
        return SELFSAME_OK;
    }
    auto_json *j = json_pack("{s:s, s:s, s:s, s:s, s:s*}", "result", "ok", "key", out,
        "keyid", n->keyid, "publisher", n->spki, "vkey", n->vkey);
    char *text = j != NULL ? json_compact(j) : NULL;
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the answer");
    (void)puts(text);
    free(text);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    const char *out = cli_value(c, "out");
    const char *public = out != NULL ? arena_printf(cli_arena(c), "%s.pub", out) : NULL;
    auto_key *k = NULL;
    struct names n = { NULL, NULL, NULL, NULL };
    char *pem;

    if (out == NULL)
        FAIL(e, SELFSAME_USAGE, "--out FILE is mandatory: where the key goes");
    if (cli_flag(c, "witness") && cli_value(c, "name") == NULL)
        FAIL(e, SELFSAME_USAGE, "--witness belongs to --name");
    if (cli_flag(c, "sgx") && cli_value(c, "name") != NULL)
        FAIL(e, SELFSAME_USAGE, "--sgx: logs and witnesses have no such key");
    if (public == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for a name");
    if (access(out, F_OK) == 0 || access(public, F_OK) == 0) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "%s: a key is there already and is not replaced", out);
        err_remedy(e, "Choose another name; a key that is lost cannot be made again.");
        return SELFSAME_USAGE;
    }
    TRY(key_generate(cli_flag(c, "sgx") ? KEY_RSA3072_E3 : KEY_ED25519, &k, e));
    if (cli_flag(c, "sgx"))
        TRY(public_pem(c, k, &n.pem, e));
    else
        TRY(names_of(c, k, &n, e));
    TRY(key_to_pem(k, cli_arena(c), &pem, e));
    enum selfsame_code code = file_write(out, bytes_str(pem), true, e);
    secret_wipe(pem, strlen(pem));
    TRY(code);
    TRY(file_write(public, bytes_str(n.pem), false, e));
    return cli_flag(c, "sgx") ? print_sgx(c, out, k, e) : print(c, out, &n, e);
}

const struct cli_command keygen_command = {
    .name = "keygen",
    .summary = "make a key for a publisher, a rebuilder, a log, a witness, an enclave",
    .story = "Examples:\n"
             "  selfsame keygen --out publisher.key\n"
             "  selfsame keygen --out witness.key --name witness.example/w1 --witness\n"
             "  selfsame keygen --out enclave.key --sgx",
    .options = options,
    .run = run,
};
