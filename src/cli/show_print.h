/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_SHOW_PRINT_H
#define SELFSAME_CLI_SHOW_PRINT_H

#include "codec/json.h"

/* For people: names and values, indented. What could command a terminal is escaped. */
void show_print(const json_t *tree);

#endif
