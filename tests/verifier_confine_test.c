/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "os/os.h"
#include "verifier/confine.h"
#include "verifier/confine_parts.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Each case confines a process of its own and tries one thing in it: there is no way
 * back. 0: it could; an errno: it could not; 128 + N: signal N ended it.
 */
static char dir[] = "/tmp/selfsame-confine.XXXXXX", outside[80], inside[80];
static struct confined done;

static int
confined(int (*attempt)(void))
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const char *const write_paths[] = { dir, NULL };
        const struct confine_config c = { .write_paths = write_paths };
        struct selfsame_err e = { 0 };
        (void)signal(SIGSYS, SIG_DFL);
        if (confine(&c, &done, &e) != SELFSAME_OK) {
            char text[400];
            selfsame_err_print(&e, text, sizeof(text));
            (void)fprintf(stderr, "%s\n", text);
            _exit(99);
        }
        _exit(attempt());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What ends the process: under AddressSanitizer it fails instead. */
static void
assert_deadly(int (*attempt)(void))
{
    assert_int_equal(confined(attempt), CONFINE_SANITIZED ? EPERM : 128 + SIGSYS);
}

static int
said(long result)
{
    return result >= 0 ? 0 : errno;
}

/* ---- what a verifier does ---- */

static int
write_file(void)
{
    struct selfsame_err e = { 0 };

    if (file_write(inside, BYTES_LIT("row\n"), true, &e) != SELFSAME_OK)
        return 1;
    auto_fd fd = open(inside, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || write(fd, "row\n", 4) != 4 || fdatasync(fd) != 0 ||
        ftruncate(fd, 4) != 0)
        return 2;
    return said(unlink(inside));
}

static void *
in_thread(void *ctx)
{
    *(int *)ctx = 7;
    return NULL;
}

static int
make_thread(void)
{
    pthread_t t;
    int seen = 0;

    if (pthread_create(&t, NULL, in_thread, &seen) != 0)
        return 1;
    (void)pthread_join(t, NULL);
    return seen == 7 ? 0 : 2;
}

static int
talk(void)
{
    int pair[2];
    auto_fd a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto_fd b = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(9) };
    struct addrinfo *found = NULL;

    if (a < 0 || (b < 0 && errno != EAFNOSUPPORT) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(a, (struct sockaddr *)&at, sizeof(at)) != 0 && errno != ECONNREFUSED)
        return 2;
    if (getaddrinfo("localhost", "443", NULL, &found) != 0)
        return 3;
    freeaddrinfo(found);
    return 0;
}

static int
look_at_itself(void)
{
    auto_fd statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    auto_fd fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct rlimit most;

    return statm < 0 || fds < 0 ? errno : said(getrlimit(RLIMIT_NOFILE, &most));
}

/* Libraries that are loaded at the first use, and reach for what is not there. */
static void *
symbol(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

    return handle != NULL ? dlsym(handle, name) : NULL;
}

/* ISO C has no conversion from an object pointer to a function's. */
#define CALL(type, p) \
    (*(type)memcpy(&(void *){ NULL }, &(void *){ (p) }, sizeof(void *)))

static int
fetch_late(void)
{
    enum { URL = 10002, COULDNT_RESOLVE = 6, COULDNT_CONNECT = 7 }; /* curl/curl.h */
    void *make = symbol("libcurl.so.4", "curl_easy_init");
    void *set = symbol("libcurl.so.4", "curl_easy_setopt");
    void *perform = symbol("libcurl.so.4", "curl_easy_perform");

    if (make == NULL || set == NULL || perform == NULL)
        return 77;
    void *h = CALL(void *(**)(void), make)();
    (void)CALL(int (**)(void *, int, ...), set)(h, URL, "https://127.0.0.1:9/");
    const int refused = CALL(int (**)(void *), perform)(h);
    (void)CALL(int (**)(void *, int, ...), set)(h, URL, "https://name.invalid/");
    const int unknown = CALL(int (**)(void *), perform)(h);
    return refused == COULDNT_CONNECT && unknown == COULDNT_RESOLVE ? 0 : 1;
}

