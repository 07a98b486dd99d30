/* SPDX-License-Identifier: Apache-2.0 */
/* `measure --id-block --id-auth`: what the author of an SNP guest signs, made or checked. */
#include "cli/measure_id.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "tee/snp/id_block.h"

#include <inttypes.h>

static const char *const id_options[] = { "id-block", "id-auth", "id-key", "author-key",
    "family-id", "image-id", "guest-svn", "guest-policy" };
static const uint64_t usual_policy = UINT64_C(1) << SNP_POLICY_ONE |
                                     UINT64_C(1) << SNP_POLICY_SMT;

bool
measure_id_wanted(struct cli *c)
{
    for (size_t i = 0; i < COUNT(id_options); i++)
        if (cli_value(c, id_options[i]) != NULL)
            return true;
    return false;
}

static enum selfsame_code
read_key(struct cli *c, const char *option, struct key **ret, struct selfsame_err *e)
{
    const char *path = cli_value(c, option);
    struct selfsame_bytes pem;

    if (path == NULL)
        return SELFSAME_OK;
    TRY(file_read(path, 1 << 16, cli_arena(c), &pem, e));
    TRY_WHILE(e, key_take_pem(pem, ret, e), "--%s %s", option, path);
    return SELFSAME_OK;
}

/* 16 bytes in hex; zeros unless given. */
static enum selfsame_code
read_id(struct cli *c, const char *option, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const char *hex = cli_value(c, option);
    uint8_t *id = arena_alloc(cli_arena(c), 1, 16);
    size_t len = 0;

    if (id == NULL)
        FAIL(e, SELFSAME_NOMEM, "an id");
    if (hex != NULL && (!hex_decode(hex, strlen(hex), id, 16, &len) || len != 16))
        FAIL(e, SELFSAME_USAGE, "--%s: expected 32 hex digits, got \"%.40s\"", option,
            hex);
    *ret = BYTES(id, 16);
    return SELFSAME_OK;
}

static enum selfsame_code
read_number(struct cli *c, const char *option, uint64_t max, uint64_t *ret,
    struct selfsame_err *e)
{
    const char *text = cli_value(c, option);

    if (text != NULL && !uint_parse(text, strlen(text), max, ret))
        FAIL(e, SELFSAME_USAGE,
            "--%s: expected a number up to 0x%" PRIx64 ", got \"%.40s\"", option, max,
            text);
    return SELFSAME_OK;
}

static enum selfsame_code
make(struct cli *c, struct selfsame_bytes measurement, struct selfsame_bytes *ret_block,
    struct selfsame_bytes *ret_auth, struct selfsame_err *e)
{
    struct snp_id_block b = { .measurement = measurement, .policy = usual_policy };
    auto_key *id = NULL, *author = NULL;
    uint64_t svn = 0;

    TRY(read_key(c, "id-key", &id, e));
    TRY(read_key(c, "author-key", &author, e));
    TRY(read_id(c, "family-id", &b.family_id, e));
    TRY(read_id(c, "image-id", &b.image_id, e));
    TRY(read_number(c, "guest-svn", UINT32_MAX, &svn, e));
    TRY(read_number(c, "guest-policy", UINT64_MAX, &b.policy, e));
    b.guest_svn = (uint32_t)svn;
    if ((b.policy >> SNP_POLICY_ONE & 1) == 0)
        FAIL(e, SELFSAME_USAGE,
            "--guest-policy: expected bit 17 set, as it always is, got 0x%" PRIx64,
            b.policy);
    TRY(snp_id_make(&b, id, author, cli_arena(c), ret_block, ret_auth, e));
    TRY(file_write(cli_value(c, "id-block"), *ret_block, false, e));
    return file_write(cli_value(c, "id-auth"), *ret_auth, false, e);
}

static enum selfsame_code
read_both(struct cli *c, struct selfsame_bytes *ret_block,
    struct selfsame_bytes *ret_auth, struct selfsame_err *e)
{
    for (size_t i = 3; i < COUNT(id_options); i++)
        if (cli_value(c, id_options[i]) != NULL)
            FAIL(e, SELFSAME_USAGE, "--%s goes with --id-key, which signs",
                id_options[i]);
    TRY(file_read(
        cli_value(c, "id-block"), SNP_ID_BLOCK_SIZE, cli_arena(c), ret_block, e));
    return file_read(
        cli_value(c, "id-auth"), SNP_ID_AUTH_SIZE, cli_arena(c), ret_auth, e);
}

static enum selfsame_code
check(struct cli *c, struct selfsame_bytes block, struct selfsame_bytes auth,
    struct selfsame_bytes measurement, json_t **ret, struct selfsame_err *e)
{
    uint8_t id[SNP_DIGEST_SIZE], author[SNP_DIGEST_SIZE];
    struct snp_id_block b;
    struct snp_id_auth a;

    TRY(snp_id_block_parse(block, &b, e));
    TRY(snp_id_auth_parse(auth, &a, e));
    TRY(snp_id_check(&b, &a, e));
    if (!bytes_eq(b.measurement, measurement))
        FAIL(e, SELFSAME_MISMATCH,
            "ID block: expected the launch digest measured here, %.16s..., got "
            "%.16s...",
            hex_dup(cli_arena(c), measurement), hex_dup(cli_arena(c), b.measurement));
    if (!snp_id_digests(&a, id, author))
        FAIL(e, SELFSAME_NOMEM, "digests of keys");
    *ret = json_pack("{s:s,s:s?,s:s?,s:s?,s:I,s:o}", "id_key_digest",
        hex_dup(cli_arena(c), BYTES_ARR(id)), "author_key_digest",
        a.has_author ? hex_dup(cli_arena(c), BYTES_ARR(author)) : NULL, "family_id",
        hex_dup(cli_arena(c), b.family_id), "image_id",
        hex_dup(cli_arena(c), b.image_id), "guest_svn", (json_int_t)b.guest_svn,
        "policy", json_sprintf("0x%" PRIx64, b.policy));
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "digests of keys");
    return SELFSAME_OK;
}

enum selfsame_code
measure_id(struct cli *c, const json_t *measured, json_t **ret, struct selfsame_err *e)
{
    const char *hex = json_string_value(json_object_get(measured, "measurement"));
    struct selfsame_bytes block, auth;
    uint8_t digest[SNP_DIGEST_SIZE];
    size_t len = 0;

    if (cli_value(c, "id-block") == NULL || cli_value(c, "id-auth") == NULL)
        FAIL(e, SELFSAME_USAGE,
            "expected --id-block FILE and --id-auth FILE, where they go or come from");
    if (hex == NULL || !hex_decode(hex, strlen(hex), digest, sizeof(digest), &len) ||
        len != sizeof(digest)) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "expected one machine of SEV-SNP to make an ID block for, got %zu",
            json_array_size(json_object_get(measured, "shapes")));
        err_remedy(e, "Give --vcpus and --cpu: an ID block names one launch digest.");
        return SELFSAME_USAGE;
    }
    TRY(cli_value(c, "id-key") != NULL ? make(c, BYTES_ARR(digest), &block, &auth, e)
                                       : read_both(c, &block, &auth, e));
    return check(c, block, auth, BYTES_ARR(digest), ret, e);
}
