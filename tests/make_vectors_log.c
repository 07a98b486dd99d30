/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: make_vectors_log FOLDER
 * Writes FOLDER/log/ and FOLDER/release/, which are there and empty. The same bytes at every run:
 * a difference to what is committed is a change of meaning.
 */
#include "vector_maker.h"

static void
fill(struct world *w, const char *what, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)world_add(w, bytes_str(arena_printf(&w->arena, "%s %zu", what, i)));
}

int
main(int argc, char **argv)
{
    struct maker m = { .folder = argc == 2 ? argv[1] : NULL };

    if (m.folder == NULL) {
        (void)fprintf(stderr, "usage: make_vectors_log FOLDER\n");
        return 2;
    }
    m.w = world_new();
    fill(m.w, "entry", 8);
    make_notes(&m);
    make_checkpoints(&m);
    make_trees(&m);
    make_proofs(&m);
    make_trust(&m);
    make_envelopes(&m);
    make_statements(&m);
    world_free(m.w);
    m.w = world_new();
    make_releases(&m);
    world_free(m.w);
    return 0;
}
