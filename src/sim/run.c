/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the record ---- */

/* "/x/Hello World.eif" → "Hello-World-3fa2c1" */
static char *
invent_name(const char *image, struct arena *arena)
{
    const char *slash = strrchr(image, '/');
    uint8_t random[3];
    char hex[7], base[33] = "sim";
    size_t n = 0;

    for (const char *p = slash != NULL ? slash + 1 : image; *p != '\0'; p++) {
        bool fit = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                   (*p >= '0' && *p <= '9');

        if (strcmp(p, ".eif") == 0 || n == sizeof(base) - 1)
            break;
        if (fit || n > 0)
            base[n++] = fit ? *p : '-';
    }
    base[n > 0 ? n : 3] = '\0';
    if (!rng_bytes(random, sizeof(random)))
        return NULL;
    hex_encode(BYTES_ARR(random), hex);
    return arena_printf(arena, "%s-%s", base, hex);
}

static enum selfsame_code
first_state(struct run *r, struct selfsame_err *e)
{
    char started[TIME_TEXT], *image = realpath(r->image, NULL);
    json_t *defects = json_array();

    if (image == NULL) {
        json_decref(defects);
        return file_error(e, "cannot open", r->image);
    }
    for (uint64_t bit = 1; bit != 0; bit <<= 1)
        if ((r->subject.defects & bit) != 0)
            (void)json_array_append_new(
                defects, json_string(sim_defect_word(r->notify.sim, bit)));
    time_format(os_now_ms() / 1000, started);
    r->state = json_pack("{s:i,s:s,s:i,s:I,s:s,s:s,s:b,s:o,s:s,s:b}", "selfsame", 1,
        "name", r->name, "pid", (int)getpid(), "start",
        (json_int_t)process_start((int)getpid()), "image", image, "tee",
        r->notify.sim->name, "simulated", 1, "defects", defects, "started", started,
        "ready", 0);
    free(image);
    if (r->state == NULL)
        FAIL(e, SELFSAME_NOMEM, "state of an instance");
    return SELFSAME_OK;
}

/*
 * {"pcr":{"0":hex,...}} or {"measurement":hex}: what was measured. Debug mode of Nitro
 * shows what the guest sees: zero.
 */
static json_t *
values_of(const struct run *r)
{
    static const uint8_t zero[48];
    json_t *all = json_object(), *pcr = NULL;
    char hex[2 * 64 + 1];

    for (size_t i = 0; i < r->subject.measured_count; i++) {
        const struct claim *c = &r->subject.measured[i];
        bool register_of = strncmp(c->path, "pcr.", 4) == 0;

        if (c->bytes.len > 64)
            continue;
        hex_encode(register_of && (r->subject.defects & SIM_DEBUG) != 0
                       ? BYTES_ARR(zero)
                       : c->bytes,
            hex);
        if (register_of && pcr == NULL) {
            pcr = json_object();
            (void)json_object_set_new(all, "pcr", pcr);
        }
        if (register_of)
            (void)json_object_set_new(pcr, c->path + 4, json_string(hex));
        else if (json_object_get(all, c->path) == NULL)
            (void)json_object_set_new(all, c->path, json_string(hex));
    }
    return all;
}

static enum selfsame_code
full_state(struct run *r, struct selfsame_err *e)
{
    char sha256[65];
    json_t *ports = json_array();

    hex_encode(BYTES_ARR(r->loaded.sha256), sha256);
    for (size_t i = 0; i < r->ports.count; i++)
        (void)json_array_append_new(
            ports, json_pack("{s:s,s:i}", "host", r->ports.at[i].host, "guest",
                       (int)r->ports.at[i].guest));
    json_t *more = json_pack("{s:o,s:s,s:i,s:I,s:s,s:s}", "ports", ports,
        "image_sha256", sha256, "guest_pid", (int)r->guest.pid, "guest_start",
        (json_int_t)process_start((int)r->guest.pid), "network",
        r->plan.network ? "private" : "host", "users", r->plan.user ? "one" : "all");
    json_t *values = values_of(r);
    int failed = more == NULL || values == NULL ||
                 json_object_update(r->state, more) != 0 ||
                 json_object_update(r->state, values) != 0;
    json_decref(more);
    json_decref(values);
    if (failed)
        FAIL(e, SELFSAME_NOMEM, "state of an instance");
    return instance_write(r->dir, r->state, e);
}

