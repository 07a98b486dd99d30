/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The second build is another process of this program: other umask, time zone,
 * locale, home, working directory, path and creation order of the source and,
 * where it may, another user (reproducible-build §7).
 */
struct again {
    const struct repro_options *o;
    struct arena *arena;
    struct scratch base;
    char *source, *out, *tmp;
    bool other_user;
};

enum { NOBODY = 65534, ARGS = 48, PIECE = 256 * 1024 };

static void
again_remove(struct again *a)
{
    struct selfsame_err unused = { 0 };

    const char *path = a->base.path;

    if (scratch_remove(&a->base, &unused) != SELFSAME_OK)
        voice_note(&a->o->voice, "note: could not remove %s", path);
}

static char *
absolute(struct again *a, const char *path)
{
    char real[PATH_MAX];

    return path != NULL && realpath(path, real) != NULL
               ? arena_str(a->arena, bytes_str(real))
               : NULL;
}

/* A directory is copied, in reversed order; a file is the same file by another name. */
static enum selfsame_code
move_source(struct again *a, struct selfsame_err *e)
{
    struct copy_rules rules = { .faithful = true,
        .reverse = true,
        .mtime_s = 1234567890,
        .owner = a->other_user ? NOBODY : 0 };
    struct stat st, out;
    char *real = absolute(a, a->o->source);

    if (real == NULL || stat(real, &st) != 0)
        return file_error(e, "cannot open", a->o->source);
    if (!S_ISDIR(st.st_mode)) {
        if (symlink(real, a->source) != 0)
            FAIL(e, SELFSAME_IO, "cannot make %s: %s", a->source, strerror(errno));
        return SELFSAME_OK;
    }
    if (stat(a->o->out, &out) == 0) {
        rules.skip_dev = out.st_dev;
        rules.skip_ino = out.st_ino;
    }
    if (mkdir(a->source, 0755) != 0)
        FAIL(e, SELFSAME_IO, "cannot make %s: %s", a->source, strerror(errno));
    TRY_WHILE(e, copy_tree(real, a->source, &rules, e), "copying the source");
    return SELFSAME_OK;
}

