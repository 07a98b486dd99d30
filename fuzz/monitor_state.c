/* SPDX-License-Identifier: Apache-2.0 */
#include "service/monitor_parts.h"

#include <stdlib.h>

/* The file a monitor keeps: what parses is whole and points nowhere outside itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_err e = { 0 };
    struct state s = { .note = NULL };

    if (state_parse(BYTES(data, size), &s, &e) != SELFSAME_OK)
        return 0;
    if (s.note == NULL || s.next > s.checkpoint.size || s.pending_count > PENDING ||
        s.edge_len > TILES_EDGE_MAX || s.stranger_count > MONITOR_STRANGE_NAMES)
        abort();
    for (size_t i = 0; i < s.pending_count; i++)
        if (s.pending[i].note == NULL || s.pending[i].checkpoint.origin.ptr == NULL)
            abort();
    for (size_t i = 0; i < s.release_count; i++)
        if (s.releases[i].name >= s.name_count)
            abort();
    for (size_t i = 0; i < s.rebuild_count; i++)
        if (s.rebuilds[i].release >= s.release_count ||
            rebuild_word(s.rebuilds[i].result) == NULL)
            abort();
    state_free(&s);
    return 0;
}
