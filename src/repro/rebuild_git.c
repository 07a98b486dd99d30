/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <unistd.h>

/*
 * Which commit a directory is a checkout of, read from git's own files (gitrepository-
 * layout(5)), for git may not be installed. Whether anything was changed since, nobody
 * asks: the rebuild answers that.
 */
enum { GIT_FILE = 1 << 20, GIT_REF = 1024 };

/* The whole of DIR/NAME; NULL where there is none. */
static enum selfsame_code
slurp(const char *dir, const char *name, struct arena *arena, char **ret,
    struct selfsame_err *e)
{
    char *path = arena_printf(arena, "%s/%s", dir, name);
    struct selfsame_bytes text;

    *ret = NULL;
    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to look at the source");
    if (access(path, R_OK) != 0)
        return SELFSAME_OK;
    TRY(file_read(path, GIT_FILE, arena, &text, e));
    *ret = arena_str(arena, text);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to look at the source");
    return SELFSAME_OK;
}

static char *
first_line(char *text)
{
    if (text != NULL)
        text[strcspn(text, "\r\n")] = '\0';
    return text;
}

/* A file instead of a directory says where that is: of worktrees and submodules. */
static enum selfsame_code
git_dir(
    const char *source, struct arena *arena, const char **ret, struct selfsame_err *e)
{
    static const char word[] = "gitdir: ";
    char *dir = arena_printf(arena, "%s/.git", source), *head, *text;

    *ret = dir;
    if (dir == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to look at the source");
    TRY(slurp(dir, "HEAD", arena, &head, e));
    if (head != NULL || access(dir, R_OK) != 0)
        return SELFSAME_OK;
    TRY(slurp(source, ".git", arena, &text, e));
    (void)first_line(text);
    if (text == NULL || strncmp(text, word, sizeof(word) - 1) != 0)
        return SELFSAME_OK;
    const char *to = text + sizeof(word) - 1;
    *ret = to[0] == '/' ? to : arena_printf(arena, "%s/%s", source, to);
    return SELFSAME_OK;
}

/* "<hex> <ref>" lines. */
static const char *
packed(char *text, const char *ref)
{
    char *next = text;

    while (text != NULL && *text != '\0') {
        next = text + strcspn(text, "\n");
        if (*next != '\0')
            *next++ = '\0';
        char *space = strchr(text, ' ');
        if (space != NULL && strcmp(space + 1, ref) == 0) {
            *space = '\0';
            return text;
        }
        text = next;
    }
    return NULL;
}

static enum selfsame_code
resolve(const char *dir, const char *ref, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    char *text, *common;

    TRY(slurp(dir, "commondir", arena, &common, e));
    (void)first_line(common);
    const char *base = common == NULL     ? dir
                       : common[0] == '/' ? common
                                          : arena_printf(arena, "%s/%s", dir, common);
    if (base == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to look at the source");
    TRY(slurp(base, ref, arena, &text, e));
    *ret = first_line(text);
    if (text != NULL)
        return SELFSAME_OK;
    TRY(slurp(base, "packed-refs", arena, &text, e));
    *ret = packed(text, ref);
    return SELFSAME_OK;
}

enum selfsame_code
rebuild_commit(
    const char *source, struct arena *arena, const char **ret, struct selfsame_err *e)
{
    static const char word[] = "ref: ";
    const char *dir, *commit;
    char *head;

    *ret = NULL;
    TRY(git_dir(source, arena, &dir, e));
    if (dir == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to look at the source");
    TRY(slurp(dir, "HEAD", arena, &head, e));
    commit = first_line(head);
    if (head == NULL)
        return SELFSAME_OK;
    if (strncmp(head, word, sizeof(word) - 1) == 0) {
        const char *ref = head + sizeof(word) - 1;

        if (strncmp(ref, "refs/", 5) != 0 || strstr(ref, "..") != NULL ||
            strlen(ref) > GIT_REF)
            return SELFSAME_OK;
        TRY(resolve(dir, ref, arena, &commit, e));
    }
    if (commit != NULL && strspn(commit, "0123456789abcdef") == strlen(commit) &&
        strlen(commit) >= 40)
        *ret = commit;
    return SELFSAME_OK;
}
