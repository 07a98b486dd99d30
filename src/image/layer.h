/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LAYER_H
#define SELFSAME_LAYER_H

#include "image/tar.h"
#include "image/tree.h"

/*
 * One tar, an OCI layer or a whole root file system, laid upon a tree.
 * Layers follow the OCI image specification, "Image Layer Filesystem Changeset":
 * a whiteout hides what lower layers hold, never what its own layer brings,
 * wherever in the archive it stands. Symbolic links are kept and never followed.
 */

/* Where contents go; `offset` counts from the beginning of the tar. */
struct layer_store {
    enum selfsame_code (*place)(void *ctx, uint64_t size, uint64_t offset,
        struct content *ret, struct selfsame_err *e);
    /* The bytes, in order; NULL: they stay where they are. */
    enum selfsame_code (*write)(
        void *ctx, struct selfsame_bytes piece, struct selfsame_err *e);
    void *ctx;
};

/* Uncompressed bytes that one image may have; a compressed bomb ends here. */
#define LAYER_TOTAL ((uint64_t)64 << 30)

struct layer_names; /* a set of paths */
struct layer {
    struct tree *tree;
    const struct layer_store *store;
    bool whiteouts; /* an OCI layer; false: names are just names */
    struct tar tar;
    uint64_t *total; /* over all layers */
    struct layer_names *own, *hidden, *opaque;
};

/* The layer points to itself: do not copy it. */
MUST enum selfsame_code layer_begin(struct layer *l, struct tree *tree,
    const struct layer_store *store, bool whiteouts, uint64_t *total,
    struct selfsame_err *e);
MUST enum selfsame_code layer_push(
    struct layer *l, struct selfsame_bytes piece, struct selfsame_err *e);
/* Applies the whiteouts. */
MUST enum selfsame_code layer_end(struct layer *l, struct selfsame_err *e);
void layer_free(struct layer *l);
#define auto_layer __attribute__((cleanup(layer_free))) struct layer

/*
 * A path of an archive as a tree has it: no leading "./", no "." or empty
 * component, no trailing slash; "" is the root. MALFORMED: "..", absolute.
 */
MUST enum selfsame_code layer_path(
    const char *in, const char *what, char *ret, size_t cap, struct selfsame_err *e);

#endif