/* ---- announcing ---- */

static void
tell(const struct run *r, bool late)
{
    size_t at;
    const char *index;
    json_t *item;

    (void)fprintf(stderr, "%s: running %s in the simulator (no hardware protects it)\n",
        r->name, r->image);
    json_object_foreach(json_object_get(r->state, "pcr"), index, item)(void)
        fprintf(stderr, "  PCR%s %s\n", index, json_string_value(item));
    if ((item = json_object_get(r->state, "measurement")) != NULL)
        (void)fprintf(stderr, "  launch digest %s\n", json_string_value(item));
    json_array_foreach(json_object_get(r->state, "ports"), at, item)(void)
        fprintf(stderr, "  %s -> port %d of the guest\n",
            json_string_value(json_object_get(item, "host")),
            (int)json_integer_value(json_object_get(item, "guest")));
    if (!r->plan.network)
        (void)fprintf(stderr, "  note: this host gives no network namespace; the guest "
                              "uses the host's\n");
    if (r->plan.device->provider != NULL && r->fuse == NULL)
        (void)fprintf(stderr,
            "  note: this host gives no /dev/fuse; the guest has no "
            "configfs-tsm, only %s\n",
            r->plan.device->node);
    if (!r->guest.proc)
        (void)fprintf(stderr,
            "  note: the guest has an empty /proc: parts of the host's are hidden\n");
    if (late)
        (void)fprintf(stderr, "  note: not every published port is listened on yet\n");
}

/* From here on nobody looks at our descriptors: the log is all there is. */
static enum selfsame_code
leave_terminal(struct run *r, struct selfsame_err *e)
{
    struct selfsame_err fine = { .code = SELFSAME_OK };
    auto_fd null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)fflush(stdout);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0 || chdir("/") != 0)
        FAIL(e, SELFSAME_IO, "cannot leave the terminal: %s", strerror(errno));
    TRY(fd_write_all(r->ready, BYTES((const uint8_t *)&fine, sizeof(fine)),
        "the waiting process", e));
    fd_close(&r->ready);
    return SELFSAME_OK;
}

enum selfsame_code
run_announce(struct run *r, bool late, struct selfsame_err *e)
{
    (void)json_object_set_new(r->state, "ready", json_true());
    TRY(instance_write(r->dir, r->state, e));
    if (r->json) {
        char *text = json_compact(r->state);

        (void)printf("%s\n", text != NULL ? text : "{}");
        free(text);
    } else {
        tell(r, late);
        if (r->detached)
            (void)printf("%s\n", r->name);
    }
    (void)fflush(stdout);
    return r->detached ? leave_terminal(r, e) : SELFSAME_OK;
}

/* ---- the steps ---- */

/* Nothing stays: neither process nor file. */
static void
run_close(struct run *r)
{
    struct selfsame_err ignored = { 0 };

    if (r->guest.pid > 0) {
        (void)kill(r->guest.pid, SIGKILL);
        (void)waitpid(r->guest.pid, NULL, 0);
    }
    if (r->forwarder > 0) {
        (void)kill(r->forwarder, SIGKILL);
        (void)waitpid(r->forwarder, NULL, 0);
    }
    fd_close(&r->guest.pidfd);
    fd_close(&r->guest.fuse);
    fuse_close(&r->fuse);
    notify_close(&r->notify);
    if (r->notify.state != NULL)
        r->notify.sim->device_free(r->notify.state);
    if (r->pki != NULL)
        r->notify.sim->pki_free(r->pki);
    ports_close(&r->ports);
    fd_close(&r->output);
    fd_close(&r->errors);
    fd_close(&r->log);
    fd_close(&r->signals);
    json_free(&r->state);
    if (r->dir != NULL) {
        auto_fd lock = -1;

        if (instance_lock(r->arena, &lock, &ignored) != SELFSAME_OK ||
            instance_remove(r->dir, &ignored) != SELFSAME_OK)
            (void)fprintf(stderr, "selfsame-sim: %s\n", err_text(&ignored));
    }
    r->dir = NULL;
}
#define auto_run __attribute__((cleanup(run_close))) struct run