static enum selfsame_code
prepare(struct again *a, struct selfsame_err *e)
{
    TRY(scratch_make(a->arena, &a->base, e));
    a->source = arena_printf(a->arena, "%s/another place", a->base.path);
    a->out = arena_printf(a->arena, "%s/out", a->base.path);
    a->tmp = arena_printf(a->arena, "%s/tmp", a->base.path);
    if (a->source == NULL || a->out == NULL || a->tmp == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to build again");
    if (mkdir(a->out, 0755) != 0 || mkdir(a->tmp, 0700) != 0)
        FAIL(e, SELFSAME_IO, "cannot make %s: %s", a->out, strerror(errno));
    return move_source(a, e);
}

/* ---- the command line of the second build ---- */

struct line {
    char *argv[ARGS + 1];
    size_t count;
    bool bad;
};

static void
add(struct again *a, struct line *l, const char *word)
{
    if (l->count == ARGS || word == NULL) {
        l->bad = true;
        return;
    }
    l->argv[l->count] = arena_str(a->arena, bytes_str(word));
    l->bad |= l->argv[l->count++] == NULL;
}

static void
add_option(struct again *a, struct line *l, const char *name, const char *value)
{
    if (value == NULL)
        return;
    add(a, l, name);
    add(a, l, value);
}

static void
add_file(struct again *a, struct line *l, const char *name, const char *path)
{
    if (path != NULL)
        add_option(a, l, name, absolute(a, path) != NULL ? absolute(a, path) : path);
}

static void
make_line(struct again *a, struct line *l)
{
    const struct repro_options *o = a->o;
    char *platform = arena_printf(a->arena, "%s/%s", o->os, o->arch);
    char *timeout = arena_printf(a->arena, "%u", o->timeout_s);

    add(a, l, "selfsame");
    add(a, l, "build");
    add(a, l, a->source);
    add_option(a, l, "--out", a->out);
    add_file(a, l, "--recipe", o->recipe);
    add_option(a, l, "--tee", o->tees);
    add_option(a, l, "--platform", platform);
    add_option(a, l, "--ref", o->ref);
    add_file(a, l, "--kernel", o->kernel);
    add_file(a, l, "--cmdline", o->cmdline);
    add_file(a, l, "--nsm", o->nsm);
    add_file(a, l, "--firmware", o->firmware);
    add_file(a, l, "--init", o->init);
    add_file(a, l, "--agent", o->agent);
    add_option(a, l, "--timeout", timeout);
    if (o->oci)
        add(a, l, "--oci");
    if (o->insecure_no_sandbox)
        add(a, l, "--insecure-no-sandbox");
    if (o->argv == NULL || o->argv[0] == NULL)
        return;
    add(a, l, "--");
    for (char **word = o->argv; *word != NULL; word++)
        add(a, l, *word);
}

static void __attribute__((noreturn))
run_again(const struct again *a, struct line *l, pid_t parent)
{
    char tmp[PATH_MAX];
    char *env[] = { tmp, (char[]){ "TZ=Pacific/Kiritimati" },
        (char[]){ "LANG=tr_TR.UTF-8" }, (char[]){ "LC_ALL=POSIX" },
        (char[]){ "HOME=/nowhere/else" }, (char[]){ "USER=somebody" },
        (char[]){ "PATH=/bin:/usr/bin" }, NULL };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (snprintf(tmp, sizeof(tmp), "TMPDIR=%s", a->tmp) >= (int)sizeof(tmp))
        _exit(126);
    (void)umask(077);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        chdir(a->tmp) != 0)
        _exit(126);
    if (a->other_user &&
        (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) != 0))
        _exit(126);
    /* Ends with us, and cleans up; until then the directory is in use. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0 || getppid() != parent ||
        fcntl(a->base.fd, F_SETFD, 0) != 0)
        _exit(126);
    (void)execve("/proc/self/exe", l->argv, env);
    _exit(127);
}

static enum selfsame_code
build_again(struct again *a, struct selfsame_err *e)
{
    struct line line = { 0 };
    int status;

    make_line(a, &line);
    if (line.bad)
        FAIL(e, SELFSAME_USAGE, "--twice: expected at most %d words behind '--'",
            (int)ARGS - 32);
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        run_again(a, &line, parent);
    if (child < 0)
        FAIL(e, SELFSAME_IO, "cannot fork: %s", strerror(errno));
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            FAIL(e, SELFSAME_IO, "cannot wait: %s", strerror(errno));
        if (os_interrupted()) /* it cleans up behind itself as well */
            (void)kill(child, SIGTERM);
    }
    if (os_interrupted())
        FAIL(e, SELFSAME_IO, "interrupted");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL(e, SELFSAME_MISMATCH,
            "the second build fails where the first did not (status %d)",
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return SELFSAME_OK;
}

static bool
is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * As root the second build is nobody's, when nobody can reach the program, the
 * inputs and a user namespace: tried with a process that does nothing else.
 */
