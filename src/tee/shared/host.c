/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct tee_host
tee_this_host(void)
{
    return (struct tee_host){ .root = "", .path = getenv("PATH") };
}

static bool
below(const struct tee_host *host, const char *path, char ret[static HOST_LINE])
{
    int n = snprintf(ret, HOST_LINE, "%s%s", host->root, path);

    return n > 0 && n < HOST_LINE;
}

bool
host_exists(const struct tee_host *host, const char *path)
{
    char full[HOST_LINE];
    struct stat st;

    return below(host, path, full) && stat(full, &st) == 0;
}

uint64_t
host_number(const struct tee_host *host, const char *path, const char *key)
{
    char full[HOST_LINE], line[HOST_LINE];
    uint64_t value = UINT64_MAX;

    if (!below(host, path, full))
        return value;
    FILE *f = fopen(full, "re");
    if (f == NULL)
        return value;
    while (value == UINT64_MAX && fgets(line, sizeof(line), f) != NULL) {
        char *end;

        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        errno = 0;
        unsigned long long n = strtoull(line + strlen(key), &end, 10);
        if (end != line + strlen(key) && errno == 0)
            value = n;
    }
    (void)fclose(f);
    return value;
}

bool
host_text(const struct tee_host *host, const char *path, char *ret, size_t cap)
{
    char full[HOST_LINE];
    FILE *f = below(host, path, full) ? fopen(full, "re") : NULL;

    if (f == NULL)
        return false;
    size_t n = fread(ret, 1, cap - 1, f);
    ret[n] = '\0';
    return fclose(f) == 0;
}

bool
host_program(const struct tee_host *host, const char *name, char ret[static HOST_LINE])
{
    const char *p = host->path;

    while (p != NULL && *p != '\0') {
        size_t n = strcspn(p, ":");
        int len = snprintf(ret, HOST_LINE, "%.*s/%s", (int)n, p, name);

        if (len > 0 && len < HOST_LINE && n > 0 && access(ret, X_OK) == 0)
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

/* ---- programs ---- */

/* Runs in the child: replaces it, or ends it with what a shell would say. */
static _Noreturn void
become(const char *program, char *const argv[], pid_t parent)
{
    /* Nothing goes on behind a command that was killed. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0 && getppid() == parent)
        (void)execv(program, argv);
    _exit(127);
}

/* Runs it with its standard output into a stream; NULL: it cannot be started. */
static FILE *
listen_to(const char *program, const char *const *args, pid_t *ret_pid)
{
    enum { ARGS = 7 };
    char *argv[ARGS + 1] = { NULL };
    pid_t parent = getpid();
    int out[2];

    argv[0] = (char *)(uintptr_t)program; /* execv changes none of them */
    for (size_t i = 0; args[i] != NULL && i + 1 < ARGS; i++)
        argv[i + 1] = (char *)(uintptr_t)args[i];
    if (pipe2(out, O_CLOEXEC) != 0)
        return NULL;
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(out[1], STDOUT_FILENO) < 0)
            _exit(127);
        become(program, argv, parent);
    }
    (void)close(out[1]);
    FILE *f = pid > 0 ? fdopen(out[0], "r") : NULL;
    if (f == NULL)
        (void)close(out[0]);
    *ret_pid = pid;
    return f;
}

static bool
ended_well(FILE *f, pid_t pid)
{
    int status = 1;

    if (f != NULL)
        (void)fclose(f);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0;
}

bool
host_version(const char *program, char ret[static HOST_LINE])
{
    static const char *const ask[] = { "--version", NULL };
    pid_t pid = -1;
    FILE *f = listen_to(program, ask, &pid);
    bool good = f != NULL && fgets(ret, HOST_LINE, f) != NULL;

    if (good)
        ret[strcspn(ret, "\n")] = '\0';
    return ended_well(f, pid) && good;
}

bool
host_says(const char *program, const char *const *args, const char *word)
{
    char line[HOST_LINE];
    pid_t pid = -1;
    FILE *f = listen_to(program, args, &pid);
    bool found = false;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        found = found || strstr(line, word) != NULL;
    return ended_well(f, pid) && found;
}

enum selfsame_code
host_run(
    const char *program, char *const argv[], const char *what, struct selfsame_err *e)
{
    int status = 0;
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        FAIL(e, SELFSAME_IO, "cannot start %s: %s", program, strerror(errno));
    if (pid == 0)
        become(program, argv, parent);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            FAIL(e, SELFSAME_IO, "cannot wait for %s: %s", program, strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL(e, SELFSAME_IO, "%s%s: expected status 0, got %d", program, what,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return SELFSAME_OK;
}

/* ---- facts ---- */

enum selfsame_code
host_facts_begin(struct host_facts *f, struct arena *arena, struct selfsame_err *e)
{
    *f = (struct host_facts){ .arena = arena,
        .list = ARENA_NEW(arena, struct tee_host_fact, HOST_FACTS) };
    if (f->list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

void
host_fact(struct host_facts *f, bool ok, const char *what, const char *fix,
    const char *fmt, ...)
{
    char found[HOST_LINE];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(found, sizeof(found), fmt, ap);
    va_end(ap);
    char *copy = arena_str(f->arena, bytes_str(found));
    if (copy == NULL || f->count == HOST_FACTS) {
        f->nomem = true;
        return;
    }
    f->list[f->count++] = (struct tee_host_fact){
        .ok = ok, .what = what, .found = copy, .fix = fix
    };
}

enum selfsame_code
host_facts_end(const struct host_facts *f, const char *what, struct tee_host_fact **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    if (f->nomem)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret = f->list;
    *ret_count = f->count;
    for (size_t i = 0; i < f->count; i++)
        if (!f->list[i].ok) {
            (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
                "cannot start %s here: %s: %s", what, f->list[i].what,
                f->list[i].found);
            err_remedy(e, f->list[i].fix);
            return SELFSAME_IO;
        }
    return SELFSAME_OK;
}
