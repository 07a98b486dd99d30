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

const struct guest_device *
guest_device_of(const char *tee)
{
    static const struct guest_device *const all[] = { &nsm_device, &sev_guest_device,
        &tdx_guest_device, &gramine_device };

    for (size_t i = 0; i < COUNT(all); i++)
        if (strcmp(all[i]->tee, tee) == 0)
            return all[i];
    return NULL;
}

enum selfsame_code
notify_open(struct notify *n, struct selfsame_err *e)
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
notify_close(struct notify *n)
{
    free(n->notif);
    free(n->answer);
    fd_close(&n->listener);
    n->notif = NULL;
    n->answer = NULL;
}

bool
copy_in(pid_t pid, uint64_t from, void *to, size_t len)
{
    struct iovec mine = { .iov_base = to, .iov_len = len };
    struct iovec its = { .iov_base = (void *)(uintptr_t)from, .iov_len = len };

    return len == 0 || process_vm_readv(pid, &mine, 1, &its, 1, 0) == (ssize_t)len;
}

bool
copy_out(pid_t pid, const void *from, uint64_t to, size_t len)
{
    struct iovec mine = { .iov_base = (void *)(uintptr_t)from, .iov_len = len };
    struct iovec its = { .iov_base = (void *)(uintptr_t)to, .iov_len = len };

    return len == 0 || process_vm_writev(pid, &mine, 1, &its, 1, 0) == (ssize_t)len;
}

/*
 * Is this descriptor the guest's device? Its mount says so, however the
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

bool
notify_waits(const struct notify *n)
{
    uint64_t id = n->notif->id;

    return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool
notify_ask(struct notify *n, struct selfsame_bytes request, struct arena *arena,
    struct selfsame_bytes *ret)
{
    struct selfsame_err err = { 0 };

    n->calls++;
    if (n->sim->device_call(n->state, os_now_ms(), request, arena, ret, &err) ==
        SELFSAME_OK)
        return true;
    (void)fprintf(stderr, "selfsame-sim: %s: %s\n", n->sim->name, err_text(&err));
    return false;
}

bool
notify_serve(struct notify *n)
{
    memset(n->notif, 0, n->notif_size);
    memset(n->answer, 0, n->answer_size);
    if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, n->notif) != 0)
        /* ENOENT: the caller was killed meanwhile. */
        return errno == EINTR || errno == ENOENT || errno == EAGAIN;
    const struct seccomp_data *d = &n->notif->data;
    pid_t pid = (pid_t)n->notif->pid;
    n->answer->id = n->notif->id;
    if (!is_device(pid, (int)d->args[0], n->mount) || !notify_waits(n))
        n->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        n->answer->error = n->device->call(n, pid, (uint32_t)d->args[1], d->args[2]);
    return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, n->answer) == 0 ||
           errno == ENOENT || errno == EINTR;
}