static bool
can_be_nobody(struct again *a)
{
    /* A directory is copied for him; a file has to be his to read. */
    const char *need[] = { is_dir(a->o->source) ? NULL : a->o->source, a->o->recipe,
        a->o->kernel, a->o->nsm, a->o->firmware, a->o->init, a->o->agent,
        "/proc/self/exe" };
    int status;

    if (geteuid() != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        bool good = setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
                    setresuid(NOBODY, NOBODY, NOBODY) == 0;
        for (size_t i = 0; i < COUNT(need); i++) {
            char *real = need[i] != NULL ? absolute(a, need[i]) : NULL;

            good = good &&
                   (need[i] == NULL || (real != NULL && access(real, R_OK) == 0));
        }
        _exit(good && sandbox_possible() ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool
give_away(const struct again *a)
{
    /* The top stays ours, or nobody would find it when we are killed. */
    return chown(a->base.path, (uid_t)-1, NOBODY) == 0 &&
           chmod(a->base.path, 0710) == 0 && chown(a->out, NOBODY, NOBODY) == 0 &&
           chown(a->tmp, NOBODY, NOBODY) == 0;
}

/* ---- comparing ---- */

static enum selfsame_code
same_bytes(struct again *a, const char *name, bool *ret, struct selfsame_err *e)
{
    char *one = arena_printf(a->arena, "%s/%s", a->o->out, name);
    char *two = arena_printf(a->arena, "%s/%s", a->out, name);
    uint8_t *buf = arena_alloc(a->arena, 2, PIECE);
    struct stat s1, s2;

    if (one == NULL || two == NULL || buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to compare");
    auto_fd f1 = open(one, O_RDONLY | O_CLOEXEC), f2 = open(two, O_RDONLY | O_CLOEXEC);
    if (f1 < 0 || f2 < 0 || fstat(f1, &s1) != 0 || fstat(f2, &s2) != 0)
        FAIL(e, SELFSAME_IO, "cannot compare %s: %s", name, strerror(errno));
    *ret = s1.st_size == s2.st_size;
    for (off_t at = 0; *ret && at < s1.st_size; at += PIECE) {
        size_t n = s1.st_size - at < PIECE ? (size_t)(s1.st_size - at) : PIECE;

        TRY(fd_pread_all(f1, (uint64_t)at, buf, n, one, e));
        TRY(fd_pread_all(f2, (uint64_t)at, buf + PIECE, n, two, e));
        *ret = bytes_eq(BYTES(buf, n), BYTES(buf + PIECE, n));
    }
    return SELFSAME_OK;
}

static void
tell_finding(void *ctx, const struct repro_finding *f)
{
    const struct again *a = ctx;

    voice_note(&a->o->voice, "differs: %s %s: %s%s%s%s%s%s%s", f->what, f->name, f->how,
        f->a != NULL ? ": " : "", f->a != NULL ? f->a : "", f->b != NULL ? " / " : "",
        f->b != NULL ? f->b : "", f->hint != NULL ? "; " : "",
        f->hint != NULL ? f->hint : "");
}

static enum selfsame_code
compare(struct again *a, const struct repro_tees *tees, struct selfsame_err *e)
{
    struct repro_diff diff = { .found = tell_finding, .ctx = a };
    const char *first = NULL;

    for (size_t i = 0; i < OUT_FILES; i++) {
        bool same = false;

        if (!out_has(&out_files[i], tees))
            continue;
        TRY(same_bytes(a, out_files[i].name, &same, e));
        if (!same && first == NULL)
            first = out_files[i].name;
    }
    if (first == NULL)
        return SELFSAME_OK;
    TRY(repro_compare(a->o->out, a->out, &diff, a->arena, e));
    return remedied(e,
        err_set(e, SELFSAME_MISMATCH, __FILE__, __LINE__,
            "built twice, and %s differs: the image depends on where, when or by whom "
            "it "
            "is built",
            first),
        "Mend the build: the files named above say what varied.");
}

static enum selfsame_code
again(struct again *a, const struct repro_tees *tees, struct selfsame_err *e)
{
    TRY_WHILE(e, prepare(a, e), "building again");
    if (a->other_user && !give_away(a))
        FAIL(e, SELFSAME_IO, "cannot give %s to another user: %s", a->base.path,
            strerror(errno));
    TRY_WHILE(e, build_again(a, e), "building again");
    return compare(a, tees, e);
}

enum selfsame_code
repro_again(const struct repro_options *o, const struct repro_result *first,
    struct arena *arena, bool *ret_other_user, struct selfsame_err *e)
{
    __attribute__((cleanup(again_remove))) struct again a = {
        .o = o, .arena = arena, .base = { .fd = -1 }
    };

    a.other_user = !first->keep_owners && can_be_nobody(&a);
    enum selfsame_code code = again(&a, &first->tees, e);
    if (code != SELFSAME_OK)
        out_discard(o->out, first->out_kept);
    else
        *ret_other_user = a.other_user;
    return code;
}
