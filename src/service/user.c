/* SPDX-License-Identifier: Apache-2.0 */
#include "service/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

enum selfsame_code
user_become(const char *user, struct selfsame_err *e)
{
    struct passwd p, *found = NULL;
    char text[16384];

    int error = getpwnam_r(user, &p, text, sizeof(text), &found);
    if (error != 0 || found == NULL)
        FAIL(e, SELFSAME_USAGE, "expected a user of this machine, got \"%.60s\"%s%s",
            user, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    if (geteuid() != 0 && p.pw_uid == geteuid())
        return SELFSAME_OK;
    if (geteuid() != 0)
        FAIL(e, SELFSAME_USAGE, "only root can become %.60s", user);
    if (p.pw_uid == 0)
        FAIL(e, SELFSAME_USAGE, "expected a user without privileges, got %.60s", user);
    if (initgroups(p.pw_name, p.pw_gid) != 0 ||
        setresgid(p.pw_gid, p.pw_gid, p.pw_gid) != 0 ||
        setresuid(p.pw_uid, p.pw_uid, p.pw_uid) != 0)
        FAIL(e, SELFSAME_IO, "cannot become %.60s: %s", user, strerror(errno));
    /* What cannot be undone is what was asked. */
    if (setresuid(0, 0, 0) == 0 || geteuid() != p.pw_uid || getegid() != p.pw_gid)
        FAIL(e, SELFSAME_INTERNAL, "%.60s can become root again", user);
    return SELFSAME_OK;
}
