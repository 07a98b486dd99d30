/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REPRO_DIFFER_H
#define SELFSAME_REPRO_DIFFER_H

#include "codec/json.h"
#include "image/eif.h"
#include "repro/repro.h"

/*
 * One side of a comparison: whatever of image, manifest and measurements there is.
 * Images are mapped, so memory does not grow with them.
 */
struct side_file {
    const char *path, *attributes; /* "f 0755 0 0" */
    const char *digest;            /* of contents, or the target of a link */
    struct selfsame_bytes data;    /* absent in manifests */
    size_t order; /* in the image: a later one replaces an earlier one */
};
struct side_section {
    const char *name; /* "4", "image.kernel" */
    const char *kind; /* "ramdisk"; NULL: the name says it */
    bool unmeasured;
    struct selfsame_bytes data;
};
enum { SIDE_SECTIONS = EIF_SECTIONS + OUT_FILES };
struct side {
    const char *path;
    struct selfsame_bytes map[OUT_FILES];
    size_t maps;
    struct side_section section[SIDE_SECTIONS];
    size_t sections;
    json_t *measurements;    /* or NULL */
    struct side_file *files; /* sorted; each path once */
    size_t count, cap;
};
MUST enum selfsame_code side_open(
    struct side *s, struct arena *arena, struct selfsame_err *e);
void side_free(struct side *s);

#endif
