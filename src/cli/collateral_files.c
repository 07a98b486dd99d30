/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --collateral FILE|DIR: what vendors hand out beside evidence. A file is taken as it
 * is, and verification says what is wrong with it. In a directory, which may hold
 * evidence and notes as well, files are told by their content.
 */
#include "cli/verify_options.h"
#include "codec/pem.h"
#include "crypto/crl.h"
#include "os/os.h"
#include "tee/shared/dcap.h"
#include "tee/snp/snp.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { COLLATERAL_LIMIT = 1 << 20, GIVEN = 16, ENTRIES = 256 };

static bool
contains(struct selfsame_bytes hay, const char *needle)
{
    const size_t len = strlen(needle);

    for (size_t i = 0; i + len <= hay.len; i++)
        if (bytes_has_prefix(BYTES(hay.ptr + i, hay.len - i), bytes_str(needle)))
            return true;
    return false;
}

static bool
is_collateral(struct selfsame_bytes b)
{
    struct selfsame_err ignored;
    struct cert cert;
    struct crl crl;

    if (dcap_quote_recognise(b, DCAP_SGX) || dcap_quote_recognise(b, DCAP_TDX))
        return false; /* evidence, although there are certificates in it */
    return contains(b, "-----BEGIN CERTIFICATE-----") ||
           contains(b, "-----BEGIN X509 CRL-----") || snp_table_recognise(b) ||
           dcap_piece_recognise(b) || cert_parse(b, &cert, &ignored) == SELFSAME_OK ||
           crl_parse(b, &crl, &ignored) == SELFSAME_OK;
}

static enum selfsame_code
add_file(struct cli *c, const struct collateral_sink *s, const char *path,
    struct selfsame_err *e)
{
    struct selfsame_bytes b;

    TRY(file_read(path, COLLATERAL_LIMIT, cli_arena(c), &b, e));
    if (b.len == 0)
        TRY_WHILE(e, file_empty(e, "certificates, CRLs or TCB info"), "%s", path);
    return s->put(s->ctx, b, e);
}

/* Sorted, so that a verdict does not depend on the order of a directory. */
static enum selfsame_code
add_dir(struct cli *c, const struct collateral_sink *s, const char *path,
    struct selfsame_err *e)
{
    struct dirent **list = NULL;
    size_t taken = 0;
    int n = scandir(path, &list, NULL, alphasort);
    enum selfsame_code code = SELFSAME_OK;

    if (n < 0)
        return file_error(e, "cannot read", path);
    for (int i = 0; i < n && code == SELFSAME_OK && n <= ENTRIES; i++) {
        char *file = arena_printf(cli_arena(c), "%s/%s", path, list[i]->d_name);
        struct selfsame_bytes b;
        struct stat st;

        if (file == NULL) {
            code = err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "a path");
            break;
        }
        if (stat(file, &st) != 0 || !S_ISREG(st.st_mode) ||
            st.st_size > COLLATERAL_LIMIT)
            continue;
        code = file_read(file, COLLATERAL_LIMIT, cli_arena(c), &b, e);
        if (code != SELFSAME_OK || !is_collateral(b))
            continue;
        code = s->put(s->ctx, b, e);
        taken++;
    }
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
    TRY(code);
    if (n > ENTRIES)
        FAIL(e, SELFSAME_USAGE, "%s: expected at most %d entries, got %d", path,
            (int)ENTRIES, n);
    if (taken == 0)
        FAIL(e, SELFSAME_USAGE,
            "%s: expected certificates, CRLs or TCB info in this directory, got none",
            path);
    return SELFSAME_OK;
}

enum selfsame_code
collateral_read(struct cli *c, const char *option, const struct collateral_sink *s,
    struct selfsame_err *e)
{
    const char *given[GIVEN];
    size_t count = cli_values(c, option, given, GIVEN);
    struct stat st;

    if (count > GIVEN)
        FAIL(e, SELFSAME_USAGE, "--%s: expected at most %d, got %zu", option, GIVEN,
            count);
    for (size_t i = 0; i < count; i++) {
        bool dir = stat(given[i], &st) == 0 && S_ISDIR(st.st_mode);

        TRY_WHILE(e, dir ? add_dir(c, s, given[i], e) : add_file(c, s, given[i], e),
            "--%s", option);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
give(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    return selfsame_verifier_add_collateral(ctx, piece, e);
}

enum selfsame_code
collateral_files(struct cli *c, struct selfsame_verifier *v, struct selfsame_err *e)
{
    const struct collateral_sink s = { .put = give, .ctx = v };

    return collateral_read(c, "collateral", &s, e);
}
