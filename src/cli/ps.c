/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/print.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- ps ---- */

static const char *
text_of(const struct instance *i, const char *member)
{
    const char *s = json_string_value(json_object_get(i->state, member));

    return s != NULL ? s : "?";
}

static const char *
status_of(const struct instance *i)
{
    if (!i->alive)
        return "dead";
    return i->ready ? "running" : "starting";
}

static void
print_row(const struct instance *i)
{
    size_t at;
    json_t *port;

    (void)printf("%-20s %-9s %-8d %-21s %s", i->name, status_of(i), i->pid,
        text_of(i, "started"), text_of(i, "image"));
    json_array_foreach(json_object_get(i->state, "ports"), at, port)(void)
        printf("  %s->%d", json_string_value(json_object_get(port, "host")),
            (int)json_integer_value(json_object_get(port, "guest")));
    (void)printf("\n");
}

static enum selfsame_code
print_json(const struct instance *list, size_t count, struct selfsame_err *e)
{
    auto_json *all = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *one = list[i].state != NULL ? json_deep_copy(list[i].state)
                                            : json_object();

        if (json_object_set_new(one, "name", json_string(list[i].name)) != 0 ||
            json_object_set_new(one, "status", json_string(status_of(&list[i]))) != 0 ||
            json_array_append_new(all, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "a list of %zu instances", count);
    }
    return print_json_line(all, e);
}

static enum selfsame_code
ps(struct cli *c, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_OK;
    struct instance *list;
    size_t count;

    TRY(instance_list(cli_arena(c), &list, &count, e));
    if (cli_json(c))
        code = print_json(list, count, e);
    else if (count > 0)
        (void)printf("%-20s %-9s %-8s %-21s %s\n", "NAME", "STATUS", "PROCESS",
            "STARTED", "IMAGE  PORTS");
    for (size_t i = 0; i < count; i++) {
        if (!cli_json(c))
            print_row(&list[i]);
        instance_free(&list[i]);
    }
    return code;
}

const struct cli_command ps_command = {
    .name = "ps",
    .summary = "list the simulated enclaves of this user",
    .story = "Example: selfsame ps --json\n"
             "What killed supervisors left behind is removed on the way.",
    .run = ps,
};

/* ---- logs ---- */

static enum selfsame_code
need_instance(
    struct cli *c, const char *name, struct instance *ret, struct selfsame_err *e)
{
    TRY(instance_load(name, cli_arena(c), ret, e));
    if (ret->state != NULL)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "there is no simulated enclave named %s", name);
    err_remedy(e, "`selfsame ps` lists them.");
    return SELFSAME_USAGE;
}

