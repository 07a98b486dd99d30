/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_INSTANCE_H
#define SELFSAME_INSTANCE_H

#include "codec/json.h"

/*
 * Simulated enclaves of this user: one directory each below
 * $XDG_RUNTIME_DIR/selfsame/sim, with state.json, log and the guest's root. The
 * supervisor (selfsame-sim) writes, `run`, `ps`, `logs` and `stop` read. A process
 * is only believed and only signalled when its start time is the recorded one,
 * because numbers of processes are used again.
 */
enum { INSTANCE_NAME = 63, INSTANCE_LOG_MAX = 16 << 20 };

struct instance {
    const char *name, *dir; /* in the arena */
    json_t *state;          /* state.json; NULL: unreadable */
    int pid;                /* of the supervisor */
    uint64_t start;
    bool alive, ready;
};
void instance_free(struct instance *i);
#define auto_instance __attribute__((cleanup(instance_free))) struct instance

/* Letters, digits, '.', '_' and '-', beginning with a letter or digit; USAGE otherwise. */
MUST enum selfsame_code instance_name_check(const char *name, struct selfsame_err *e);
/* The directory of all instances, made when absent. */
MUST enum selfsame_code instance_place(
    struct arena *arena, char **ret, struct selfsame_err *e);
/* Held while directories of instances come and go; waits for others. */
MUST enum selfsame_code instance_lock(
    struct arena *arena, int *ret_fd, struct selfsame_err *e);
/* Field 22 of /proc/PID/stat (clock ticks since boot), 0 when there is no such process. */
uint64_t process_start(int pid);

/* What is recorded about one name; `dir` set and the rest zero when there is nothing. */
MUST enum selfsame_code instance_load(const char *name, struct arena *arena,
    struct instance *ret, struct selfsame_err *e);
/*
 * All of them, by name, in the arena; the caller frees each. Those whose
 * supervisor died without cleaning up are removed on the way; one that cannot be
 * removed is listed as not alive.
 */
MUST enum selfsame_code instance_list(struct arena *arena, struct instance **ret,
    size_t *ret_count, struct selfsame_err *e);
/* Removes a directory that belongs to no living supervisor. The lock must be held. */
MUST enum selfsame_code instance_remove(const char *dir, struct selfsame_err *e);
/* The same for what a dead supervisor left: its guest first, should it live on. */
MUST enum selfsame_code instance_sweep(
    const struct instance *i, struct selfsame_err *e);
/*
 * Claims a name: removes what a dead supervisor left, makes the directory and
 * writes the first state. USAGE when it is in use.
 */
MUST enum selfsame_code instance_claim(const char *name, const json_t *state,
    struct arena *arena, char **ret_dir, struct selfsame_err *e);
MUST enum selfsame_code instance_write(
    const char *dir, const json_t *state, struct selfsame_err *e);

#endif
