/* SPDX-License-Identifier: Apache-2.0 */
#include "log/export.h"
#include "os/os.h"

#include <stdio.h>

/* usage: export_corim STATEMENT OUT [KEY]: a CoRIM for tests/export.sh to read. */
static enum selfsame_code
export_file(int argc, char **argv, struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 << 20);
    struct selfsame_bytes in, pem, out;
    struct statement s;
    auto_key *key = NULL;

    if (argc < 3)
        FAIL(e, SELFSAME_USAGE, "usage: export_corim STATEMENT OUT [KEY]");
    TRY(file_read(argv[1], ENTRY_MAX, &arena, &in, e));
    TRY(statement_parse(in, &arena, &s, e));
    if (argc > 3) {
        TRY(file_read(argv[3], ENTRY_MAX, &arena, &pem, e));
        TRY(key_from_pem(pem, &key, e));
    }
    TRY(corim_of_release(&s, key, &arena, &out, e));
    return file_write(argv[2], out, false, e);
}

int
main(int argc, char **argv)
{
    struct selfsame_err e = { 0 };
    char text[1200];
    enum selfsame_code code = export_file(argc, argv, &e);

    if (code == SELFSAME_OK)
        return 0;
    (void)selfsame_err_print(&e, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
    return (int)code;
}
