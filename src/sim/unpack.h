/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SIM_UNPACK_H
#define SELFSAME_SIM_UNPACK_H

#include "sim/sim.h"

/* place.c: entries of an initramfs become files below a root, and nowhere else. */
struct place_entry {
    uint32_t ino, mode, uid, gid, nlink, dev_major, dev_minor;
    uint64_t size;
    const char *name;
    const char *target; /* symbolic link: set before placer_begin */
};
bool place_is_link(const struct place_entry *e);

struct placer;
MUST enum selfsame_code placer_new(
    int root, struct placer **ret, struct selfsame_err *e);
void placer_free(struct placer *p);
MUST enum selfsame_code placer_begin(
    struct placer *p, const struct place_entry *entry, struct selfsame_err *e);
MUST enum selfsame_code placer_data(
    struct placer *p, struct selfsame_bytes b, struct selfsame_err *e);
MUST enum selfsame_code placer_end(struct placer *p, struct selfsame_err *e);
void placer_end_archive(struct placer *p); /* hard links do not cross archives */
MUST enum selfsame_code placer_finish(struct placer *p, struct selfsame_err *e);

#endif
