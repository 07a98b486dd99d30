/* SPDX-License-Identifier: Apache-2.0 */
#include "service/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* One process has one manager; written before there are threads. */
static struct sockaddr_un manager;
static socklen_t manager_len;

/* A path, or '@' and a name of the abstract namespace; vsock is for whole machines. */
void
service_notify_open(void)
{
    const char *at = getenv("NOTIFY_SOCKET");
    const size_t len = at != NULL ? strlen(at) : 0;

    manager_len = 0;
    if (len < 2 || len >= sizeof(manager.sun_path) || (at[0] != '/' && at[0] != '@'))
        return;
    manager = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(manager.sun_path, at, len);
    if (at[0] == '@')
        manager.sun_path[0] = '\0';
    manager_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void
service_notify(const char *state)
{
    if (manager_len == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* A manager that does not listen is no reason to stop serving. */
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL,
        (const struct sockaddr *)&manager, manager_len);
    (void)close(fd);
}

void
service_notify_reloading(void)
{
    struct timespec now = { 0 };
    char state[80];

    /* Since systemd 253: the time tells this reload from an earlier one. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
        (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    service_notify(state);
}
