/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdio.h>
#include <stdlib.h>

enum selfsame_code
print_json_line(const json_t *j, struct selfsame_err *e)
{
    char *text = j != NULL ? json_compact(j) : NULL;

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to print");
    (void)puts(text);
    free(text);
    return SELFSAME_OK;
}

enum selfsame_code
print_flush(struct selfsame_err *e)
{
    if (fflush(stdout) != 0)
        FAIL(e, SELFSAME_IO, "cannot write to standard output");
    return SELFSAME_OK;
}

void
print_event(void *cli, const char *what, const char *sentence)
{
    const struct cli *c = cli;
    auto_json *j = cli_json(c)
                       ? json_pack("{s:s,s:s}", "event", what, "message", sentence)
                       : NULL;
    char *text = j != NULL ? json_compact(j) : NULL;

    if (text != NULL)
        (void)fprintf(stderr, "%s\n", text);
    else
        (void)fprintf(stderr, "selfsame: %s: %s\n", what, sentence);
    free(text);
}
