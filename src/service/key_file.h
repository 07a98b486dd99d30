/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_KEY_FILE_H
#define SELFSAME_KEY_FILE_H

#include "crypto/crypto.h"

/*
 * Private keys in files of those who sign: logs, witnesses, publishers. What was read or
 * written is wiped from memory; only the key itself stays.
 */
/* USAGE: others may read the file. */
MUST enum selfsame_code key_file_read(
    const char *path, struct key **ret, struct selfsame_err *e);
/* USAGE: others may read the file; what is not there is found out by whoever reads it. */
MUST enum selfsame_code key_file_check(const char *path, struct selfsame_err *e);
/* A new Ed25519 key when path is NULL. */
MUST enum selfsame_code key_file_take(
    const char *path, struct key **ret, struct selfsame_err *e);
/* Mode 0600. */
MUST enum selfsame_code key_file_write(
    const char *path, const struct key *k, struct selfsame_err *e);

/* "DIR/NAME" */
MUST enum selfsame_code path_join(const char *dir, const char *name,
    struct arena *arena, const char **ret, struct selfsame_err *e);

#endif