static int
connect_late(void)
{
    void *make = symbol("libpq.so.5", "PQconnectdb");
    void *said_of = symbol("libpq.so.5", "PQerrorMessage");

    if (make == NULL || said_of == NULL)
        return 77;
    void *c = CALL(void *(**)(const char *), make)("host=127.0.0.1 port=9");
    const char *text = CALL(const char *(**)(void *), said_of)(c);
    return strstr(text, "refused") != NULL ? 0 : 1;
}

static void
test_what_is_loaded_late_works(void **state)
{
    const int curl = confined(fetch_late), pq = confined(connect_late);

    (void)state;
    if (curl == 77 || pq == 77)
        print_message("SKIPPED: libcurl or libpq is not here\n");
    assert_true(curl == 0 || curl == 77);
    assert_true(pq == 0 || pq == 77);
}

static void
test_what_a_verifier_does_works(void **state)
{
    (void)state;
    assert_int_equal(confined(write_file), 0);
    assert_int_equal(confined(make_thread), 0);
    assert_int_equal(confined(talk), 0);
    assert_int_equal(confined(look_at_itself), 0);
}

/* ---- what ends it ---- */

static int
run_program(void)
{
    char *const argv[] = { (char *)(uintptr_t) "true", NULL }, *const envp[] = { NULL };

    return said(execve("/bin/true", argv, envp));
}
static int
mount_something(void)
{
    return said(mount("none", dir, "tmpfs", 0, NULL));
}
static int
leave_namespace(void)
{
    return said(unshare(CLONE_NEWUSER));
}
static int
load_module(void)
{
    return said(syscall(SYS_finit_module, -1, "", 0));
}
static int
load_bpf(void)
{
    return said(syscall(SYS_bpf, 0, NULL, 0));
}
static int
set_clock(void)
{
    return said(syscall(SYS_clock_settime, 0, NULL));
}
static int
trace(void)
{
    return said(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static void
test_what_only_an_intruder_does_ends_it(void **state)
{
    (void)state;
    assert_deadly(run_program);
    assert_deadly(mount_something);
    assert_deadly(leave_namespace);
    assert_deadly(load_module);
    assert_deadly(load_bpf);
    assert_deadly(set_clock);
    if (!CONFINE_SANITIZED)
        assert_deadly(trace);
}

/* ---- what fails ---- */

static int
make_process(void)
{
    const pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return said(pid);
}
static int
make_user_namespace(void)
{
    return said(
        syscall(SYS_clone, CLONE_NEWUSER | CLONE_VM | CLONE_THREAD | CLONE_SIGHAND,
            NULL, NULL, NULL, NULL));
}
static int
end_another(void)
{
    return said(kill(getppid(), 0));
}
static int
become_root(void)
{
    return said(syscall(SYS_setresuid, 0, 0, 0));
}
static int
send_packets(void)
{
    return said(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}
static int
make_vsock(void)
{
    return said(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
}
static int
ask_the_auditor(void)
{
    return said(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 9 /* NETLINK_AUDIT */));
}
static int
make_writable_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}
static int
make_code(void)
{
    void *p = mmap(
        NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? 1 : said(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}
static int
push_to_terminal(void)
{
    return said(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x"));
}
static int
make_ring(void)
{
    return said(syscall(425 /* io_uring_setup */, 1, NULL));
}
static int
link_symbolically(void)
{
    return said(symlink("/etc/shadow", inside));
}
static int
have_dumps(void)
{
    const struct rlimit much = { 1 << 20, 1 << 20 };
    struct rlimit now = { 1, 1 };

    if (getrlimit(RLIMIT_CORE, &now) != 0 || now.rlim_max != 0)
        return 0;
    if (!CONFINE_SANITIZED && prctl(PR_GET_DUMPABLE) != 0)
        return 0;
    return said(setrlimit(RLIMIT_CORE, &much));
}

static void
test_what_it_does_not_need_fails(void **state)
{
    (void)state;
    if (!CONFINE_SANITIZED) {
        assert_int_equal(confined(make_process), ENOSYS);
        assert_int_equal(confined(make_user_namespace), ENOSYS);
    }
    assert_int_equal(confined(end_another), EPERM);
    assert_int_equal(confined(become_root), EPERM);
    assert_int_equal(confined(send_packets), ENOSYS);
    assert_int_equal(confined(make_vsock), ENOSYS);
    assert_int_equal(confined(ask_the_auditor), ENOSYS);
    assert_int_equal(confined(make_writable_code), ENOSYS);
    assert_int_equal(confined(make_code), ENOSYS);
    assert_int_equal(confined(push_to_terminal), ENOSYS);
    assert_int_equal(confined(make_ring), ENOSYS);
    assert_int_equal(confined(link_symbolically), EPERM);
    assert_int_not_equal(confined(have_dumps), 0);
}

/* ---- landlock ---- */

static int
no_landlock(void)
{
    return done.files ? 0 : 1;
}
static int
write_outside(void)
{
    auto_fd fd = open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return said(fd);
}
static int
read_homes(void)
{
    auto_fd fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return said(fd);
}
static int
listen_further(void)
{
    auto_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET };

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!done.addresses)
        return EACCES;
    return said(bind(fd, (struct sockaddr *)&at, sizeof(at)));
}

static void
test_files_of_others_are_out_of_reach(void **state)
{
    (void)state;
    if (confined(no_landlock) != 0) {
        print_message("SKIPPED: this kernel has no landlock\n");
        skip();
    }
    assert_int_equal(confined(write_outside), EACCES);
    assert_int_equal(confined(read_homes), EACCES);
    assert_int_equal(confined(listen_further), EACCES);
}

/* ---- threads that were there before ---- */

static _Atomic int step, seen;

static void *
earlier(void *ctx)
{
    (void)ctx;
    while (step == 0)
        (void)sched_yield();
    seen = said(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    return NULL;
}

static void
test_earlier_threads_are_filtered_too(void **state)
{
    (void)state;
    const pid_t pid = fork();

    if (pid == 0) {
        pthread_t t;
        struct selfsame_err e = { 0 };
        if (pthread_create(&t, NULL, earlier, NULL) != 0 ||
            confine_calls(&e) != SELFSAME_OK)
            _exit(99);
        step = 1;
        (void)pthread_join(t, NULL);
        _exit(seen);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENOSYS);
}

static void
test_a_directory_that_is_not_there_is_said(void **state)
{
    (void)state;
    const pid_t pid = fork();

    if (pid == 0) {
        const char *const paths[] = { "/nonexistent/verifier", NULL };
        const struct confine_config c = { .write_paths = paths },
                                    nobody = { .user = "no-such-user" };
        struct selfsame_err e = { 0 };
        struct confined got = { 0 };
        if (confine(&nobody, &got, &e) != SELFSAME_USAGE)
            _exit(1);
        const enum selfsame_code code = confine(&c, &got, &e);
        /* Without landlock paths are not looked at. */
        _exit(code == SELFSAME_IO || (code == SELFSAME_OK && !got.files) ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
test_memory_of_keys_stays_as_it_is(void **state)
{
    static uint8_t key[32] = "thirty-two bytes of a secret...";

    (void)state;
    confine_secret(key, sizeof(key));
    assert_memory_equal(key, "thirty-two bytes of a secret...", sizeof(key));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_verifier_does_works),
        cmocka_unit_test(test_what_is_loaded_late_works),
        cmocka_unit_test(test_what_only_an_intruder_does_ends_it),
        cmocka_unit_test(test_what_it_does_not_need_fails),
        cmocka_unit_test(test_files_of_others_are_out_of_reach),
        cmocka_unit_test(test_earlier_threads_are_filtered_too),
        cmocka_unit_test(test_a_directory_that_is_not_there_is_said),
        cmocka_unit_test(test_memory_of_keys_stays_as_it_is),
    };

    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(inside, sizeof(inside), "%s/file", dir);
    (void)snprintf(outside, sizeof(outside), "%s-outside", dir);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(dir);
    return failed;
}
