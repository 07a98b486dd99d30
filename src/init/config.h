/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_INIT_CONFIG_H
#define SELFSAME_INIT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What selfsame-init is to start: /selfsame/run, docs/formats/init-config.md.
 * Everything points into the text, which is changed in place. The limits are
 * generous: init has no allocator to run out of.
 */
enum {
    CONFIG_SIZE = 1 << 20,
    CONFIG_ARGS = 1024,
    CONFIG_ENVS = 1024,
    CONFIG_GROUPS = 64,
};

struct config {
    char *arg[CONFIG_ARGS + 1]; /* each of these ends with NULL */
    char *env[CONFIG_ENVS + 2]; /* with a PATH */
    char *agent[CONFIG_ARGS + 1];
    size_t args, envs, agents;
    gid_t groups[CONFIG_GROUPS];
    size_t group_count;
    uid_t user;
    gid_t group;
    const char *dir;
    bool nsm_all;         /* else the agent alone may open /dev/nsm */
    bool heartbeat_vsock; /* else only where there is a /dev/nsm */
    unsigned seen;        /* keys that may stand once */
};

/*
 * text has room for one more byte behind len. NULL, or what is wrong in *ret_line
 * (counted from 1); *ret is whole only when NULL comes back.
 */
const char *config_parse(
    char *text, size_t len, struct config *ret, unsigned *ret_line);

#endif
