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
