/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { FAR_S = 3600 }; /* no host's word for longer is taken */

static void
sleep_ms(int64_t ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&t, NULL);
}

/* In pieces, when it may have to end. */
static void
rest_ms(const struct fetcher *f, int64_t ms)
{
    enum { PIECE_MS = 100 };

    for (; f->stop != NULL && ms > PIECE_MS && !atomic_load(f->stop); ms -= PIECE_MS)
        sleep_ms(PIECE_MS);
    if (f->stop == NULL || !atomic_load(f->stop))
        sleep_ms(ms);
}

static bool
is_over(const struct fetcher *f)
{
    return os_interrupted() || (f->stop != NULL && atomic_load(f->stop));
}

static int
patience_s(const struct fetcher *f)
{
    return f->patience_s > 0 ? f->patience_s : FETCH_PATIENCE_S;
}

/* The kernel gives locks back when their process dies, however it does. */
enum selfsame_code
pace_lock(
    const struct fetcher *f, const char *what, int *ret_fd, struct selfsame_err *e)
{
    char path[1024];
    int64_t until = os_now_ms() + 1000 * ((int64_t)patience_s(f) + 2 * FETCH_TIMEOUT_S);

    if (!cache_path(f, what, ".lock", path))
        FAIL(e, SELFSAME_USAGE, "cache directory: its path is too long");
    auto_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return file_error(e, "cannot open", path);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return file_error(e, "cannot lock", path);
        if (os_now_ms() > until || is_over(f))
            FAIL(e, SELFSAME_IO, "%s: another process has been fetching it for long",
                what);
        sleep_ms(20);
    }
    *ret_fd = fd;
    fd = -1;
    return SELFSAME_OK;
}

/* The lock file of a host holds the time, in ms, from which it may be asked. */
static int64_t
read_turn(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    uint64_t at = 0;
    int64_t now = os_now_ms();

    if (n <= 0 || !uint_parse(text, strlen(text), INT64_MAX, &at))
        return now;
    /* A clock that was set back must not close a host for days. */
    return (int64_t)at < now + FAR_S * 1000 ? (int64_t)at : now;
}

static enum selfsame_code
write_turn(int fd, int64_t at, struct selfsame_err *e)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%" PRId64, at);

    if (pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) != 0)
        FAIL(e, SELFSAME_IO, "cannot write into the cache: %s", strerror(errno));
    return SELFSAME_OK;
}

enum selfsame_code
pace_wait(const struct fetcher *f, const char *host, struct selfsame_err *e)
{
    int64_t pace = f->pace_ms > 0 ? f->pace_ms : FETCH_PACE_MS;
    auto_fd fd = -1;

    TRY(pace_lock(f, host, &fd, e));
    int64_t turn = read_turn(fd), wait = turn - os_now_ms();
    if (wait > 1000 * (int64_t)patience_s(f)) {
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
            "%s asks not to be asked for another %" PRId64 " s", host,
            (wait + 999) / 1000);
        err_remedy(e, "Ask again then, or give what is needed with --collateral.");
        return SELFSAME_IO;
    }
    if (wait > 0)
        rest_ms(f, wait);
    if (f->stop != NULL && atomic_load(f->stop))
        FAIL(e, SELFSAME_IO, "stopped while waiting for its turn at %s", host);
    return write_turn(fd, os_now_ms() + pace, e);
}

enum selfsame_code
pace_defer(
    const struct fetcher *f, const char *host, int64_t seconds, struct selfsame_err *e)
{
    auto_fd fd = -1;

    TRY(pace_lock(f, host, &fd, e));
    if (seconds > FAR_S)
        seconds = FAR_S;
    return write_turn(fd, os_now_ms() + 1000 * seconds, e);
}

int64_t
pace_turn_s(const struct fetcher *f, const char *host)
{
    char path[1024];

    if (!cache_path(f, host, ".lock", path))
        return 0;
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const int64_t wait = fd >= 0 ? read_turn(fd) - os_now_ms() : 0;
    return wait > 0 ? (wait + 999) / 1000 : 0;
}
