/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SIM_H
#define SELFSAME_SIM_H

#include "cli/cli.h"
#include "cli/instance.h"
#include "tee/simulate.h"

#include <sys/types.h>

/*
 * The simulator: a program of its own, with its own root, that makes evidence in
 * a vendor's format and runs images as a process tree with a simulated device.
 *
 *   pki.c evidence.c collateral.c device.c run.c   the verbs
 *   subject.c                         what is attested: image, measurements, root
 *   load.c unpack.c                   image → measurements and a directory, one pass
 *   guest.c mounts.c filter.c         the guest's side, up to its first instruction
 *   notify.c nsm.c sev_guest.c        the device, served by seccomp notification
 *   tsm.c fuse.c                      configfs-tsm, served over /dev/fuse
 *   forward.c ports.c                 published ports
 *   supervise.c                       the loop that holds it all
 */
extern const struct cli_command pki_command, evidence_command, sim_collateral_command,
    device_command, sim_run_command;

/* ---- subject.c ---- */

/* Options of every verb that attests: the machine that is measured, and what is said of it. */
#define MACHINE_OPTIONS                                                                \
    {                                                                                  \
        .name = "vcpus", .argument = "N", .help = "snp: processors it is measured for" \
    },                                                                                 \
        { .name = "cpu", .argument = "TYPE", .help = "snp: and their type" },          \
    {                                                                                  \
        .name = "set", .argument = "NAME=VALUE", .repeatable = true,                   \
        .help = "what the machine says: vmpl=1, tcb_status=OutOfDate, ... (man "       \
                "selfsame-sim)"                                                        \
    }

/* --root FILE (certificate and key), or the well-known root of the simulator. */
MUST enum selfsame_code subject_pki(struct cli *c, const struct tee_simulator *sim,
    int64_t now_ms, struct sim_pki **ret, struct selfsame_err *e);
/*
 * --defect WORD..., --insecure-debug, every word as a flag and --set NAME=VALUE... (what
 * the verb has of them); USAGE for what evidence of this TEE cannot have.
 */
MUST enum selfsame_code subject_options(struct cli *c, const struct tee_simulator *sim,
    struct sim_subject *ret, struct selfsame_err *e);
/* --image FILE|DIR or --measurements FILE; without either, values that belong to no image. */
MUST enum selfsame_code subject_measured(struct cli *c, const struct tee_simulator *sim,
    struct sim_subject *ret, struct selfsame_err *e);
/* --tee NAME, or what `image` is made for (NULL: nitro); USAGE lists the names. */
MUST enum selfsame_code subject_simulator(struct cli *c, const char *image,
    const struct tee_simulator **ret, struct selfsame_err *e);

/* ---- load.c ---- */

struct loaded {
    struct tee_measured measured;
    uint8_t
        sha256[32]; /* of the image file, or of a machine's parts one after another */
    uint64_t size;
};
struct load_request {
    const char *path; /* a file, or the directory that `build` wrote for a machine */
    const char *tee;
    const char *vcpus, *cpu; /* of a measured machine; NULL: any, so the first */
    int root;                /* an empty directory, or -1: only measure */
};
/* Reads the image once: measures exactly the bytes it unpacks into the root. */
MUST enum selfsame_code image_load(const struct load_request *q, struct arena *arena,
    struct loaded *ret, struct selfsame_err *e);

/* ---- unpack.c ---- */

/*
 * One ramdisk (newc cpio, also gzip'ed, several archives in a row), unpacked as
 * the kernel does while it streams by: later entries win, names are resolved
 * inside the root, whatever the symbolic links say. Memory does not depend on
 * the size of the archive.
 */
struct unpack;
MUST enum selfsame_code unpack_new(
    int root, struct unpack **ret, struct selfsame_err *e);
void unpack_free(struct unpack **u);
#define auto_unpack __attribute__((cleanup(unpack_free))) struct unpack
MUST enum selfsame_code unpack_begin(struct unpack *u, struct selfsame_err *e);
MUST enum selfsame_code unpack_push(
    struct unpack *u, struct selfsame_bytes piece, struct selfsame_err *e);
MUST enum selfsame_code unpack_end(struct unpack *u, struct selfsame_err *e);
/* After the last ramdisk: modes of directories that the owner may not write. */
MUST enum selfsame_code unpack_finish(struct unpack *u, struct selfsame_err *e);

/* ---- guest.c, mounts.c, filter.c ---- */

struct guest_device;
struct guest_plan {
    const char *root; /* directory with the unpacked image */
    const struct guest_device *device;
    int output, errors; /* become descriptors 1 and 2 */
    bool user, network; /* namespaces asked for; cleared when the host has none */
};
struct guest {
    pid_t pid;
    int pidfd;
    int listener;   /* of the seccomp filter */
    int fuse;       /* serves the guest's configfs-tsm; -1: this host does not let us */
    uint64_t mount; /* mount id of the guest's device */
    bool proc;      /* has its /proc */
};
/* Starts /init of the root in namespaces of its own, with the filter in place. */
MUST enum selfsame_code guest_start(
    struct guest_plan *p, struct guest *ret, struct selfsame_err *e);
/* In the guest before it runs: NULL, or the step that failed with errno set. */
MUST const char *mounts_make(const char *root, const struct guest_device *device,
    uint64_t *ret_node, bool *ret_proc, int *ret_fuse);
/* Stops ioctl commands of this magic, here and in all it starts; the listener, or -1. */
int filter_install(unsigned magic);

/* ---- notify.c: whose call was stopped, and the bytes of its memory ---- */

