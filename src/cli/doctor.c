/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/print.h"
#include "codec/json.h"
#include "tee/tee.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What this host can do, what is missing, how to get it: one line each. */
struct finding {
    const char *group, *what, *found, *fix;
    bool ok;
};

enum { FINDINGS = 64 };
struct findings {
    struct finding at[FINDINGS];
    size_t count;
};

static void
add(struct findings *f, struct finding x)
{
    if (f->count < FINDINGS)
        f->at[f->count++] = x;
}

static bool
child_can_unshare(int flags)
{
    pid_t pid = fork();
    int status = 1;

    if (pid == 0)
        _exit(unshare(flags) == 0 ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool
has_user_notification(void)
{
    uint32_t action = SECCOMP_RET_USER_NOTIF;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void
look_at_simulator(struct findings *f)
{
    bool user = child_can_unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID);
    bool network = child_can_unshare(
        geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET);
    bool notify = has_user_notification();

    add(f, (struct finding){ "simulator", "namespaces", user ? "allowed" : "refused",
               "allow user namespaces (sysctl user.max_user_namespaces, "
               "kernel.apparmor_restrict_unprivileged_userns=0), or run as root",
               user || geteuid() == 0 });
    add(f,
        (struct finding){ "simulator", "own network", network ? "allowed" : "refused",
            "without it an image shares the host's loopback", network });
    add(f, (struct finding){ "simulator", "seccomp user notification",
               notify ? "available" : "missing",
               "use Linux 5.12 or newer with CONFIG_SECCOMP_FILTER", notify });
}

static void
look_inside(struct findings *f, const struct tee_attester *a)
{
    struct tee_host_fact facts[TEE_GUEST_FACTS];
    size_t count = a->look != NULL ? a->look(facts) : 0;

    for (size_t i = 0; i < count; i++)
        add(f, (struct finding){ "inside a TEE", facts[i].what, facts[i].found,
                   facts[i].fix, facts[i].ok });
}

static void
look_at_guest(struct findings *f)
{
    bool any = false;

    for (size_t i = 0; tee_attester_at(i) != NULL; i++) {
        const struct tee_attester *a = tee_attester_at(i);

        if (!a->present(NULL))
            continue;
        any = true;
        add(f, (struct finding){ "inside a TEE", a->name, "device found", "", true });
        look_inside(f, a);
    }
    if (!any)
        add(f, (struct finding){ "inside a TEE", "device", "none",
                   "`attest` and `serve` work inside an enclave or the simulator (`run "
                   "--sim`)",
                   false });
}

static void
look_at_launchers(struct findings *f, struct arena *arena)
{
    for (size_t i = 0; tee_launcher_at(i) != NULL; i++) {
        const struct tee_launcher *l = tee_launcher_at(i);
        struct tee_launch_request q = { 0 };
        struct tee_host_fact *facts = NULL;
        struct selfsame_err ignored = { 0 };
        size_t count = 0;

        /* The facts are the answer; the class only repeats them. */
        if (l->available(&q, arena, &facts, &count, &ignored) != SELFSAME_OK &&
            facts == NULL)
            add(f, (struct finding){ l->name, "pre-flight", "failed", "", false });
        for (size_t k = 0; k < count; k++)
            add(f, (struct finding){ l->name, facts[k].what, facts[k].found,
                       facts[k].fix, facts[k].ok });
    }
}

static enum selfsame_code
print_json(const struct findings *f, struct selfsame_err *e)
{
    auto_json *list = json_array();
    bool good = list != NULL;

    for (size_t i = 0; good && i < f->count; i++) {
        const struct finding *x = &f->at[i];

        good = json_array_append_new(
                   list, json_pack("{s:s, s:s, s:b, s:s, s:s}", "group", x->group,
                             "what", x->what, "ok", x->ok, "found", x->found, "fix",
                             x->ok ? "" : x->fix)) == 0;
    }
    return print_json_line(good ? list : NULL, e);
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    struct findings f = { 0 };
    const char *group = "";

    look_at_simulator(&f);
    look_at_guest(&f);
    look_at_launchers(&f, cli_arena(c));
    if (cli_json(c))
        return print_json(&f, e);
    (void)printf("verify, connect, build, measure, show: always, on any host\n");
    for (size_t i = 0; i < f.count; i++) {
        const struct finding *x = &f.at[i];

        if (strcmp(group, x->group) != 0)
            (void)printf("\n%s\n", x->group);
        group = x->group;
        (void)printf("  %-4s %-28s %s\n", x->ok ? "ok" : "no", x->what, x->found);
        if (!x->ok && x->fix[0] != '\0')
            (void)printf("       %s\n", x->fix);
    }
    return SELFSAME_OK;
}

const struct cli_command doctor_command = {
    .name = "doctor",
    .summary = "what this host can do, what is missing, how to get it",
    .run = run,
};