/* Copies what can be read from fd now to standard output. */
static enum selfsame_code
copy_out(int fd, const char *path, struct selfsame_err *e)
{
    uint8_t buf[16384];
    ssize_t n;

    while ((n = read(fd, buf, sizeof(buf))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            FAIL(e, SELFSAME_IO, "cannot read %s: %s", path, strerror(errno));
        TRY(fd_write_all(STDOUT_FILENO, BYTES(buf, (size_t)n), "standard output", e));
    }
    return SELFSAME_OK;
}

/* Prints what is added until the supervisor is gone; a full log is moved to log.1. */
static enum selfsame_code
follow(const struct instance *i, const char *path, int *fd, struct selfsame_err *e)
{
    for (bool alive = true; alive;) {
        struct stat now, mine;

        alive = process_start(i->pid) == i->start;
        TRY(copy_out(*fd, path, e));
        if (stat(path, &now) == 0 && fstat(*fd, &mine) == 0 &&
            now.st_ino != mine.st_ino) {
            int next = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

            if (next < 0)
                continue;
            (void)close(*fd);
            *fd = next;
            continue;
        }
        if (alive)
            (void)poll(NULL, 0, 100);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
logs(struct cli *c, struct selfsame_err *e)
{
    auto_instance i = { 0 };

    TRY(need_instance(c, cli_operand(c, 0), &i, e));
    char *path = arena_printf(cli_arena(c), "%s/log", i.dir);
    char *older = arena_printf(cli_arena(c), "%s/log.1", i.dir);
    if (path == NULL || older == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    auto_fd before = open(older, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        FAIL(e, SELFSAME_IO, "cannot read %s: %s", path, strerror(errno));
    if (before >= 0)
        TRY(copy_out(before, older, e));
    return cli_flag(c, "follow") ? follow(&i, path, &fd, e) : copy_out(fd, path, e);
}

static const struct cli_option logs_options[] = {
    { .name = "follow", .short_name = 'f', .help = "go on until the enclave ends" },
    { 0 },
};
const struct cli_command logs_command = {
    .name = "logs",
    .operands = "NAME",
    .summary = "print what a simulated enclave wrote",
    .story = "Example: selfsame logs -f hello",
    .options = logs_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = logs,
};

/* ---- stop ---- */

/* Waits until the process ended; false when it still runs after `ms`. */
static bool
ended_within(int pidfd, int64_t ms)
{
    int64_t until = os_now_ms() + ms;

    for (;;) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        int64_t left = until - os_now_ms();

        if (poll(&p, 1, left > 0 ? (int)left : 0) > 0)
            return true;
        if (left <= 0)
            return false;
    }
}

/*
 * Ends the supervisor: asked first, then killed (which takes the guest with it).
 * The start time is compared after the pidfd is open, so no stranger that got
 * the number is ever signalled.
 */
static enum selfsame_code
end_supervisor(const struct instance *i, int64_t patience_ms, struct selfsame_err *e)
{
    auto_fd pidfd = pidfd_open(i->pid, 0);

    if (pidfd < 0 || process_start(i->pid) != i->start)
        return SELFSAME_OK;
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) != 0 && errno != ESRCH)
        FAIL(e, SELFSAME_IO, "cannot signal process %d: %s", i->pid, strerror(errno));
    if (ended_within(pidfd, patience_ms))
        return SELFSAME_OK;
    (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    if (!ended_within(pidfd, 5000))
        FAIL(e, SELFSAME_IO, "process %d does not end", i->pid);
    return SELFSAME_OK;
}

static enum selfsame_code
stop_one(struct cli *c, const char *name, int64_t patience_ms, struct selfsame_err *e)
{
    auto_instance i = { 0 }, now = { 0 };
    auto_fd lock = -1;

    TRY(need_instance(c, name, &i, e));
    TRY_WHILE(e, end_supervisor(&i, patience_ms, e), "stopping %s", i.name);
    TRY(instance_lock(cli_arena(c), &lock, e));
    /* Another run may have taken the name by now. */
    TRY(instance_load(i.name, cli_arena(c), &now, e));
    return now.alive ? SELFSAME_OK : instance_sweep(&now, e);
}

/* Every name is tried; the first error is reported at the end, those after it here. */
static enum selfsame_code
stop(struct cli *c, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_OK;
    uint64_t patience_s = 15;

    TRY(cli_uint(c, "time", 0, 3600, &patience_s, e));
    for (size_t at = 0; at < cli_operand_count(c); at++) {
        struct selfsame_err one = { 0 };

        if (stop_one(c, cli_operand(c, at), (int64_t)patience_s * 1000, &one) ==
            SELFSAME_OK)
            continue;
        if (code == SELFSAME_OK)
            *e = one;
        else
            (void)fprintf(stderr, "selfsame: %s\n", err_text(&one));
        code = e->code;
    }
    return code;
}

static const struct cli_option stop_options[] = {
    { .name = "time",
        .short_name = 't',
        .argument = "SECONDS",
        .help = "kill when it has not ended by then (15)" },
    { 0 },
};
const struct cli_command stop_command = {
    .name = "stop",
    .operands = "NAME...",
    .summary = "end simulated enclaves and remove their files",
    .story = "Example: selfsame stop hello",
    .options = stop_options,
    .min_operands = 1,
    .max_operands = CLI_OPERANDS,
    .run = stop,
};