struct notify {
    const struct tee_simulator *sim;
    const struct guest_device *device;
    void *state; /* of sim's device */
    int listener;
    uint64_t mount;
    struct seccomp_notif *notif;
    struct seccomp_notif_resp *answer;
    size_t notif_size, answer_size;
    uint64_t calls;
};
MUST enum selfsame_code notify_open(struct notify *n, struct selfsame_err *e);
void notify_close(struct notify *n);
/* Answers one notification. False: no process can send any more. */
bool notify_serve(struct notify *n);
MUST bool copy_in(pid_t pid, uint64_t from, void *to, size_t len);
MUST bool copy_out(pid_t pid, const void *from, uint64_t to, size_t len);
/* The caller may have died, and its number may belong to another process by now. */
MUST bool notify_waits(const struct notify *n);
/* Asks the simulated device; false after saying why on standard error. */
MUST bool notify_ask(struct notify *n, struct selfsame_bytes request,
    struct arena *arena, struct selfsame_bytes *ret);

/* ---- nsm.c, sev_guest.c: a device as the guest's kernel would show it ---- */

struct guest_device {
    const char *tee, *node; /* "nitro", "/dev/nsm" */
    unsigned magic;         /* of its ioctl commands */
    /* 0 or a negative errno, as the driver's ioctl returns. */
    int (*call)(struct notify *n, pid_t pid, uint32_t command, uint64_t argument);
    const char *provider; /* of configfs-tsm; NULL: it has none */
    /* A report with these 64 bytes and what the host gives along, in the arena. */
    int (*report)(struct notify *n, const uint8_t *data64, unsigned vmpl,
        struct arena *arena, struct selfsame_bytes *ret,
        struct selfsame_bytes *ret_aux);
};
extern const struct guest_device nsm_device, sev_guest_device;
const struct guest_device *guest_device_of(const char *tee); /* notify.c; NULL: none */

/* ---- tsm.c: the tree of configfs-tsm; 0 or a negative errno ---- */

struct tsm_tree;
struct tsm_tree *tsm_new(void);
void tsm_free(struct tsm_tree *t);
int tsm_stat(struct tsm_tree *t, uint64_t node, mode_t *ret);
int tsm_lookup(struct tsm_tree *t, uint64_t dir, const char *name, uint64_t *ret);
int tsm_mkdir(struct tsm_tree *t, uint64_t dir, const char *name, uint64_t *ret);
int tsm_rmdir(struct tsm_tree *t, uint64_t dir, const char *name);
const char *tsm_entry(struct tsm_tree *t, uint64_t dir, size_t n, uint64_t *ret);
int tsm_open(struct tsm_tree *t, uint64_t node, int flags, uint64_t *ret);
int tsm_write(
    struct tsm_tree *t, uint64_t fh, uint64_t offset, struct selfsame_bytes data);
void tsm_release(struct tsm_tree *t, uint64_t fh);
/* All of a file, in the tree or in the arena. */
int tsm_read(struct tsm_tree *t, struct notify *n, uint64_t fh, struct arena *arena,
    struct selfsame_bytes *ret);

/* ---- fuse.c: the same over /dev/fuse ---- */

struct fuse;
/* Takes the descriptor over once it succeeds. */
MUST enum selfsame_code fuse_open(int fd, struct fuse **ret, struct selfsame_err *e);
void fuse_close(struct fuse **held);
int fuse_fd(const struct fuse *f); /* -1 without one */
/* Answers one request. False: the guest's mount is gone. */
bool fuse_serve(struct fuse *f, struct notify *n);

/* ---- ports.c, forward.c ---- */

enum { PORTS = 32, CONNECTIONS = 256 };
struct port {
    int fd;        /* listening socket, -1 */
    char host[80]; /* "127.0.0.1:8080": as bound */
    uint16_t guest;
};
struct ports {
    struct port at[PORTS];
    size_t count;
    int idle_ms; /* without a byte, then a connection is cut; 0: 5 min */
};
MUST enum selfsame_code ports_parse(
    struct cli *c, struct ports *ret, struct selfsame_err *e);
MUST enum selfsame_code ports_listen(struct ports *p, struct selfsame_err *e);
void ports_close(struct ports *p);
/* True when every guest port is listened on, seen from /proc/PID/net. */
bool ports_ready(const struct ports *p, pid_t guest);
/*
 * Starts the process that joins the guest's network (guest > 0) and carries
 * connections from the listeners to 127.0.0.1:GUEST there.
 */
MUST enum selfsame_code forward_start(const struct ports *p, pid_t guest, bool user,
    bool network, pid_t *ret, struct selfsame_err *e);

/* ---- supervise.c ---- */

struct run {
    const char *image, *name, *dir; /* dir: of the instance; NULL: none claimed */
    struct sim_subject subject;
    bool detached, json;
    struct arena *arena;
    struct ports ports;
    struct guest_plan plan;
    struct guest guest;
    struct notify notify;
    struct fuse *fuse; /* NULL: no configfs-tsm */
    struct sim_pki *pki;
    struct loaded loaded;
    json_t *state;
    pid_t forwarder;    /* 0: none */
    int output, errors; /* our ends of the guest's pipes */
    int log;
    uint64_t log_size;
    int signals; /* signalfd */
    int ready;   /* detached: pipe to the process that waits for us */
    bool announced, killed;
    int64_t began_ms, stopping_ms; /* 0: not stopping */
};
/* Until the guest has ended: its exit status (128 + signal when killed). */
MUST enum selfsame_code supervise(
    struct run *r, int *ret_status, struct selfsame_err *e);
/* Called by supervise once, when the guest's ports answer or patience ended (`late`). */
MUST enum selfsame_code run_announce(struct run *r, bool late, struct selfsame_err *e);

#endif
