/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* drivers/misc/nsm.c and include/uapi/linux/nsm.h: what a guest sees of the driver. */
enum { NSM_REQUEST_MAX = 0x1000 };
#define NSM_IOCTL_RAW 0xC0200A00u
struct nsm_raw {
    uint64_t request, request_len, response, response_len;
};

enum selfsame_code
nsm_open(struct nsm *n, struct selfsame_err *e)
{
    struct seccomp_notif_sizes sizes;

    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
        FAIL(e, SELFSAME_IO, "this kernel has no seccomp notification: %s",
            strerror(errno));
    /* A newer kernel's structures may be larger than those of our headers. */
    n->notif_size = sizes.seccomp_notif > sizeof(*n->notif) ? sizes.seccomp_notif
                                                            : sizeof(*n->notif);
    n->answer_size = sizes.seccomp_notif_resp > sizeof(*n->answer)
                         ? sizes.seccomp_notif_resp
                         : sizeof(*n->answer);
    n->notif = calloc(1, n->notif_size);
    n->answer = calloc(1, n->answer_size);
    if (n->notif == NULL || n->answer == NULL)
        FAIL(e, SELFSAME_NOMEM, "buffers of the simulated device");
    return SELFSAME_OK;
}

void
nsm_close(struct nsm *n)
{
    free(n->notif);
    free(n->answer);
    fd_close(&n->listener);
    n->notif = NULL;
    n->answer = NULL;
}

static bool
copy_in(pid_t pid, uint64_t from, void *to, size_t len)
{
    struct iovec mine = { .iov_base = to, .iov_len = len };
    struct iovec its = { .iov_base = (void *)(uintptr_t)from, .iov_len = len };

    return len == 0 || process_vm_readv(pid, &mine, 1, &its, 1, 0) == (ssize_t)len;
}

static bool
copy_out(pid_t pid, const void *from, uint64_t to, size_t len)
{
    struct iovec mine = { .iov_base = (void *)(uintptr_t)from, .iov_len = len };
    struct iovec its = { .iov_base = (void *)(uintptr_t)to, .iov_len = len };

    return len == 0 || process_vm_writev(pid, &mine, 1, &its, 1, 0) == (ssize_t)len;
}

/*
 * Is this descriptor the guest's /dev/nsm? Its mount says so, however the
 * descriptor came about (dup, fork, SCM_RIGHTS, a relative path, a link).
 */
static bool
is_device(pid_t pid, int fd, uint64_t mount)
{
    char path[64], text[512];

    (void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
    auto_fd info = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = info >= 0 ? read(info, text, sizeof(text) - 1) : -1;
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *at = strstr(text, "mnt_id:");
    return at != NULL && strtoull(at + 7, NULL, 10) == mount;
}

/* The caller may have died, and its number may belong to another process by now. */
static bool
still_waiting(const struct nsm *n)
{
    uint64_t id = n->notif->id;

    return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* 0 or a negative errno, as the driver's nsm_dev_ioctl returns. */
static int
device_ioctl(struct nsm *n, pid_t pid, uint64_t argument)
{
    uint8_t request[NSM_REQUEST_MAX];
    struct nsm_raw raw;
    auto_arena arena = arena_new((size_t)1 << 20);
    struct selfsame_bytes response;
    struct selfsame_err err = { 0 };

    if (!copy_in(pid, argument, &raw, sizeof(raw)))
        return -EFAULT;
    if (raw.request_len > sizeof(request))
        return -EMSGSIZE;
    if (!copy_in(pid, raw.request, request, (size_t)raw.request_len))
        return -EFAULT;
    n->calls++;
    if (n->sim->device_call(n->device, os_now_ms(),
            BYTES(request, (size_t)raw.request_len), &arena, &response,
            &err) != SELFSAME_OK) {
        (void)fprintf(stderr, "selfsame-sim: /dev/nsm: %s\n", err_text(&err));
        return -EIO;
    }
    /* Cut without a word, as the driver does: the new length is all a caller sees. */
    if (raw.response_len > response.len)
        raw.response_len = response.len;
    if (!still_waiting(n) ||
        !copy_out(pid, response.ptr, raw.response, (size_t)raw.response_len) ||
        !copy_out(pid, &raw, argument, sizeof(raw)))
        return -EFAULT;
    return 0;
}

bool
nsm_serve(struct nsm *n)
{
    memset(n->notif, 0, n->notif_size);
    memset(n->answer, 0, n->answer_size);
    if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, n->notif) != 0)
        /* ENOENT: the caller was killed meanwhile. */
        return errno == EINTR || errno == ENOENT || errno == EAGAIN;
    const struct seccomp_data *d = &n->notif->data;
    pid_t pid = (pid_t)n->notif->pid;
    n->answer->id = n->notif->id;
    if (!is_device(pid, (int)d->args[0], n->mount) || !still_waiting(n))
        n->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else if ((uint32_t)d->args[1] != NSM_IOCTL_RAW)
        n->answer->error = -EINVAL;
    else
        n->answer->error = device_ioctl(n, pid, d->args[2]);
    return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, n->answer) == 0 ||
           errno == ENOENT || errno == EINTR;
}
