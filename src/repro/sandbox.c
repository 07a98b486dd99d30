/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Three processes: this one waits and keeps the time; `outer` makes the
 * namespaces; `first` is PID 1 in them, sets up the file system and runs the
 * commands one after the other. When `first` ends, the kernel ends the rest.
 */

enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC
};

/* What went wrong, told through a pipe that no command inherits. */
struct report {
    enum { AT_NOTHING, AT_NAMESPACES, AT_MOUNTS, AT_START, AT_COMMAND } at;
    int error, status;
    size_t command;
    char what[64];
};

struct inside {
    const struct sandbox_job *job;
    char *const *env;
    char *const *const *argv; /* of each command */
    int report_fd, log_fd, null_fd;
};

static void __attribute__((noreturn)) tell(const struct inside *in, struct report r)
{
    ssize_t n = write(in->report_fd, &r, sizeof(r));

    _exit(n == (ssize_t)sizeof(r) ? 1 : 2);
}

static void __attribute__((noreturn))
tell_errno(const struct inside *in, int at, const char *what)
{
    struct report r = { .error = errno };

    r.at = at == AT_NAMESPACES ? AT_NAMESPACES : AT_MOUNTS;
    (void)snprintf(r.what, sizeof(r.what), "%s", what);
    tell(in, r);
}

/* ---- the file system inside ---- */

/* Paths below the new root are short: it is the working directory. */
static void
must(const struct inside *in, bool ok, const char *what)
{
    if (!ok)
        tell_errno(in, AT_MOUNTS, what);
}

/* mount_setattr(2), Linux 5.12: also what is mounted below becomes read-only. */
static bool
bind_read_only(const char *from, const char *to)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };

    return mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0 &&
           mount_setattr(AT_FDCWD, to, AT_RECURSIVE, &attr, sizeof(attr)) == 0;
}

static void
bring_tools(const struct inside *in)
{
    static const char *const names[] = { "usr", "bin", "sbin", "lib", "lib32", "lib64",
        "libx32", "etc", "opt", "nix", "gnu" };
    char path[16], target[256];
    struct stat st;

    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "/%s", names[i]);
        if (lstat(path, &st) != 0)
            continue;
        if (S_ISLNK(st.st_mode)) {
            ssize_t n = readlink(path, target, sizeof(target) - 1);

            must(in, n > 0, path);
            target[n] = 0;
            must(in, symlink(target, names[i]) == 0, path);
        } else if (S_ISDIR(st.st_mode)) {
            must(
                in, mkdir(names[i], 0755) == 0 && bind_read_only(path, names[i]), path);
        }
    }
}

static void
bring_devices(const struct inside *in)
{
    static const char *const names[] = { "null", "zero", "full", "random", "urandom" };
    char from[32], to[32];

    must(in, mkdir("dev", 0755) == 0, "dev");
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(from, sizeof(from), "/dev/%s", names[i]);
        (void)snprintf(to, sizeof(to), "dev/%s", names[i]);
        int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        must(in, fd >= 0, to);
        (void)close(fd);
        /* Written through all the same; but its mode and owner are the host's. */
        must(in, bind_read_only(from, to), to);
    }
    must(in,
        symlink("/proc/self/fd", "dev/fd") == 0 &&
            symlink("/proc/self/fd/0", "dev/stdin") == 0 &&
            symlink("/proc/self/fd/1", "dev/stdout") == 0 &&
            symlink("/proc/self/fd/2", "dev/stderr") == 0,
        "dev");
}

