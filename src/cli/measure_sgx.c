/* SPDX-License-Identifier: Apache-2.0 */
/* `measure --sgx-key`: the SIGSTRUCT that an enclave of SGX is started with. */
#include "cli/measure_sgx.h"

#include "image/sgxs.h"
#include "image/sigstruct.h"
#include "os/os.h"
#include "tee/sgx/gramine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const told[] = { "pal", "sig", "sgx-key", "date", "isv-prod-id",
    "isv-svn" };
enum { XFRM_LEGACY = 3 };
/* As Gramine masks: what computes and protects nothing (AVX, AVX-512, AMX) is the host's. */
#define XFRM_MASK UINT64_C(0xfffffffffff9ff1b)

bool
measure_sgx_wanted(struct cli *c)
{
    return cli_value(c, "sgx-key") != NULL;
}

bool
measure_sgx_told(struct cli *c)
{
    for (size_t i = 0; i < COUNT(told); i++)
        if (cli_value(c, told[i]) != NULL)
            return true;
    return false;
}

/* ---- what is signed ---- */

/* "2026-01-31", seconds since 1970, or the clock. */
static enum selfsame_code
take_date(struct cli *c, struct sigstruct *s, struct selfsame_err *e)
{
    const char *text = cli_value(c, "date"), *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t seconds = (uint64_t)time(NULL);
    char end;
    struct tm t;

    if (text != NULL) {
        if (strlen(text) != 10 || strspn(text, "0123456789-") != 10 || text[0] == '-' ||
            sscanf(text, "%4u-%2u-%2u%c", &s->year, &s->month, &s->day, &end) != 3)
            FAIL(e, SELFSAME_USAGE, "--date: expected YYYY-MM-DD, got \"%.24s\"", text);
        return SELFSAME_OK;
    }
    if (epoch != NULL && !uint_parse(epoch, strlen(epoch), INT32_MAX, &seconds))
        FAIL(e, SELFSAME_USAGE,
            "SOURCE_DATE_EPOCH: expected seconds since 1970, got \"%.24s\"", epoch);
    if (gmtime_r(&(time_t){ (time_t)seconds }, &t) == NULL)
        FAIL(e, SELFSAME_INTERNAL, "the date");
    s->year = (unsigned)t.tm_year + 1900;
    s->month = (unsigned)t.tm_mon + 1;
    s->day = (unsigned)t.tm_mday;
    return SELFSAME_OK;
}

static enum selfsame_code
take_number(struct cli *c, const char *option, uint16_t *ret, struct selfsame_err *e)
{
    uint64_t n = 0;

    TRY(cli_uint(c, option, 0, UINT16_MAX, &n, e));
    *ret = (uint16_t)n;
    return SELFSAME_OK;
}

/* A stream says nothing of attributes and numbers; a manifest says all. */
static enum selfsame_code
take_fields(struct cli *c, const char *path, struct sigstruct *s, struct arena *arena,
    struct selfsame_err *e)
{
    struct gramine_manifest m;
    struct selfsame_bytes text;
    uint8_t head[64];
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));

    if (n < 0)
        return file_error(e, "cannot read", path);
    if (sgxs_recognise(BYTES(head, (size_t)n))) {
        *s = (struct sigstruct){ .misc_mask = UINT32_MAX,
            .flags = SGX_FLAG_MODE64BIT,
            .flags_mask = UINT64_MAX,
            .xfrm = XFRM_LEGACY,
            .xfrm_mask = XFRM_MASK };
        TRY(take_number(c, "isv-prod-id", &s->isv_prod_id, e));
        return take_number(c, "isv-svn", &s->isv_svn, e);
    }
    if (cli_value(c, "isv-prod-id") != NULL || cli_value(c, "isv-svn") != NULL)
        FAIL(e, SELFSAME_USAGE,
            "--isv-prod-id and --isv-svn: the manifest says them (sgx.isvprodid, "
            "sgx.isvsvn)");
    TRY(file_read(path, GRAMINE_MANIFEST_MAX, arena, &text, e));
    TRY_WHILE(e, gramine_manifest_parse(text, arena, &m, e), "%s", path);
    gramine_sigstruct(&m, s);
    return SELFSAME_OK;
}

