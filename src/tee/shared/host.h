/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEE_HOST_H
#define SELFSAME_TEE_HOST_H

#include "tee/tee.h"

/*
 * What launchers ask of a host. Everything is looked up below `root` and in `path`,
 * so that a test can lay out a host of its own.
 */
enum { HOST_LINE = 512, HOST_FACTS = 12 };
struct tee_host {
    const char *root; /* "" on a real one */
    const char *path; /* PATH, or NULL */
};
struct tee_host tee_this_host(void);

bool host_exists(const struct tee_host *host, const char *path);
/* The number behind `key` at the start of a line; UINT64_MAX when there is none. */
uint64_t host_number(const struct tee_host *host, const char *path, const char *key);
/* Up to cap - 1 bytes and a NUL; false when it cannot be read. */
bool host_text(const struct tee_host *host, const char *path, char *ret, size_t cap);
/* The first program of this name in PATH. */
bool host_program(
    const struct tee_host *host, const char *name, char ret[static HOST_LINE]);
/* The first line that `program --version` prints. */
bool host_version(const char *program, char ret[static HOST_LINE]);
/* Is there a line with this word in what `program args` prints? At most six arguments. */
bool host_says(const char *program, const char *const *args, const char *word);
/* Starts it and waits; it ends when we do. IO with `what` unless its status is 0. */
MUST enum selfsame_code host_run(
    const char *program, char *const argv[], const char *what, struct selfsame_err *e);

/* The facts of a pre-flight, in the arena. */
struct host_facts {
    struct arena *arena;
    struct tee_host_fact *list;
    size_t count;
    bool nomem;
};
MUST enum selfsame_code host_facts_begin(
    struct host_facts *f, struct arena *arena, struct selfsame_err *e);
SELFSAME_PRINTF(5, 6)
void host_fact(struct host_facts *f, bool ok, const char *what, const char *fix,
    const char *fmt, ...);
/* IO with the first that does not hold and its fix: "cannot start <what> here: …". */
MUST enum selfsame_code host_facts_end(const struct host_facts *f, const char *what,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e);

#endif
