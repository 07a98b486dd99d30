/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/print.h"
#include "service/key_file.h"
#include "verifier/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAST_MAX = 100000 };

/* ---- check ---- */

static enum selfsame_code
do_check(struct cli *c, const char *dir, struct selfsame_err *e)
{
    struct audit_check k;
    char root[65];

    TRY(audit_verify(dir, &k, e));
    hex_encode(BYTES_ARR(k.root), root);
    if (cli_json(c)) {
        auto_json *j = json_pack("{s:s,s:I,s:I,s:I,s:s}", "result", "ok", "rows",
            (json_int_t)k.rows, "segments", (json_int_t)k.segments, "checkpointed",
            (json_int_t)k.checkpointed, "root", root);
        TRY(print_json_line(j, e));
    } else {
        (void)printf("ok: %" PRIu64 " rows in %" PRIu64 " segments, %" PRIu64
                     " under a signed checkpoint, root %s\n",
            k.rows, k.segments, k.checkpointed, root);
    }
    return print_flush(e);
}

/* ---- show ---- */

/* The last rows, as they were read. */
struct showing {
    const char *tenant;
    char **ring;
    size_t room;
    uint64_t count;
    bool nomem;
};

static void
keep(void *ctx, uint64_t seq, struct selfsame_bytes tenant, struct selfsame_bytes line)
{
    struct showing *s = ctx;

    (void)seq;
    if (s->tenant != NULL && !bytes_eq(bytes_str(s->tenant), tenant))
        return;
    char **at = &s->ring[s->count % s->room];
    free(*at);
    *at = strndup((const char *)line.ptr, line.len);
    s->nomem = s->nomem || *at == NULL;
    s->count++;
}

static void
print_rows(const struct showing *s)
{
    const uint64_t first = s->count > s->room ? s->count - s->room : 0;

    for (uint64_t i = first; i < s->count; i++)
        if (s->ring[i % s->room] != NULL)
            (void)printf("%s\n", s->ring[i % s->room]);
}

static enum selfsame_code
do_show(struct cli *c, const char *dir, struct selfsame_err *e)
{
    struct showing s = { .tenant = cli_value(c, "tenant") };
    struct audit_check k;
    uint64_t last = 100;

    TRY(cli_uint(c, "last", 1, LAST_MAX, &last, e));
    s.room = (size_t)last;
    s.ring = calloc(s.room, sizeof(*s.ring));
    if (s.ring == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for rows");
    enum selfsame_code code = audit_read(dir, &k, keep, &s, e);
    if (code == SELFSAME_OK && s.nomem)
        code = err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory for rows");
    print_rows(&s); /* also those before what is wrong */
    for (size_t i = 0; i < s.room; i++)
        free(s.ring[i]);
    free(s.ring);
    return code == SELFSAME_OK ? print_flush(e) : code;
}

static const struct cli_option options[] = {
    { .name = "tenant", .argument = "NAME", .help = "show: only rows of this tenant" },
    { .name = "last",
        .argument = "N",
        .help = "show: only the last N of them (default 100)" },
    { 0 },
};

static enum selfsame_code
run_audit(struct cli *c, struct selfsame_err *e)
{
    const char *verb = cli_operand(c, 0), *dir;

    TRY(path_join(cli_operand(c, 1), "audit", cli_arena(c), &dir, e));
    if (strcmp(verb, "check") == 0)
        return do_check(c, dir, e);
    if (strcmp(verb, "show") == 0)
        return do_show(c, dir, e);
    FAIL(e, SELFSAME_USAGE, "expected check or show, got \"%.20s\"", verb);
}

const struct cli_command verifier_audit_command = {
    .name = "verifier audit",
    .operands = "check|show DIR",
    .summary = "read a verifier's audit log again: its chain, its tree, its checkpoint",
    .story =
        "Every row has the hash of the one before, and the checkpoint signs the tree "
        "of\n"
        "all rows: what was changed, removed or put in between is found. \"show\" "
        "prints\n"
        "the rows, one verdict a line (docs/formats/audit.md). Reads alone, also while "
        "the\n"
        "verifier runs.\n\n"
        "  selfsame verifier audit check /var/lib/verifier\n",
    .options = options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run_audit,
};
