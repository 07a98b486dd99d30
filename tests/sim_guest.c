/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordinary static program that knows nothing of a simulator: it uses /dev/nsm
 * as the driver's documentation says and prints what it sees.
 *
 *     sim_guest nsm | id | attest | serve PORT | exit N | wait | flood | die
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NSM_IOCTL_RAW 0xC0200A00ul
struct nsm_raw {
    uint64_t request, request_len, response, response_len;
};

static int failures;

static void
check(int ok, const char *what)
{
    printf("%s - %s\n", ok ? "ok" : "not ok", what);
    failures += !ok;
}

/* The number of bytes answered, or -1 with errno. */
static long
call(int fd, const void *request, size_t len, uint8_t *response, size_t cap)
{
    struct nsm_raw raw = { (uintptr_t)request, len, (uintptr_t)response, cap };

    return ioctl(fd, NSM_IOCTL_RAW, &raw) == 0 ? (long)raw.response_len : -1;
}

static const char describe[] = "\x6b"
                               "DescribeNSM";

static int
describes(int fd)
{
    uint8_t r[0x3000];
    long n = call(fd, describe, 12, r, sizeof(r));

    return n > 20 && memcmp(r,
                         "\xa1\x6b"
                         "DescribeNSM",
                         13) == 0;
}

static void *
many_calls(void *ok)
{
    int fd = open("/dev/nsm", O_RDWR | O_CLOEXEC);

    *(int *)ok = fd >= 0;
    for (int i = 0; i < 20; i++)
        *(int *)ok &= describes(fd);
    close(fd);
    return NULL;
}

static void
threads(void)
{
    enum { THREADS = 8 };
    pthread_t t[THREADS];
    int ok[THREADS], all = 1;

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, many_calls, &ok[i]) != 0)
            all = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        all &= ok[i];
    }
    check(all, "eight threads call it at once");
}

static void
on_alarm(int s)
{
    (void)s;
}

/* A signal storm must not make one extension two: PCR16 after 50 of them is compared outside. */
static void
extend_under_signals(int fd)
{
    static const uint8_t extend[] = "\xa1\x69"
                                    "ExtendPCR"
                                    "\xa2\x65"
                                    "index"
                                    "\x10\x64"
                                    "data"
                                    "\x41\x01";
    struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    uint8_t r[0x3000];
    long n = 0;
    pid_t parent = getpid(), pid;

    sigaction(SIGUSR1, &sa, NULL);
    pid = fork();
    for (int i = 0; pid == 0 && i < 2000; i++)
        kill(parent, SIGUSR1);
    if (pid == 0)
        _exit(0);
    for (int i = 0; i < 50; i++)
        n = call(fd, extend, sizeof(extend) - 1, r, sizeof(r));
    waitpid(pid, NULL, 0);
    printf("pcr16 ");
    for (long i = n - 48; n > 48 && i < n; i++)
        printf("%02x", r[i]);
    printf("\n");
}

