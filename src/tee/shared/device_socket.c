/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/device_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char unix_prefix[] = "unix:";

const char *
device_socket(const char *device)
{
    size_t n = sizeof(unix_prefix) - 1;

    return device != NULL && strncmp(device, unix_prefix, n) == 0 ? device + n : NULL;
}

bool
device_socket_present(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int
connect_to(const char *path)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(sa.sun_path))
        errno = ENAMETOOLONG;
    memcpy(sa.sun_path, path, strnlen(path, sizeof(sa.sun_path) - 1));
    if (fd >= 0 && strlen(path) < sizeof(sa.sun_path) &&
        connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
        return fd;
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    return -why;
}

static bool
receive(int fd, uint8_t *buf, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, buf + got, len - got, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

int
device_exchange(const char *path, struct selfsame_bytes message, uint8_t *buf,
    size_t cap, size_t *ret_len)
{
    uint8_t head[4];
    struct writer w = writer_of(head, sizeof(head));
    int fd = connect_to(path), why = -EPROTO;

    if (fd < 0)
        return fd;
    put_be32(&w, (uint32_t)message.len);
    if (send(fd, head, sizeof(head), MSG_NOSIGNAL) == (ssize_t)sizeof(head) &&
        send(fd, message.ptr, message.len, MSG_NOSIGNAL) == (ssize_t)message.len &&
        receive(fd, head, sizeof(head))) {
        struct reader r = reader_of(BYTES_ARR(head));

        *ret_len = get_be32(&r);
        why = *ret_len <= cap && receive(fd, buf, *ret_len) ? 0 : -EPROTO;
    }
    (void)close(fd);
    return why;
}