static void
enter_root(const struct inside *in)
{
    const struct sandbox_job *j = in->job;

    must(in, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "/");
    must(in,
        mount("tmpfs", j->root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0 &&
            chdir(j->root) == 0,
        "tmpfs");
    bring_tools(in);
    bring_devices(in);
    /*
     * Where the host hides parts of /proc, a new one is refused: then the old one.
     * Read-only, for uid 0 of a root's sandbox is the owner of the host's /proc/sys.
     */
    const unsigned long proc = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    must(in,
        mkdir("proc", 0755) == 0 && (mount("proc", "proc", "proc", proc, NULL) == 0 ||
                                        bind_read_only("/proc", "proc")),
        "proc");
    must(in, mkdir("tmp", 0777) == 0 && chmod("tmp", 01777) == 0, "tmp");
    must(in,
        mkdir("build", 0755) == 0 && mkdir("build/src", 0755) == 0 &&
            mount(j->src, "build/src", NULL, MS_BIND, NULL) == 0,
        "build/src");
    must(in, mkdir("out", 0755) == 0 && mount(j->out, "out", NULL, MS_BIND, NULL) == 0,
        "out");
    must(in,
        syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
            chdir("/build/src") == 0,
        "pivot_root");
    must(in, sethostname("build", 5) == 0 && setdomainname("", 0) == 0, "host name");
}

/*
 * What is read-only above must stay so: whoever may mount can turn that back, and
 * uid 0 of a root's sandbox is the owner of the host's files. Rights over files of
 * the build itself are kept. /proc/1 leads to descriptors of outside: closed.
 */
static void
drop_rights(const struct inside *in)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };
    const uint32_t kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER |
                          1u << CAP_FSETID;

    for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (cap >= 32 || (kept >> cap & 1) == 0)
            must(in, prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0, "capabilities");
    data[0].permitted = data[0].effective = kept;
    must(in,
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
            syscall(SYS_capset, &head, data) == 0 &&
            prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
        "capabilities");
}

/* ---- the commands ---- */

static void __attribute__((noreturn)) start(const struct inside *in, char *const *argv)
{
    if (dup2(in->null_fd, STDIN_FILENO) < 0 || dup2(in->log_fd, STDOUT_FILENO) < 0 ||
        dup2(in->log_fd, STDERR_FILENO) < 0)
        _exit(126);
    /* A terminal, descriptors of the caller, signals: nothing of it is inherited. */
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    /* execvpe would look along our own PATH. */
    static const char path[] = "/usr/sbin:/usr/bin:/sbin:/bin";
    if (strchr(argv[0], '/') != NULL)
        (void)execve(argv[0], argv, in->env);
    for (const char *p = path; strchr(argv[0], '/') == NULL && *p != 0;) {
        size_t n = strcspn(p, ":");
        char full[TREE_PATH];

        if (snprintf(full, sizeof(full), "%.*s/%s", (int)n, p, argv[0]) <
            (int)sizeof(full))
            (void)execve(full, argv, in->env);
        p += n;
        p += *p == ':';
    }
    _exit(127);
}

static void
run_all(const struct inside *in)
{
    for (size_t i = 0; i < in->job->recipe->build_count; i++) {
        struct report r = { .at = AT_COMMAND, .command = i };
        pid_t child = fork();

        if (child == 0)
            start(in, in->argv[i]);
        if (child < 0)
            tell_errno(in, AT_MOUNTS, "fork");
        for (;;) { /* as PID 1 also orphans are ours */
            pid_t gone = waitpid(-1, &r.status, 0);

            if (gone == child)
                break;
            if (gone < 0 && errno != EINTR)
                tell_errno(in, AT_MOUNTS, "wait");
        }
        if (r.status != 0)
            tell(in, r);
    }
}

static void __attribute__((noreturn)) first(const struct inside *in)
{
    struct rlimit no_core = { 0, 0 };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        tell_errno(in, AT_MOUNTS, "no_new_privs");
    /* Where the address space is put shows in some compilers' output. */
    (void)personality(ADDR_NO_RANDOMIZE);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (in->job->insecure_no_sandbox) {
        must(in, chdir(in->job->src) == 0, "the copy of the source");
    } else {
        enter_root(in);
        drop_rights(in);
    }
    (void)umask(022);
    run_all(in);
    tell(in, (struct report){ .at = AT_NOTHING });
}

