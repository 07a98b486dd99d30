/* SPDX-License-Identifier: Apache-2.0 */
#include "service/monitor.h"

#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/*
 * No shell and no arguments: nothing of an event can become part of a command. The text
 * waits in memory, so that a program which does not read it keeps nobody waiting.
 */
static enum selfsame_code
hold(struct selfsame_bytes text, int *ret_fd, struct selfsame_err *e)
{
    *ret_fd = memfd_create("event", MFD_CLOEXEC);
    if (*ret_fd < 0)
        return file_error(e, "cannot hold", "an event for the hook");
    TRY(fd_write_all(*ret_fd, text, "an event", e));
    if (lseek(*ret_fd, 0, SEEK_SET) != 0)
        return file_error(e, "cannot hold", "an event for the hook");
    return SELFSAME_OK;
}

/* In a group of its own, with the signals as programs expect them. */
static int
start(const char *program, int fd, pid_t *ret)
{
    char *const argv[] = { (char *)(uintptr_t)program, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t usual;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attr) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    int why = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    why = why != 0 ? why
                   : posix_spawn_file_actions_adddup2(
                         &actions, STDERR_FILENO, STDOUT_FILENO);
    why = why != 0 ? why
                   : posix_spawnattr_setflags(
                         &attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    why = why != 0 ? why : posix_spawnattr_setsigdefault(&attr, &usual);
    why = why != 0 ? why : posix_spawnp(ret, program, &actions, &attr, argv, environ);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    return why;
}

/* False: it was still running at the deadline, and is ended. */
static bool
wait_for(pid_t pid, int *ret_status)
{
    static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
    const int64_t deadline = os_now_ms() + (int64_t)HOOK_SECONDS * 1000;

    while (waitpid(pid, ret_status, WNOHANG) == 0) {
        if (os_now_ms() > deadline) {
            (void)kill(-pid, SIGKILL);
            (void)waitpid(pid, ret_status, 0);
            return false;
        }
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

enum selfsame_code
hook_run(const char *program, struct selfsame_bytes text, struct selfsame_err *e)
{
    auto_fd fd = -1;
    int status = 0;
    pid_t pid;

    TRY(hold(text, &fd, e));
    int why = start(program, fd, &pid);
    if (why != 0)
        FAIL(e, SELFSAME_IO, "the hook %s: %s", program, strerror(why));
    if (!wait_for(pid, &status))
        FAIL(e, SELFSAME_IO, "the hook %s: expected it to end in %d seconds", program,
            (int)HOOK_SECONDS);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL(e, SELFSAME_IO, "the hook %s: expected it to succeed, got %s %d", program,
            WIFEXITED(status) ? "exit status" : "signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return SELFSAME_OK;
}
