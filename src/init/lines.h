/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_INIT_LINES_H
#define SELFSAME_INIT_LINES_H

#include <stddef.h>

/*
 * Gives every line of the text, ended by a NUL in place of its line feed, to `take`,
 * which says what is wrong with it or NULL. text has room for one more byte behind len.
 * NULL, or what is wrong in *ret_line (counted from 1).
 */
const char *lines_each(char *text, size_t len,
    const char *(*take)(void *ctx, char *line), void *ctx, unsigned *ret_line);

#endif