static bool
write_text(const char *path, const char *text)
{
    auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void
make_namespaces(const struct inside *in)
{
    char uid[48], gid[48];

    /* Everybody is uid 0 inside, and only that: a build cannot tell who runs it. */
    (void)snprintf(uid, sizeof(uid), "0 %u 1\n", (unsigned)geteuid());
    (void)snprintf(gid, sizeof(gid), "0 %u 1\n", (unsigned)getegid());
    if (unshare(NAMESPACES | CLONE_NEWUSER) == 0) {
        if (!write_text("/proc/self/setgroups", "deny") ||
            !write_text("/proc/self/uid_map", uid) ||
            !write_text("/proc/self/gid_map", gid))
            tell_errno(in, AT_NAMESPACES, "uid_map");
    } else if (geteuid() != 0 || unshare(NAMESPACES) != 0) {
        tell_errno(in, AT_NAMESPACES, "unshare");
    }
}

bool
sandbox_possible(void)
{
    return unshare(NAMESPACES | CLONE_NEWUSER) == 0;
}

static void __attribute__((noreturn)) outer(const struct inside *in)
{
    int status;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setsid();
    if (!in->job->insecure_no_sandbox)
        make_namespaces(in);
    pid_t child = fork();
    if (child == 0)
        first(in);
    if (child < 0)
        tell_errno(in, AT_NAMESPACES, "fork");
    (void)close(in->report_fd);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    _exit(0);
}

/* ---- outside ---- */

static void
show_log(const struct sandbox_job *job, int fd)
{
    char buf[16 * 1024];
    struct stat st;

    if (fstat(fd, &st) != 0 || job->voice == NULL)
        return;
    off_t from = st.st_size > (off_t)sizeof(buf) - 1
                     ? st.st_size - (off_t)sizeof(buf) + 1
                     : 0;
    ssize_t n = pread(fd, buf, sizeof(buf) - 1, from);
    if (n <= 0)
        return;
    buf[n] = 0;
    char *rest = buf;
    for (const char *line = strtok_r(buf, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        voice_note(job->voice, "  | %s", line);
}

/*
 * chroot(2) to a directory that is no mount point: there the kernel makes no user
 * namespace for anybody, and no mount can be made private, not even by root.
 */
static bool
in_chroot(void)
{
    struct statx x;

    return statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &x) == 0 &&
           (x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 &&
           (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0;
}

static enum selfsame_code
no_sandbox(const struct report *r, struct selfsame_err *e)
{
    bool root = geteuid() == 0, chrooted = in_chroot();

    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "this host lets us make no sandbox for the build: %s: %s%s", r->what,
        strerror(r->error),
        chrooted ? ", for / is no mount point: this is a plain chroot" : "");
    if (chrooted && root)
        err_remedy(e, "Make it a mount point (mount --bind DIR DIR, then chroot DIR), "
                      "enter it with pivot_root, as containers do, or accept a build "
                      "that can see this machine with --insecure-no-sandbox.");
    else if (chrooted)
        err_remedy(e, "Enter it with pivot_root, as containers do (bwrap, "
                      "systemd-nspawn): in a chroot the kernel gives users no "
                      "namespaces. Or accept a build that can see this machine with "
                      "--insecure-no-sandbox.");
    else
        err_remedy(e, "Allow user namespaces (sysctl "
                      "kernel.unprivileged_userns_clone=1, "
                      "user.max_user_namespaces; in a chroot there are none), run as "
                      "root, or accept a build that can see this machine with "
                      "--insecure-no-sandbox.");
    return e->code;
}

static enum selfsame_code
explain(const struct sandbox_job *job, const struct report *r, int log,
    struct selfsame_err *e)
{
    if (r->at == AT_NOTHING)
        return SELFSAME_OK;
    if (r->at == AT_NAMESPACES || r->at == AT_MOUNTS)
        return no_sandbox(r, e);
    const char *const *argv = job->recipe->build[r->command].argv;
    if (!job->verbose)
        show_log(job, log);
    if (WIFSIGNALED(r->status))
        FAIL(e, SELFSAME_USAGE, "build[%zu] (%s): ended by signal %d", r->command,
            argv[0], WTERMSIG(r->status));
    return remedied(e,
        err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "build[%zu] (%s): expected exit status 0, got %d%s", r->command, argv[0],
            WEXITSTATUS(r->status),
            WEXITSTATUS(r->status) == 127 ? ", there is no such program" : ""),
        "Mend the source or the recipe's build commands; --verbose shows their "
        "output.");
}

static enum selfsame_code
watch(const struct sandbox_job *job, pid_t child, int report_fd, struct report *ret,
    struct selfsame_err *e)
{
    int64_t end = os_now_ms() + (int64_t)job->timeout_s * 1000;
    struct pollfd p = { .fd = report_fd, .events = POLLIN };
    bool late = false;

    for (;;) {
        int64_t left = end - os_now_ms();
        int n = left > 0 ? poll(&p, 1, left > 1000 ? 1000 : (int)left) : 0;

        late = left <= 0 || os_interrupted();
        if (late || n > 0)
            break;
    }
    ssize_t got = late ? 0 : read(report_fd, ret, sizeof(*ret));
    if (late)
        (void)kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (os_interrupted())
        FAIL(e, SELFSAME_IO, "interrupted while the build commands ran");
    if (late)
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "the build commands took over %u s", job->timeout_s),
            "Give them more time with --timeout SECONDS.");
    if (got != (ssize_t)sizeof(*ret))
        FAIL(e, SELFSAME_IO, "the build sandbox ended without a word");
    return SELFSAME_OK;
}

