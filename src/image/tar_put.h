/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TAR_PUT_H
#define SELFSAME_TAR_PUT_H

#include "image/tar.h"
#include "image/tree.h"

/*
 * A tar, written: the same tree gives the same bytes. UNSUPPORTED: what does not fit into
 * its fields.
 */
/* A member; `data` of files, exactly t->size bytes. */
MUST enum selfsame_code tar_put(const struct tar_entry *t, const struct content *data,
    const struct sink *out, struct selfsame_err *e);
/* Only its header: whoever goes on writes t->size bytes, and zeros up to a whole block. */
MUST enum selfsame_code tar_put_head(
    const struct tar_entry *t, const struct sink *out, struct selfsame_err *e);
MUST enum selfsame_code tar_put_node(
    const struct node *n, const struct sink *out, struct selfsame_err *e);
MUST enum selfsame_code tar_put_end(const struct sink *out, struct selfsame_err *e);

#endif
