/* SPDX-License-Identifier: Apache-2.0 */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static const char nsm_device[] = "/dev/nsm", nsm_module[] = "/selfsame/nsm.ko",
                  sev_device[] = "/dev/sev-guest";

/* In this order: /dev/pts and /dev/shm stand on /dev. */
static const struct {
    const char *type, *path, *options;
    unsigned long flags;
} mounts[] = {
    { "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
    { "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
    { "devtmpfs", "/dev", "mode=0755", MS_NOSUID },
    { "devpts", "/dev/pts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC },
    { "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV },
    { "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV },
    { "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV },
};

static bool
mount_all(void)
{
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        const char *path = mounts[i].path;
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            say_errno(path);
            return false;
        }
        /* EBUSY: this very file system is there, CONFIG_DEVTMPFS_MOUNT for one. */
        if (mount(mounts[i].type, path, mounts[i].type, mounts[i].flags,
                mounts[i].options) != 0 &&
            errno != EBUSY) {
            say_errno(path);
            return false;
        }
    }
    return true;
}

/* The kernel opens a console for us only when the image had one before /dev was mounted. */
static void
open_console(void)
{
    if (fcntl(STDERR_FILENO, F_GETFD) >= 0)
        return;
    int fd = open("/dev/console", O_RDWR | O_NOCTTY);
    if (fd < 0)
        fd = open("/dev/null", O_RDWR);
    for (int to = STDIN_FILENO; fd >= 0 && to <= STDERR_FILENO; to++)
        if (fd != to)
            (void)dup2(fd, to);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

static bool
load_module(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && (syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST);

    if (!ok && fd >= 0 && errno == ENOENT)
        say(path, "it needs a module that was not loaded before it");
    else if (!ok)
        say_errno(path);
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* AWS's module for kernels before 6.8; newer ones have it built in. */
static bool
load_nsm(void)
{
    return (access(nsm_module, F_OK) != 0 && errno == ENOENT) ||
           load_module(nsm_module);
}

/* Where evidence is asked for; kernels without configfs have no such place. */
static bool
mount_configfs(void)
{
    static const char path[] = "/sys/kernel/config";

    if (access(path, F_OK) != 0 ||
        mount("configfs", path, "configfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ==
            0 ||
        errno == EBUSY)
        return true;
    say_errno(path);
    return false;
}

bool
boot_machine(void)
{
    (void)umask(022);
    if (!mount_all())
        return false;
    open_console();
    if (sethostname("localhost", 9) != 0)
        say_errno("host name");
    network_loopback();
    return load_nsm();
}

bool
boot_modules(const struct machine *m)
{
    for (size_t i = 0; i < m->modules; i++)
        if (!load_module(m->module[i]))
            return false;
    return mount_configfs() && network_up(m);
}

/*
 * The parent instance waits for this before it reports the enclave as running
 * (aws-nitro-enclaves-sdk-bootstrap init.c): one byte there and back.
 */
static bool
heartbeat(void)
{
    enum { PARENT = 3, PORT = 9000, BEAT = 0xb7 };
    const struct sockaddr_vm to = {
        .svm_family = AF_VSOCK, .svm_cid = PARENT, .svm_port = PORT
    };
    const struct timeval wait = { .tv_sec = 10 };
    unsigned char beat = BEAT, answer = 0;
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bool ok = fd >= 0 &&
              setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
              connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
              write(fd, &beat, 1) == 1 && read(fd, &answer, 1) == 1;
    if (!ok)
        say_errno("heartbeat to the parent instance");
    else if (answer != BEAT)
        say("heartbeat to the parent instance", "wrong answer");
    if (fd >= 0)
        (void)close(fd);
    return ok && answer == BEAT;
}

/*
 * AWS's driver makes /dev/nsm for everybody. Whoever can open such a device can get
 * evidence about a key of his own, so the agent keeps it unless the image says otherwise.
 */
static bool
guard(const char *device, const struct config *c)
{
    mode_t mode = c->nsm_all ? 0666 : 0600;

    if (chown(device, 0, 0) == 0 && chmod(device, mode) == 0)
        return true;
    say_errno(device);
    return false;
}

bool
boot_devices(const struct config *c)
{
    bool nsm = access(nsm_device, F_OK) == 0;

    if (nsm && !guard(nsm_device, c))
        return false;
    if (access(sev_device, F_OK) == 0 && !guard(sev_device, c))
        return false;
    if (!nsm && !c->heartbeat_vsock)
        return true;
    return heartbeat() || !c->heartbeat_vsock;
}

/* A Nitro enclave ends by a reboot ("reboot=k panic=30"); other machines switch off. */
void
boot_end(const struct config *c)
{
    bool nitro = access(nsm_device, F_OK) == 0 || c->heartbeat_vsock;

    sync();
    (void)reboot(nitro ? RB_AUTOBOOT : RB_POWER_OFF);
    say_errno("ending the machine");
}