static enum selfsame_code
catch_signals(struct run *r, struct selfsame_err *e)
{
    static const int caught[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
    sigset_t set;

    /* A caller that ignores it would have the kernel reap the guest, status and all. */
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&set);
    for (size_t i = 0; i < COUNT(caught); i++)
        (void)sigaddset(&set, caught[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signals < 0)
        FAIL(e, SELFSAME_IO, "cannot watch signals: %s", strerror(errno));
    return SELFSAME_OK;
}

/* Measures and unpacks; the directory becomes the guest's "/". */
static enum selfsame_code
load(struct run *r, struct cli *c, struct selfsame_err *e)
{
    struct load_request q = {
        .path = r->image,
        .tee = r->notify.sim->name,
        .vcpus = cli_value(c, "vcpus"),
        .cpu = cli_value(c, "cpu"),
    };
    char *root = arena_printf(r->arena, "%s/root", r->dir);
    char *log = arena_printf(r->arena, "%s/log", r->dir);

    if (root == NULL || log == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    if (mkdir(root, 0755) != 0)
        FAIL(e, SELFSAME_IO, "cannot make %s: %s", root, strerror(errno));
    auto_fd fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r->log = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || r->log < 0)
        FAIL(e, SELFSAME_IO, "cannot open %s: %s", r->dir, strerror(errno));
    r->plan.root = root;
    q.root = fd;
    TRY(image_load(&q, r->arena, &r->loaded, e));
    r->subject.measured = r->loaded.measured.list;
    r->subject.measured_count = r->loaded.measured.count;
    return SELFSAME_OK;
}

static enum selfsame_code
make_device(struct run *r, struct cli *c, struct selfsame_err *e)
{
    TRY(notify_open(&r->notify, e));
    TRY(subject_pki(c, r->notify.sim, os_now_ms(), &r->pki, e));
    return r->notify.sim->device_new(r->pki, &r->subject, &r->notify.state, e);
}

static enum selfsame_code
start(struct run *r, struct selfsame_err *e)
{
    int out[2], err[2];

    if (pipe2(out, O_CLOEXEC) != 0)
        FAIL(e, SELFSAME_IO, "cannot make a pipe: %s", strerror(errno));
    auto_fd its_output = out[1];
    r->output = out[0];
    if (pipe2(err, O_CLOEXEC) != 0)
        FAIL(e, SELFSAME_IO, "cannot make a pipe: %s", strerror(errno));
    auto_fd its_errors = err[1];
    r->errors = err[0];
    (void)fcntl(r->output, F_SETFL, O_NONBLOCK);
    (void)fcntl(r->errors, F_SETFL, O_NONBLOCK);
    r->plan.output = its_output;
    r->plan.errors = its_errors;
    TRY(guest_start(&r->plan, &r->guest, e));
    r->notify.listener = r->guest.listener;
    r->notify.mount = r->guest.mount;
    if (r->guest.fuse >= 0) {
        TRY(fuse_open(r->guest.fuse, &r->fuse, e));
        r->guest.fuse = -1;
    }
    if (r->ports.count > 0)
        TRY(forward_start(
            &r->ports, r->guest.pid, r->plan.user, r->plan.network, &r->forwarder, e));
    return full_state(r, e);
}

static enum selfsame_code
run_guest(struct run *r, struct cli *c, int *ret_status, struct selfsame_err *e)
{
    char *dir;

    TRY(catch_signals(r, e));
    TRY(first_state(r, e));
    TRY(instance_claim(r->name, r->state, r->arena, &dir, e));
    r->dir = dir;
    TRY(load(r, c, e));
    TRY(make_device(r, c, e));
    TRY(ports_listen(&r->ports, e));
    TRY(start(r, e));
    return supervise(r, ret_status, e);
}

/* ---- detaching ---- */

/*
 * A descriptor that the caller did not mean for us may be a pipe whose reader waits
 * until the last writer is gone. The standard ones follow once we are ready.
 */
static void
close_inherited(int but)
{
    (void)close_range(3, (unsigned)but - 1, 0);
    (void)close_range((unsigned)but + 1, ~0u, 0);
}

/* The process the user started: waits for the word of the one that stays. */
static enum selfsame_code
wait_for_word(int fd, struct selfsame_err *e)
{
    struct selfsame_err word;
    size_t got = 0;

    while (got < sizeof(word)) {
        ssize_t n = read(fd, (uint8_t *)&word + got, sizeof(word) - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            FAIL(e, SELFSAME_IO, "the supervisor died before the guest was ready");
        got += (size_t)n;
    }
    /* Same program, forked: its static strings are ours. */
    if (word.code != SELFSAME_OK)
        *e = word;
    return word.code;
}

static _Noreturn void
stay(struct run *r, struct cli *c)
{
    struct selfsame_err e = { 0 }, ignored = { 0 };
    int status = 0;

    (void)setsid();
    enum selfsame_code code = run_guest(r, c, &status, &e);
    int ready = r->ready;
    run_close(r);
    if (code != SELFSAME_OK && ready >= 0)
        (void)!fd_write_all(ready, BYTES((const uint8_t *)&e, sizeof(e)),
            "the waiting process", &ignored);
    exit(code != SELFSAME_OK ? (int)code : status);
}

static enum selfsame_code
detach(struct run *r, struct cli *c, struct selfsame_err *e)
{
    int word[2];

    if (pipe2(word, O_CLOEXEC) != 0)
        FAIL(e, SELFSAME_IO, "cannot make a pipe: %s", strerror(errno));
    auto_fd its = word[0], mine = word[1];
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        FAIL(e, SELFSAME_IO, "cannot start the supervisor: %s", strerror(errno));
    if (pid == 0) {
        fd_close(&its);
        close_inherited(mine);
        r->ready = mine;
        stay(r, c);
    }
    fd_close(&mine);
    return wait_for_word(its, e);
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    const char *name = cli_value(c, "name"), *image = cli_operand(c, 0);
    auto_run r = { .image = image,
        .detached = cli_flag(c, "detach"),
        .json = cli_json(c),
        .arena = cli_arena(c),
        .guest = { .pidfd = -1, .listener = -1, .fuse = -1 },
        .notify = { .listener = -1 },
        .output = -1,
        .errors = -1,
        .log = -1,
        .signals = -1,
        .ready = -1 };
    int status = 0;

    TRY(subject_simulator(c, image, &r.notify.sim, e));
    r.plan.device = r.notify.device = guest_device_of(r.notify.sim->name);
    if (r.plan.device == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "--tee %s: its device cannot be served to guests",
            r.notify.sim->name);
    TRY(ports_parse(c, &r.ports, e));
    TRY(subject_options(c, r.notify.sim, &r.subject, e));
    r.name = name != NULL ? name : invent_name(image, r.arena);
    if (r.name == NULL)
        FAIL(e, SELFSAME_NOMEM, "a name");
    TRY(instance_name_check(r.name, e));
    if (r.detached)
        return detach(&r, c, e);
    TRY(run_guest(&r, c, &status, e));
    run_close(&r);
    /* The application's status, not a class of ours. */
    exit(status);
}

static const struct cli_option options[] = {
    { .name = "publish",
        .short_name = 'p',
        .argument = "[ADDR:]HOST:GUEST",
        .repeatable = true,
        .help = "make port GUEST reachable at HOST (address 127.0.0.1; 0: any port)" },
    { .name = "detach", .short_name = 'd', .help = "return when it is ready" },
    { .name = "name", .argument = "NAME", .help = "name for ps, logs, stop" },
    { .name = "defect",
        .argument = "WORD",
        .repeatable = true,
        .help = "evidence with this fault (see evidence --help)" },
    { .name = "root",
        .argument = "FILE",
        .help = "root certificate and key (pki --new: FILE.key)" },
    { .name = "tee",
        .argument = "TEE",
        .help = "nitro or snp (default: snp for a directory)" },
    MACHINE_OPTIONS,
    { .name = "insecure-debug", .help = "debug mode (nitro: measurements are zero)" },
    { 0 },
};
const struct cli_command sim_run_command = {
    .name = "run",
    .operands = "IMAGE",
    .summary = "start an image as a process tree with a simulated device",
    .story = "Example: selfsame-sim run image.eif -p 8443:443 -d --name hello\n"
             "`selfsame run --sim` is the same.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
