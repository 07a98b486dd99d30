/* SPDX-License-Identifier: Apache-2.0 */
#include "init/init.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_S = 5, STATUS_AGENT = 70, STATUS_NO_EXEC = 126, STATUS_ABSENT = 127 };

struct child {
    void (*be)(struct config *c, bool simulated); /* does not return */
    pid_t pid;                                    /* 0: not running */
    int status;
};

static char agent_path[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static char *agent_env[] = { agent_path, NULL };

/* ---- in the child ---- */

/*
 * Groups first, the user last: each step needs the rights the next gives away. In
 * a simulator's user namespace there may be no other user to become.
 */
static bool
become(const struct config *c, bool simulated)
{
    if (setgroups(c->group_count, c->groups) != 0 && !(simulated && errno == EPERM)) {
        say_errno("groups");
        return false;
    }
    if (setresgid(c->group, c->group, c->group) != 0 &&
        !(simulated && errno == EINVAL)) {
        say_errno("group");
        return false;
    }
    if (setresuid(c->user, c->user, c->user) == 0)
        return true;
    bool absent = errno == EINVAL;
    say_errno("user");
    return simulated && absent;
}

static void
fresh_signals(void)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
execute(char *const argv[], char *env[])
{
    environ = env;
    (void)execvp(argv[0], argv);
    int why = errno;
    say_errno(argv[0]);
    _exit(why == ENOENT ? STATUS_ABSENT : STATUS_NO_EXEC);
}

static _Noreturn void
be_agent(struct config *c, bool simulated)
{
    (void)simulated;
    (void)setsid();
    fresh_signals();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || chdir("/") != 0)
        _exit(STATUS_NO_EXEC);
    execute(c->agent, agent_env);
}

static _Noreturn void
be_app(struct config *c, bool simulated)
{
    (void)setsid();
    fresh_signals();
    /* So that programs which open /dev/stdout again may do so. */
    for (int fd = STDIN_FILENO; !simulated && fd <= STDERR_FILENO; fd++)
        if (isatty(fd) && fchown(fd, c->user, (gid_t)-1) != 0)
            say_errno("console");
    if (!become(c, simulated))
        _exit(STATUS_NO_EXEC);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || chdir(c->dir) != 0) {
        say_errno(c->dir);
        _exit(STATUS_NO_EXEC);
    }
    execute(c->arg, c->env);
}

/* ---- PID 1 ---- */

static bool
start(struct child *child, struct config *c, bool simulated)
{
    pid_t pid = fork();

    if (pid == 0)
        child->be(c, simulated);
    if (pid < 0)
        say_errno("starting a process");
    child->pid = pid > 0 ? pid : 0;
    return pid > 0;
}

/* Everybody's children end up with PID 1; two of them matter. True when one ended. */
static bool
reap(struct child *children, size_t count)
{
    bool ended = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < count; i++)
            if (children[i].pid == pid) {
                children[i].pid = 0;
                children[i].status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                                         : WEXITSTATUS(status);
                ended = true;
            }
    return ended;
}

static bool
any_left(const struct child *children, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (children[i].pid > 0)
            return true;
    return false;
}

static void
signal_all(const struct child *children, size_t count, int sig)
{
    for (size_t i = 0; i < count; i++)
        if (children[i].pid > 0)
            (void)kill(children[i].pid, sig);
}

static long
seconds(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec;
}

static void
wait_for(struct child *children, size_t count, const sigset_t *signals)
{
    long deadline = seconds() + GRACE_S;
    const struct timespec tick = { .tv_nsec = 100000000 };

    (void)reap(children, count);
    while (any_left(children, count) && seconds() < deadline) {
        (void)sigtimedwait(signals, NULL, &tick);
        (void)reap(children, count);
    }
}

/* Terminates what is left, with patience first. */
static void
stop(struct child *children, size_t count, const sigset_t *signals)
{
    signal_all(children, count, SIGTERM);
    wait_for(children, count, signals);
    /* As PID 1: everybody of this machine or namespace but ourselves. */
    (void)kill(-1, SIGKILL);
    wait_for(children, count, signals);
}

/* Until one of the two ends; true when somebody outside asked for it. */
static bool
watch(struct child *children, size_t count, const sigset_t *signals)
{
    bool asked = false;

    for (;;) {
        int sig = sigwaitinfo(signals, NULL);
        if (sig == SIGTERM || sig == SIGINT) {
            asked = true;
            signal_all(children, count, sig);
        }
        if (reap(children, count))
            return asked;
    }
}

int
run_all(struct config *c, bool simulated)
{
    struct child children[2] = { { .be = be_app }, { .be = be_agent } };
    size_t count = c->agents > 0 ? 2 : 1;
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    bool started = (count == 1 || start(&children[1], c, simulated)) &&
                   start(&children[0], c, simulated);
    bool asked = started && watch(children, count, &signals);
    bool app_ended = children[0].pid == 0;
    stop(children, count, &signals);
    if (!started)
        return STATUS_AGENT;
    if (app_ended || asked)
        return children[0].status;
    say("the agent ended before the program", "stopping");
    return STATUS_AGENT;
}
