/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that operands name: files, and directories of what was kept. */
#include "cli/collateral_fetch.h"
#include "codec/cmw.h"
#include "codec/text_input.h"
#include "os/os.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { EVIDENCE_LIMIT = 1 << 20 };

static const struct tee_verifier *
whose(const char *tee, struct selfsame_bytes in)
{
    const struct tee_verifier *v;

    for (size_t i = 0; (v = tee_verifier_at(i)) != NULL; i++)
        if (tee != NULL ? strcmp(v->name, tee) == 0 : v->recognise(in))
            return v;
    return NULL;
}

static enum selfsame_code
read_evidence(struct cli *c, const char *path, struct selfsame_bytes *ret,
    const struct tee_verifier **ret_of, struct selfsame_err *e)
{
    const char *tee = cli_value(c, "tee");
    struct cmw cmw;

    TRY(file_read(path, EVIDENCE_LIMIT, cli_arena(c), ret, e));
    if (ret->len == 0)
        return file_empty(e, "evidence");
    (void)text_input_decode(ret, cli_arena(c));
    if ((*ret_of = whose(tee, *ret)) != NULL && (tee == NULL || !cmw_looks_like(*ret)))
        return SELFSAME_OK;
    if (cmw_looks_like(*ret)) {
        TRY(cmw_parse(*ret, cli_arena(c), &cmw, e));
        for (size_t i = 0; i < cmw.count; i++) {
            *ret = cmw.entries[i].value;
            if ((*ret_of = whose(tee, *ret)) != NULL && (*ret_of)->recognise(*ret))
                return SELFSAME_OK;
        }
    }
    FAIL(e, SELFSAME_UNSUPPORTED, "expected evidence of %s, got none",
        tee != NULL ? tee : "a TEE that is known here");
}

static enum selfsame_code
each_file(struct cli *c, const char *path, const struct collateral_visitor *v,
    struct selfsame_err *e)
{
    struct collateral_evidence x = { .name = path };

    TRY_WHILE(e, read_evidence(c, path, &x.bytes, &x.of, e), "%s", path);
    TRY_WHILE(e, v->visit(v->ctx, &x, e), "%s", path);
    return SELFSAME_OK;
}

/* What is no evidence stands beside it, and is passed over. */
static enum selfsame_code
each_entry(struct cli *c, const char *path, const struct collateral_visitor *v,
    size_t *seen, struct selfsame_err *e)
{
    struct collateral_evidence x = { .name = path };
    struct selfsame_err why = { 0 };
    struct stat st;

    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > EVIDENCE_LIMIT)
        return SELFSAME_OK;
    enum selfsame_code code = read_evidence(c, path, &x.bytes, &x.of, &why);
    if (code == SELFSAME_NOMEM)
        *e = why;
    if (code != SELFSAME_OK || !x.of->recognise(x.bytes))
        return code == SELFSAME_NOMEM ? code : SELFSAME_OK;
    ++*seen;
    TRY_WHILE(e, v->visit(v->ctx, &x, e), "%s", path);
    return SELFSAME_OK;
}

/* Sorted, so that what is told does not depend on the order of a directory. */
static enum selfsame_code
each_dir(struct cli *c, const char *dir, const struct collateral_visitor *v,
    struct selfsame_err *e)
{
    struct dirent **list = NULL;
    enum selfsame_code code = SELFSAME_OK;
    const int n = scandir(dir, &list, NULL, alphasort);
    size_t seen = 0;

    if (n < 0)
        return file_error(e, "cannot read", dir);
    for (int i = 0; i < n; i++) {
        if (code == SELFSAME_OK)
            code = each_entry(c,
                arena_printf(cli_arena(c), "%s/%s", dir, list[i]->d_name), v, &seen, e);
        free(list[i]);
    }
    free(list);
    TRY(code);
    if (seen == 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "%s: expected evidence in this directory, got none", dir);
    return SELFSAME_OK;
}

enum selfsame_code
collateral_each(
    struct cli *c, const struct collateral_visitor *v, struct selfsame_err *e)
{
    struct stat st;

    for (size_t i = 0; i < cli_operand_count(c); i++) {
        const char *path = cli_operand(c, i);
        const bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

        TRY(dir ? each_dir(c, path, v, e) : each_file(c, path, v, e));
    }
    return SELFSAME_OK;
}
