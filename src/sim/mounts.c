/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What the guest's kernel and init would have mounted. Host nodes are taken as
 * detached mounts before pivot_root and put in place after it, when every
 * symbolic link of the image can only lead inside the image.
 */
static const struct {
    const char *host, *guest;
} nodes[] = {
    { "/dev/null", "/dev/null" },
    { "/dev/zero", "/dev/zero" },
    { "/dev/full", "/dev/full" },
    { "/dev/random", "/dev/random" },
    { "/dev/urandom", "/dev/urandom" },
    { "/dev/tty", "/dev/tty" },
    /*
     * The TEE's device, under the name that mounts_make is given: a character device of
     * mode 0666, that the seccomp supervisor recognises by this mount. Must stay last.
     */
    { "/dev/null", NULL },
};
enum { NODES = COUNT(nodes) };

static const struct {
    const char *target, *link;
} links[] = {
    { "/proc/self/fd", "/dev/fd" },
    { "/proc/self/fd/0", "/dev/stdin" },
    { "/proc/self/fd/1", "/dev/stdout" },
    { "/proc/self/fd/2", "/dev/stderr" },
    { "pts/ptmx", "/dev/ptmx" },
};

static const struct {
    const char *type, *path, *options;
    unsigned long flags;
    bool optional;
} file_systems[] = {
    { "tmpfs", "/dev", "mode=0755,size=65536k", MS_NOSUID, false },
    { "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false },
    { "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620",
        MS_NOSUID | MS_NOEXEC, true },
    { "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false },
    { "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, false },
};

static const char *const proc_readonly[] = { "/proc/sys", "/proc/sysrq-trigger",
    "/proc/irq", "/proc/bus", "/proc/fs" };
static const char *const proc_hidden[] = { "/proc/kcore", "/proc/keys",
    "/proc/timer_list", "/proc/sched_debug", "/proc/kmsg" };

/* A proc of our process namespace; must be asked for while the host's is visible. */
static int
new_proc(void)
{
    auto_fd context = fsopen("proc", FSOPEN_CLOEXEC);

    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return -1;
    return fsmount(context, FSMOUNT_CLOEXEC,
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

/*
 * A root without a guest namespace of users could turn the host's knobs through
 * its own /proc. Absent files are fine; the guest has no right to undo this.
 */
static bool
guard_proc(void)
{
    for (size_t i = 0; i < COUNT(proc_readonly); i++) {
        const char *p = proc_readonly[i];

        if (access(p, F_OK) != 0)
            continue;
        if (mount(p, p, NULL, MS_BIND | MS_REC, NULL) != 0 ||
            mount(NULL, p, NULL,
                MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                NULL) != 0)
            return false;
    }
    for (size_t i = 0; i < COUNT(proc_hidden); i++)
        if (access(proc_hidden[i], F_OK) == 0 &&
            mount("/dev/null", proc_hidden[i], NULL, MS_BIND, NULL) != 0)
            return false;
    return true;
}

/* A directory to mount on; one of the image is used as it is. */
static bool
place(const char *path)
{
    struct stat st;

    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return false;
    return stat(path, &st) == 0 && (S_ISDIR(st.st_mode) || (errno = ENOTDIR, false));
}

static const char *
mount_file_systems(void)
{
    for (size_t i = 0; i < COUNT(file_systems); i++) {
        const char *path = file_systems[i].path;

        if (!place(path))
            return path;
        if (mount(file_systems[i].type, path, file_systems[i].type,
                file_systems[i].flags, file_systems[i].options) != 0 &&
            !file_systems[i].optional)
            return path;
    }
    return NULL;
}

/* A node taken from the host: read-only, or chmod would change the host's. */
static int
take_node(const char *path)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
    int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (tree >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) != 0) {
        (void)close(tree);
        return -1;
    }
    return tree;
}

/* A node of the guest's own where we may make one: its mode is then the guest's business. */
static bool
make_node(const char *path, int tree)
{
    struct stat st;

    return fstat(tree, &st) == 0 && S_ISCHR(st.st_mode) &&
           mknod(path, S_IFCHR | 0666, st.st_rdev) == 0 && chmod(path, 0666) == 0;
}

static const char *
put_nodes(int tree[static NODES], const char *device)
{
    for (size_t i = 0; i < NODES; i++) {
        const char *path = nodes[i].guest != NULL ? nodes[i].guest : device;

        if (path == NULL) /* a TEE without a device: files alone */
            continue;
        if (make_node(path, tree[i])) {
            /* Only the last one is told apart by its mount. */
            if (i < NODES - 1)
                continue;
            (void)close(tree[i]);
            tree[i] = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        } else {
            auto_fd file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

            if (file < 0)
                return path;
        }
        if (tree[i] < 0 ||
            move_mount(tree[i], "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) != 0)
            return path;
    }
    for (size_t i = 0; i < COUNT(links); i++)
        if (symlink(links[i].target, links[i].link) != 0)
            return links[i].link;
    return NULL;
}

/* The root directory becomes "/", and nothing of the host stays reachable. */
static const char *
pivot(const char *root)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return "making mounts private";
    if (mount(root, root, NULL, MS_BIND, NULL) != 0)
        return "binding the root directory";
    if (chdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0)
        return "changing the root";
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return "leaving the host's root";
    return NULL;
}

static bool
mount_id(int fd, uint64_t *ret)
{
    struct statx sx;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) != 0 ||
        (sx.stx_mask & STATX_MNT_ID) == 0)
        return false;
    *ret = sx.stx_mnt_id;
    return true;
}

/* All directories of a path. */
static bool
make_dirs(const char *path)
{
    char part[256];
    size_t n = strlen(path);

    if (n >= sizeof(part))
        return false;
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool
is_below_sys(const struct guest_mount *m)
{
    return strncmp(m->path, "/sys/", 5) == 0;
}

static bool
mount_files(const struct guest_mount *m, int fuse)
{
    char options[128];

    (void)snprintf(options, sizeof(options),
        "fd=%d,rootmode=40777,user_id=0,group_id=0,allow_other", fuse);
    return make_dirs(m->path) && mount(m->type, m->path, "fuse",
                                     MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0;
}

/*
 * The device's files where the host lets us, all of them or none: /sys is a tmpfs then,
 * and what the image had below it is hidden.
 */
static bool
mount_all(const struct guest_device *device, const int *fuse)
{
    bool sys = false;

    for (size_t i = 0; i < device->mount_count; i++) {
        if (fuse[i] < 0)
            return false;
        if (is_below_sys(&device->mounts[i]) && !sys) {
            if (mount("tmpfs", "/sys", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                    "mode=0755,size=64k") != 0)
                return false;
            sys = true;
        }
        if (!mount_files(&device->mounts[i], fuse[i]))
            return false;
    }
    return true;
}

static void
mount_or_close(const struct guest_device *device, int fuse[static GUEST_MOUNTS])
{
    if (mount_all(device, fuse))
        return;
    for (size_t i = device->mount_count; i-- > 0;) {
        (void)umount2(device->mounts[i].path, MNT_DETACH);
        if (is_below_sys(&device->mounts[i]))
            (void)umount2("/sys", MNT_DETACH);
        else
            (void)rmdir(device->mounts[i].path);
        if (fuse[i] >= 0)
            (void)close(fuse[i]);
        fuse[i] = -1;
    }
}

const char *
mounts_make(const char *root, const struct guest_device *device, uint64_t *ret_node,
    bool *ret_proc, int ret_fuse[static GUEST_MOUNTS])
{
    int tree[NODES];
    const char *failed;

    for (size_t i = 0; i < NODES; i++) {
        tree[i] = take_node(nodes[i].host);
        if (tree[i] < 0)
            return nodes[i].host;
    }
    int proc = new_proc();
    for (size_t i = 0; i < GUEST_MOUNTS; i++)
        ret_fuse[i] = i < device->mount_count
                          ? open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK)
                          : -1;
    if ((failed = pivot(root)) != NULL)
        return failed;
    if ((failed = mount_file_systems()) != NULL)
        return failed;
    if ((failed = put_nodes(tree, device->node)) != NULL)
        return failed;
    *ret_node = 0;
    if (device->node != NULL && !mount_id(tree[NODES - 1], ret_node))
        return "reading a mount id";
    if (!place("/proc"))
        return "/proc";
    *ret_proc = proc >= 0;
    if (proc >= 0 &&
        (move_mount(proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) != 0 ||
            !guard_proc()))
        return "/proc";
    /* A sysfs would show the host's hardware: the guest sees an empty directory. */
    if (!place("/sys"))
        return "/sys";
    mount_or_close(device, ret_fuse);
    return NULL;
}