static int
nsm(void)
{
    static uint8_t r[0x3000], big[0x1001];
    struct stat st;
    int fd = open("/dev/nsm", O_RDWR | O_CLOEXEC), status = 1;

    check(stat("/dev/nsm", &st) == 0 && S_ISCHR(st.st_mode), "it is a device node");
    check(access("/dev/nsm", R_OK | W_OK) == 0, "it may be opened");
    check(fd >= 0 && describes(fd), "it describes itself");
    check((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "O_CLOEXEC holds");
    check(describes(dup(fd)), "a duplicate works");
    check(chdir("/dev") == 0 && describes(open("nsm", O_RDONLY)),
        "a relative path works");
    check(describes(open("/dev/../dev/./nsm", O_RDWR)), "a roundabout path works");
    pid_t pid = fork();
    if (pid == 0)
        _exit(describes(fd) ? 0 : 1);
    waitpid(pid, &status, 0);
    check(status == 0, "a child works");
    check(call(fd, describe, 12, r, 10) == 10, "a short buffer truncates");
    check(call(fd, big, sizeof(big), r, sizeof(r)) == -1 && errno == EMSGSIZE,
        "a request too large is EMSGSIZE");
    check(call(fd, NULL, 12, r, sizeof(r)) == -1 && errno == EFAULT,
        "a bad address is EFAULT");
    check(call(fd, describe, 12, NULL, 100) == -1 && errno == EFAULT,
        "a bad response address is EFAULT");
    check(ioctl(fd, NSM_IOCTL_RAW, NULL) == -1 && errno == EFAULT,
        "a bad argument is EFAULT");
    check(ioctl(fd, 0x0A01ul, r) == -1 && errno == EINVAL, "another command is EINVAL");
    check(call(fd, "\xff", 1, r, sizeof(r)) > 0 && memcmp(r,
                                                       "\xa1\x65"
                                                       "Error",
                                                       7) == 0,
        "garbage is answered with an error");
    int null = open("/dev/null", O_RDWR);
    check(call(null, describe, 12, r, sizeof(r)) == -1 && errno == ENOTTY,
        "/dev/null is no NSM");
    int file = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    check(call(file, describe, 12, r, sizeof(r)) == -1 && errno == ENOTTY,
        "a file is no NSM");
    check(call(99, describe, 12, r, sizeof(r)) == -1 && errno == EBADF,
        "a closed descriptor is EBADF");
    threads();
    extend_under_signals(fd);
    return failures > 0;
}

static void
print_file(const char *path, const char *wanted)
{
    char line[512];
    FILE *f = fopen(path, "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, wanted, strlen(wanted)) == 0)
            fputs(line, stdout);
    if (f != NULL)
        fclose(f);
}

/* What this process is and what it may not do. */
static int
id(void)
{
    char host[64] = "";
    struct stat st;

    gethostname(host, sizeof(host));
    printf("uid %d gid %d host %s parent %d\n", (int)getuid(), (int)getgid(), host,
        (int)getppid());
    print_file("/proc/self/status", "CapEff");
    print_file("/proc/self/status", "CapBnd");
    print_file("/proc/self/status", "NoNewPrivs");
    check(strcmp(host, "enclave") == 0, "the host name is the enclave's");
    check(mount("x", "/tmp", "tmpfs", 0, NULL) == -1 && errno == EPERM,
        "mounting is refused");
    int knob = open("/proc/sys/kernel/panic", O_WRONLY);
    check(knob < 0, "the host's knobs are read-only");
    check(stat("/proc/1", &st) == 0, "/proc is there");
    check(stat("/run/selfsame", &st) != 0, "the host's files are not");
    check(mkdir("/sub", 0) == 0 && chmod("/", 0500) == 0, "the root is the guest's");
    check(open("/dev/full", O_WRONLY) >= 0 && open("/dev/urandom", O_RDONLY) >= 0,
        "the usual nodes are there");
    check(chmod("/dev/null", 0600) != 0 || geteuid() == 0, "chmod stays inside");
    check(stat("/deep/file", &st) == 0 && (st.st_mode & 07777) == 0755,
        "a file below a closed directory arrived");
    check(stat("/deep", &st) == 0 && (st.st_mode & 07777) == 0555,
        "the closed directory is closed");
    check(stat("/gz/file", &st) == 0, "the gzip'ed ramdisk arrived");
    check(lstat("/escape/inside", &st) == 0, "a link leads inside the root");
    check(open("/link", O_RDONLY) >= 0, "a link works");
    return failures > 0;
}

static int
attest(void)
{
    static uint8_t r[0x3000];
    static const char request[] = "\xa1\x6b"
                                  "Attestation\xa3\x69user_data\xf6\x65nonce\x48"
                                  "01234567"
                                  "\x6apublic_key\xf6";
    int fd = open("/dev/nsm", O_RDWR);
    long n = call(fd, request, sizeof(request) - 1, r, sizeof(r));

    printf("document ");
    /* {"Attestation": {"document": bstr}}: 1+12+1+9+3 bytes stand before it. */
    for (long i = 26; i < n; i++)
        printf("%02x", r[i]);
    printf("\n");
    return n < 100;
}

static int
serve(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    int s = socket(AF_INET, SOCK_STREAM, 0);
    char buf[65536];

    /* Late on purpose: whoever is told "ready" must find it listening. */
    usleep(300000);
    if (bind(s, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(s, 64) != 0) {
        perror("listen");
        return 1;
    }
    printf("listening\n");
    fflush(stdout);
    for (;;) {
        int c = accept(s, NULL, NULL);
        ssize_t n;

        if (c >= 0 && fork() == 0) {
            while ((n = read(c, buf, sizeof(buf))) > 0)
                if (write(c, buf, (size_t)n) != n)
                    break;
            if (write(c, "bye\n", 4) != 4)
                _exit(1);
            _exit(0);
        }
        close(c);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
}

int
main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(verb, "nsm") == 0)
        return nsm();
    if (strcmp(verb, "id") == 0)
        return id();
    if (strcmp(verb, "attest") == 0)
        return attest();
    if (strcmp(verb, "serve") == 0 && argc > 2)
        return serve((uint16_t)strtoul(argv[2], NULL, 10));
    if (strcmp(verb, "exit") == 0 && argc > 2)
        return (int)strtol(argv[2], NULL, 10);
    if (strcmp(verb, "die") == 0)
        abort();
    for (int i = 0; strcmp(verb, "flood") == 0 && i < 400000; i++)
        printf("%0100d\n", i);
    while (strcmp(verb, "wait") == 0)
        pause();
    return 0;
}
