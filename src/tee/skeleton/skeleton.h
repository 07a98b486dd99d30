/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SKELETON_H
#define SELFSAME_SKELETON_H

#include "tee/tee.h"

/*
 * The beginning of a TEE: compiles, is listed in no table, refuses everything.
 * Copy the folder, rename, fill in, and add a line to each .def file that applies.
 * Here stand the constants of the format, each with the paragraph of its source.
 */
struct skeleton_quote {
    struct selfsame_bytes body, signature; /* views into the evidence */
};

/* parse.c: bytes to struct, nothing believed. */
MUST enum selfsame_code skeleton_parse(
    struct selfsame_bytes in, struct skeleton_quote *ret, struct selfsame_err *e);

extern const struct tee_verifier skeleton_verifier;
extern const struct tee_measurer skeleton_measurer;
extern const struct tee_attester skeleton_attester;
extern const struct tee_launcher skeleton_launcher;

#endif
