/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REPRO_BUILDING_H
#define SELFSAME_REPRO_BUILDING_H

#include "repro/repro.h"

/* One build: everything lives until the outputs are written. */
struct building {
    const struct repro_options *o;
    struct arena *arena;
    struct recipe recipe;
    struct source *source;
    struct dir_skip skip;
    bool recipe_in_source;
    struct run_config run; /* what the image runs */
};

static inline enum selfsame_code
building_no_memory(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory to build an image");
}

/* program.c: what the image runs, and the text of /selfsame/run that says so. */
MUST enum selfsame_code program_choose(
    struct building *b, struct run_config *ret, struct selfsame_err *e);
MUST enum selfsame_code program_config(struct building *b, const struct run_config *run,
    struct selfsame_bytes *ret, struct selfsame_err *e);

/* machine.c: one of our programs into a tree. */
MUST enum selfsame_code machine_add_tool(struct building *b, struct tree *tree,
    const char *path, const char *to, struct selfsame_err *e);
/*
 * Which options belong to which TEE: USAGE where it would have to be guessed. Then
 * everything an image of m->tee has beside the application.
 */
MUST enum selfsame_code machine_check_options(const struct repro_options *o,
    const struct repro_tees *tees, struct selfsame_err *e);
MUST enum selfsame_code machine_make(
    struct building *b, struct pack_machine *m, struct selfsame_err *e);
void machine_free(struct pack_machine *m);

#endif