static enum selfsame_code
make(struct cli *c, const char *path, struct selfsame_bytes mrenclave,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 28);
    const char *key_path = cli_value(c, "sgx-key");
    auto_key *key = NULL;
    struct selfsame_bytes pem;
    struct sigstruct s;

    TRY(file_read(key_path, 1 << 16, cli_arena(c), &pem, e));
    TRY_WHILE(e, key_take_pem(pem, &key, e), "--sgx-key %s", key_path);
    TRY(take_fields(c, path, &s, &arena, e));
    TRY(take_date(c, &s, e));
    s.enclave_hash = mrenclave;
    TRY_WHILE(
        e, sigstruct_make(&s, key, cli_arena(c), ret, e), "--sgx-key %s", key_path);
    return SELFSAME_OK;
}

/* What others will read of it. */
static enum selfsame_code
tell(struct selfsame_bytes sig, json_t *measured, struct selfsame_err *e)
{
    struct sigstruct s;
    uint8_t signer[32];
    char hex[65];

    TRY(sigstruct_parse(sig, &s, e));
    TRY(sigstruct_verify(&s, e));
    if (!sigstruct_mrsigner(&s, signer))
        FAIL(e, SELFSAME_NOMEM, "the output");
    hex_encode(BYTES_ARR(signer), hex);
    if (json_object_set_new(measured, "mrsigner", json_string(hex)) != 0 ||
        json_object_set_new(measured, "isv_prod_id", json_integer(s.isv_prod_id)) !=
            0 ||
        json_object_set_new(measured, "isv_svn", json_integer(s.isv_svn)) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

/* A SIGSTRUCT may be made anew; a file of another kind is a slip of the finger. */
static enum selfsame_code
may_replace(const char *path, struct selfsame_err *e)
{
    struct stat st;

    if (stat(path, &st) == 0 && st.st_size != SIGSTRUCT_SIZE)
        FAIL(e, SELFSAME_USAGE,
            "%s: expected no file or a SIGSTRUCT of %d bytes to replace, got %lld "
            "bytes of something else",
            path, (int)SIGSTRUCT_SIZE, (long long)st.st_size);
    return SELFSAME_OK;
}

enum selfsame_code
measure_sgx_sign(struct cli *c, const char *image, bool dir, json_t *measured,
    struct selfsame_err *e)
{
    const char *hex = json_string_value(json_object_get(measured, "mrenclave"));
    const char *path = dir ? arena_printf(
                                 cli_arena(c), "%s/image.%s", image, SGX_PART_MANIFEST)
                           : image;
    const char *to = cli_value(c, "sig");
    struct selfsame_bytes sig;
    uint8_t mrenclave[32];
    size_t len;

    if (to == NULL && dir)
        to = arena_printf(cli_arena(c), "%s/image.%s", image, SGX_PART_SIG);
    if (to == NULL && !dir)
        FAIL(e, SELFSAME_USAGE, "--sgx-key: expected --sig FILE, where it goes");
    if (hex == NULL || !hex_decode(hex, strlen(hex), mrenclave, 32, &len) || len != 32)
        FAIL(e, SELFSAME_USAGE, "--sgx-key: expected an enclave of SGX to sign");
    if (json_object_get(measured, "mrsigner") != NULL)
        FAIL(e, SELFSAME_USAGE, "--sgx-key: %s is signed already", image);
    if (path == NULL || to == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    TRY(may_replace(to, e));
    TRY(make(c, path, BYTES_ARR(mrenclave), &sig, e));
    TRY(tell(sig, measured, e));
    return file_write(to, sig, false, e);
}
