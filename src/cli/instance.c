/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/instance.h"

#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

void
instance_free(struct instance *i)
{
    json_free(&i->state);
}

enum selfsame_code
instance_name_check(const char *name, struct selfsame_err *e)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);

    if (n == 0 || n > INSTANCE_NAME || strspn(name, allowed) != n ||
        strchr("._-", name[0]) != NULL)
        FAIL(e, SELFSAME_USAGE,
            "name: expected 1 to %d letters, digits, '.', '_', '-' that begin with a "
            "letter or digit, got \"%.80s\"",
            INSTANCE_NAME, name);
    return SELFSAME_OK;
}

enum selfsame_code
instance_place(struct arena *arena, char **ret, struct selfsame_err *e)
{
    char *runtime, *place = NULL;

    TRY(dir_runtime(arena, &runtime, e));
    if ((place = arena_printf(arena, "%s/sim", runtime)) == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    TRY(dir_make(place, true, e));
    *ret = place;
    return SELFSAME_OK;
}

enum selfsame_code
instance_lock(struct arena *arena, int *ret_fd, struct selfsame_err *e)
{
    char *place = NULL, *path;

    TRY(instance_place(arena, &place, e));
    if ((path = arena_printf(arena, "%s/.lock", place)) == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    auto_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int got = -1;
    while (fd >= 0 && (got = flock(fd, LOCK_EX)) != 0 && errno == EINTR)
        ;
    if (fd < 0 || got != 0)
        FAIL(e, SELFSAME_IO, "cannot lock %s: %s", path, strerror(errno));
    *ret_fd = fd;
    fd = -1;
    return SELFSAME_OK;
}

uint64_t
process_start(int pid)
{
    char path[48], text[1024];

    if (pid <= 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* The command name (field 2) may hold blanks and parentheses: count from its end. */
    const char *p = strrchr(text, ')');
    if (p == NULL || p[1] == '\0' || p[2] == 'Z' || p[2] == 'X')
        return 0;
    for (int field = 2; p != NULL && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p != NULL ? strtoull(p + 1, NULL, 10) : 0;
}

/* Reads state.json; one that does not parse leaves `state` NULL: a dead one's. */
static void
read_state(struct instance *i, const char *path, struct arena *arena)
{
    struct selfsame_bytes text;
    struct selfsame_err ignored = { 0 };

    if (file_read(path, 1 << 20, arena, &text, &ignored) != SELFSAME_OK ||
        json_parse(text, path, &i->state, &ignored) != SELFSAME_OK)
        return;
    i->pid = (int)json_integer_value(json_object_get(i->state, "pid"));
    i->start = (uint64_t)json_integer_value(json_object_get(i->state, "start"));
    i->ready = json_is_true(json_object_get(i->state, "ready"));
    i->alive = i->start != 0 && process_start(i->pid) == i->start;
}

enum selfsame_code
instance_load(
    const char *name, struct arena *arena, struct instance *ret, struct selfsame_err *e)
{
    char *place = NULL;

    TRY(instance_name_check(name, e));
    TRY(instance_place(arena, &place, e));
    struct instance i = { .name = arena_str(arena, bytes_str(name)),
        .dir = arena_printf(arena, "%s/%s", place, name) };
    char *path = arena_printf(arena, "%s/%s/state.json", place, name);
    if (i.name == NULL || i.dir == NULL || path == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    read_state(&i, path, arena);
    *ret = i;
    return SELFSAME_OK;
}

enum selfsame_code
instance_remove(const char *dir, struct selfsame_err *e)
{
    char root[1200];

    /* The guest may have taken the owner's rights away from its own "/". */
    (void)snprintf(root, sizeof(root), "%s/root", dir);
    if (chmod(root, 0700) != 0 && errno != ENOENT)
        FAIL(e, SELFSAME_IO, "cannot open up %s: %s", root, strerror(errno));
    return dir_remove(dir, e);
}

/*
 * The kernel ends a guest with its supervisor, unless the guest's init gave up that
 * tie (PR_SET_PDEATHSIG). The start time says that the number is still the guest's.
 */
static void
end_orphan(const struct instance *i)
{
    enum { PATIENCE_MS = 5000 };
    int pid = (int)json_integer_value(json_object_get(i->state, "guest_pid"));
    uint64_t start = (uint64_t)json_integer_value(
        json_object_get(i->state, "guest_start"));
    auto_fd fd = start != 0 ? pidfd_open(pid, 0) : -1;

    if (fd < 0 || process_start(pid) != start)
        return;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
    (void)poll(&p, 1, PATIENCE_MS);
}

enum selfsame_code
instance_sweep(const struct instance *i, struct selfsame_err *e)
{
    end_orphan(i);
    return instance_remove(i->dir, e);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(
        ((const struct instance *)a)->name, ((const struct instance *)b)->name);
}

static void
dir_close(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

enum selfsame_code
instance_list(struct arena *arena, struct instance **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    enum { MOST = 1024 };
    struct instance *list = ARENA_NEW(arena, struct instance, MOST);
    size_t count = 0;
    char *place = NULL;
    auto_fd lock = -1;
    struct dirent *entry;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "a list of %d instances", MOST);
    TRY(instance_lock(arena, &lock, e));
    TRY(instance_place(arena, &place, e));
    __attribute__((cleanup(dir_close))) DIR *d = opendir(place);
    if (d == NULL)
        FAIL(e, SELFSAME_IO, "cannot list %s: %s", place, strerror(errno));
    while (count < MOST && (entry = readdir(d)) != NULL) {
        struct selfsame_err ignored = { 0 };
        struct instance i;

        if (entry->d_name[0] == '.' ||
            instance_load(entry->d_name, arena, &i, &ignored) != SELFSAME_OK)
            continue;
        if (i.alive || instance_sweep(&i, &ignored) != SELFSAME_OK)
            list[count++] = i;
        else
            instance_free(&i);
    }
    qsort(list, count, sizeof(*list), by_name);
    *ret = list;
    *ret_count = count;
    return SELFSAME_OK;
}

enum selfsame_code
instance_write(const char *dir, const json_t *state, struct selfsame_err *e)
{
    char path[1200];
    char *text = json_pretty(state);

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "state of an instance");
    (void)snprintf(path, sizeof(path), "%s/state.json", dir);
    enum selfsame_code code = file_write(path, bytes_str(text), true, e);
    free(text);
    return code;
}

enum selfsame_code
instance_claim(const char *name, const json_t *state, struct arena *arena,
    char **ret_dir, struct selfsame_err *e)
{
    auto_instance old = { 0 };
    auto_fd lock = -1;

    TRY(instance_name_check(name, e));
    TRY(instance_lock(arena, &lock, e));
    TRY(instance_load(name, arena, &old, e));
    if (old.alive) {
        enum selfsame_code code = err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "an instance named %s is running (process %d)", name, old.pid);
        err_remedy(e, "Choose another --name, or stop that one: selfsame stop NAME.");
        return code;
    }
    TRY(instance_sweep(&old, e));
    char *dir = arena_str(arena, bytes_str(old.dir));
    if (dir == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    TRY(dir_make(dir, true, e));
    TRY(instance_write(dir, state, e));
    *ret_dir = dir;
    return SELFSAME_OK;
}