/* Without a sandbox /out and /build/src do not exist: the words are exchanged. */
static char *
exchange(struct arena *arena, const char *in, const char *word, const char *by)
{
    size_t len = strlen(word), n = 0;
    const char *found = strstr(in, word);

    if (found == NULL)
        return arena_str(arena, bytes_str(in));
    n = (size_t)(found - in);
    char *rest = exchange(arena, found + len, word, by);
    bool whole = (n == 0 || strchr("=:'\" \t;(<>|&", in[n - 1]) != NULL) &&
                 (found[len] == 0 || strchr("/'\" \t;)<>|&", found[len]) != NULL);
    return rest == NULL
               ? NULL
               : arena_printf(arena, "%.*s%s%s", (int)n, in, whole ? by : word, rest);
}

static char *const *
command_line(
    const struct sandbox_job *job, const char *const *argv, struct arena *arena)
{
    size_t n = 0;

    while (argv[n] != NULL)
        n++;
    char **copy = ARENA_NEW(arena, char *, n + 1);
    for (size_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = arena_str(arena, bytes_str(argv[i]));
        if (copy[i] != NULL && job->insecure_no_sandbox)
            copy[i] = exchange(arena, copy[i], "/out", job->out);
        if (copy[i] != NULL && job->insecure_no_sandbox)
            copy[i] = exchange(arena, copy[i], "/build/src", job->src);
        if (copy[i] == NULL)
            return NULL;
    }
    return copy;
}

/* reproducible-build §2: everything else is unset. */
static char *const *
environment(const struct recipe *r, struct arena *arena)
{
    static const char *const fixed[] = { "LC_ALL=C.UTF-8", "TZ=UTC",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent", "USER=build",
        "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "SHELL=/bin/sh", "TERM=dumb" };
    char **env = ARENA_NEW(arena, char *, COUNT(fixed) + 2);

    if (env == NULL)
        return NULL;
    for (size_t i = 0; i < COUNT(fixed); i++)
        if ((env[i] = arena_str(arena, bytes_str(fixed[i]))) == NULL)
            return NULL;
    env[COUNT(fixed)] = arena_printf(
        arena, "SOURCE_DATE_EPOCH=%lld", (long long)r->source_date_epoch);
    return env[COUNT(fixed)] != NULL ? env : NULL;
}

enum selfsame_code
sandbox_run(const struct sandbox_job *job, struct arena *arena, struct selfsame_err *e)
{
    auto_fd log = -1, report_read = -1, report_write = -1, null = -1;
    int ends[2];
    struct report r = { 0 };
    char *const **argv = ARENA_NEW(arena, char *const *, job->recipe->build_count + 1);
    struct inside in = {
        .job = job, .env = environment(job->recipe, arena), .argv = argv
    };

    if (argv == NULL || in.env == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the build commands");
    for (size_t i = 0; i < job->recipe->build_count; i++)
        if ((argv[i] = command_line(job, job->recipe->build[i].argv, arena)) == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for the build commands");
    TRY(temporary_open(&log, e));
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || pipe2(ends, O_CLOEXEC) != 0)
        FAIL(e, SELFSAME_IO, "cannot prepare the build: %s", strerror(errno));
    report_read = ends[0];
    report_write = ends[1];
    in.report_fd = report_write;
    in.log_fd = job->verbose ? STDERR_FILENO : log;
    in.null_fd = null;
    pid_t child = fork();
    if (child == 0)
        outer(&in);
    if (child < 0)
        FAIL(e, SELFSAME_IO, "cannot fork: %s", strerror(errno));
    fd_close(&report_write);
    TRY(watch(job, child, report_read, &r, e));
    return explain(job, &r, log, e);
}
