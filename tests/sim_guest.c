/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordinary static program that knows nothing of a simulator: it uses /dev/nsm and
 * /dev/sev-guest as the drivers' documentation says and prints what it sees.
 *
 *     sim_guest nsm | sev-guest | tsm | id HOST-FILE | attest | serve PORT | exit N | wait | term | flood | die
 *
 * and on the host, what a client of `serve` does: sim_guest talk PORT
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NSM_IOCTL_RAW 0xC0200A00ul
struct nsm_raw {
    uint64_t request, request_len, response, response_len;
};

/* include/uapi/linux/sev-guest.h */
#define SNP_GET_REPORT 0xC0205300ul
#define SNP_GET_DERIVED_KEY 0xC0205301ul
#define SNP_GET_EXT_REPORT 0xC0205302ul
struct snp_ioctl {
    uint8_t version, pad[7];
    uint64_t request, response, error;
};
struct snp_request {
    uint8_t data[64];
    uint32_t vmpl;
    uint8_t reserved[28];
    uint64_t certs;
    uint32_t certs_len, pad;
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

/* Extends a free register 50 times; the value afterwards. */
static void
extend(int fd, char index, uint8_t value[48])
{
    uint8_t request[] = "\xa1\x69"
                        "ExtendPCR"
                        "\xa2\x65"
                        "index"
                        "\x10\x64"
                        "data"
                        "\x41\x01";
    uint8_t r[0x3000];

    request[18] = (uint8_t)index;
    memset(value, 0, 48);
    for (int i = 0; i < 50; i++) {
        long n = call(fd, request, sizeof(request) - 1, r, sizeof(r));

        check(n > 48, "a register is extended");
        if (n > 48)
            memcpy(value, r + n - 48, 48);
    }
}

/* A call that a signal interrupts must not be repeated: it has been carried out. */
static void
extend_under_signals(int fd)
{
    struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    uint8_t quiet[48], stormy[48], zero[48] = { 0 };
    pid_t parent = getpid(), pid;

    sigaction(SIGUSR1, &sa, NULL);
    extend(fd, 16, quiet);
    pid = fork();
    for (int i = 0; pid == 0 && i < 3000; i++)
        kill(parent, SIGUSR1);
    if (pid == 0)
        _exit(0);
    extend(fd, 17, stormy);
    waitpid(pid, NULL, 0);
    check(memcmp(quiet, zero, 48) != 0 && memcmp(quiet, stormy, 48) == 0,
        "signals repeat no extension");
}

/* Through execve, too: what the child was given as descriptor `fd` is still the device. */
static int
describes_after_exec(int fd)
{
    char number[12];
    int status = 1, kept = dup(fd);

    snprintf(number, sizeof(number), "%d", kept);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "guest", "describe", number, (char *)NULL);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    close(kept);
    return status == 0;
}

/* "pcr0 <hex>": compared with what `selfsame measure` says of the image. */
static void
print_pcrs(int fd)
{
    static const char data[] = "\x64"
                               "data"
                               "\x58\x30";
    uint8_t request[] = "\xa1\x6b"
                        "DescribePCR"
                        "\xa1\x65"
                        "index"
                        "\x00";
    uint8_t r[0x3000];

    for (uint8_t index = 0; index < 3; index++) {
        request[sizeof(request) - 2] = index;
        long n = call(fd, request, sizeof(request) - 1, r, sizeof(r));
        const uint8_t *at = n > 0 ? memmem(r, (size_t)n, data, sizeof(data) - 1) : NULL;

        printf("pcr%d ", index);
        for (int i = 0; at != NULL && i < 48; i++)
            printf("%02x", at[sizeof(data) - 1 + (size_t)i]);
        printf("\n");
    }
}

static int
nsm(void)
{
    struct open_how how = { .flags = O_RDWR | O_CLOEXEC };
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
    check(describes((int)syscall(SYS_openat2, AT_FDCWD, "/dev/nsm", &how, sizeof(how))),
        "openat2 works");
    check(describes_after_exec(fd), "a program that inherits it works");
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
    print_pcrs(fd);
    threads();
    extend_under_signals(fd);
    return failures > 0;
}

/* A member of /proc/self/status, in the base it is written in; ~0 when absent. */
static unsigned long long
status_of(const char *member, int base)
{
    char line[512];
    size_t n = strlen(member);
    unsigned long long v = ~0ull;
    FILE *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, member, n) == 0 && line[n] == ':')
            v = strtoull(line + n + 1, NULL, base);
    if (f != NULL)
        fclose(f);
    return v;
}

/* Nothing the host's process had comes along: environment, descriptors, files. */
static void
host_is_hidden(const char *host_file)
{
    struct stat st;
    int more = 0;

    for (int fd = 3; fd < 1024; fd++)
        more |= fcntl(fd, F_GETFD) >= 0;
    check(!more, "there are no descriptors but 0, 1 and 2");
    check(getenv("SELFSAME_SECRET") == NULL, "the host's environment is not visible");
    check(host_file != NULL && stat(host_file, &st) != 0, "nor is a file of the host");
    check(stat("/run/selfsame", &st) != 0, "nor the simulator's own files");
    check(getpid() < 10, "nor the host's processes");
    check(stat("/null", &st) != 0, "no device node of the image is made");
}

static void
rights_are_few(void)
{
    const unsigned long long never = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_PTRACE |
                                     1ull << CAP_SYS_MODULE | 1ull << CAP_NET_ADMIN |
                                     1ull << CAP_MKNOD;

    check((status_of("CapEff", 16) & never) == 0, "no capability that matters");
    check((status_of("CapBnd", 16) & never) == 0, "and none to be had");
    check(status_of("NoNewPrivs", 10) == 1, "no new privileges");
    check(status_of("Seccomp", 10) == 2, "the filter is in place");
    check(mount("x", "/tmp", "tmpfs", 0, NULL) == -1 && errno == EPERM,
        "mounting is refused");
    check(
        open("/proc/sys/kernel/panic", O_WRONLY) < 0, "the host's knobs are read-only");
}

/* What this process is and what it may not do. */
static int
id(const char *host_file)
{
    char host[64] = "";
    struct stat st;

    gethostname(host, sizeof(host));
    printf("uid %d gid %d host %s parent %d\n", (int)getuid(), (int)getgid(), host,
        (int)getppid());
    check(strcmp(host, "enclave") == 0, "the host name is the enclave's");
    host_is_hidden(host_file);
    rights_are_few();
    check(stat("/proc/1", &st) == 0, "/proc is there");
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

/* Sends more than any buffer on the way holds, reads it back, and the farewell behind it. */
static int
talk(uint16_t port)
{
    enum { SIZE = 3000000 };
    struct sockaddr_in a = { .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    int s = socket(AF_INET, SOCK_STREAM, 0);
    uint8_t buf[4096];
    long got = 0;
    int same = 1;
    ssize_t n;

    if (connect(s, (struct sockaddr *)&a, sizeof(a)) != 0) {
        perror("connect");
        return 1;
    }
    if (fork() == 0) {
        for (long i = 0; i < SIZE; i += (long)sizeof(buf)) {
            memset(buf, (int)(i / (long)sizeof(buf)) & 0xff, sizeof(buf));
            if (send(s, buf, sizeof(buf), MSG_NOSIGNAL) < 0)
                _exit(1);
        }
        shutdown(s, SHUT_WR);
        _exit(0);
    }
    long sent = (SIZE + (long)sizeof(buf) - 1) / (long)sizeof(buf) * (long)sizeof(buf);
    while ((n = read(s, buf, sizeof(buf))) > 0)
        for (ssize_t i = 0; i < n; i++, got++)
            same &= got < sent
                        ? buf[i] == (uint8_t)(got / (long)sizeof(buf))
                        : got - sent < 4 && buf[i] == (uint8_t) "bye\n"[got - sent];
    wait(NULL);
    return got == sent + 4 && same ? 0 : 1;
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

static void
on_term(int s)
{
    (void)s;
    if (write(STDOUT_FILENO, "ended politely\n", 15) == 15)
        _exit(5);
}

/* ---- /dev/sev-guest ---- */

static int
ask(int fd, unsigned long command, struct snp_request *q, uint8_t response[4000],
    uint64_t *ret_error)
{
    struct snp_ioctl io = {
        .version = 1, .request = (uintptr_t)q, .response = (uintptr_t)response
    };
    int why = ioctl(fd, command, &io) == 0 ? 0 : errno;

    *ret_error = io.error;
    return why;
}

static int
fails_with(int fd, unsigned long command, void *argument)
{
    return ioctl(fd, command, argument) == 0 ? 0 : errno;
}

static void
certificates(int fd, struct snp_request *q, uint8_t response[4000])
{
    static uint8_t certs[0x4000];
    uint64_t error;

    q->certs = (uintptr_t)certs;
    q->certs_len = 4096;
    int why = ask(fd, SNP_GET_EXT_REPORT, q, response, &error);
    check(why == EIO && error >> 32 == 1 && q->certs_len > 4096 &&
              q->certs_len % 4096 == 0 && q->certs_len <= sizeof(certs),
        "a table too long for the buffer says how long it is");
    why = ask(fd, SNP_GET_EXT_REPORT, q, response, &error);
    check(why == 0 && certs[0] == 0x63 && certs[1] == 0xda,
        "and comes whole, the VCEK first");
    q->certs_len = 100;
    check(ask(fd, SNP_GET_EXT_REPORT, q, response, &error) == EINVAL,
        "a length that is no number of pages is refused");
    q->certs_len = 0x4000;
    q->certs = 8;
    check(ask(fd, SNP_GET_EXT_REPORT, q, response, &error) == EFAULT,
        "a bad address of certificates is refused");
    q->certs = 0;
    q->certs_len = 0;
    check(ask(fd, SNP_GET_EXT_REPORT, q, response, &error) == 0,
        "without room for certificates there is a report all the same");
}

static int
sev_guest(void)
{
    int fd = open("/dev/sev-guest", O_RDWR | O_CLOEXEC);
    static uint8_t response[4000];
    struct snp_request q = { .data = "what the guest says" };
    struct snp_ioctl io = { .version = 0 };
    uint64_t error;
    uint32_t size;

    check(fd >= 0, "the device opens");
    int why = ask(fd, SNP_GET_REPORT, &q, response, &error);
    memcpy(&size, response + 4, sizeof(size));
    check(why == 0 && error == 0 && size == 1184, "a report is asked for");
    check(memcmp(response + 32 + 0x50, q.data, 64) == 0, "and says what was asked");
    printf("launch digest ");
    for (int i = 0; i < 48; i++)
        printf("%02x", response[32 + 0x90 + i]);
    printf("\n");
    certificates(fd, &q, response);
    q.vmpl = 4;
    check(ask(fd, SNP_GET_REPORT, &q, response, &error) == 0 && response[0] == 0x16,
        "a privilege level that there is not is refused by the firmware");
    check(fails_with(fd, SNP_GET_REPORT, &io) == EINVAL, "version 0 is refused");
    io.version = 1;
    io.request = 8;
    check(fails_with(fd, SNP_GET_REPORT, &io) == EFAULT, "a bad address is refused");
    check(fails_with(fd, SNP_GET_REPORT, (void *)8) == EFAULT, "any bad address is");
    check(fails_with(fd, SNP_GET_DERIVED_KEY, &io) == ENOTTY,
        "keys are not derived by a simulator");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    check(null >= 0 && fails_with(null, SNP_GET_REPORT, &io) == ENOTTY,
        "another device stays another device");
    return failures != 0;
}

/* ---- configfs-tsm ---- */

#define TSM "/sys/kernel/config/tsm/report/"

/* Bytes read of a file, or -errno. */
static long
slurp(const char *path, uint8_t *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long n = fd >= 0 ? 0 : -errno;

    for (ssize_t got = 1; n >= 0 && got > 0 && (size_t)n < cap;) {
        got = read(fd, buf + n, cap - (size_t)n);
        n = got < 0 ? -errno : n + got;
    }
    if (fd >= 0)
        close(fd);
    return n;
}

/* 0 or -errno of one write() and of close(). */
static int
spit(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int why = fd < 0 || write(fd, data, len) != (ssize_t)len ? -errno : 0;

    if (fd >= 0 && close(fd) != 0 && why == 0)
        why = -errno;
    return why;
}

static int
generation(void)
{
    char text[32] = "";

    long n = slurp(TSM "a/generation", (uint8_t *)text, sizeof(text) - 1);
    return n > 0 ? (int)strtol(text, NULL, 10) : -1;
}

static void
tsm_refusals(uint8_t *buf, size_t cap)
{
    uint8_t data[65] = { 0 };

    check(mkdir(TSM "a", 0700) == -1 && errno == EEXIST,
        "the same request again is not made");
    check(mkdir(TSM "a/b", 0700) == -1 && errno == EPERM, "nor one in another");
    check(slurp(TSM "a/outblob", buf, cap) == -EINVAL, "no report without data");
    check(spit(TSM "a/inblob", data, 65) == -EFBIG, "65 bytes are too many");
    check(generation() == 0, "and change nothing");
    check(spit(TSM "a/inblob", data, 63) == 0, "63 are taken");
    check(generation() == 1, "and counted");
    check(
        slurp(TSM "a/outblob", buf, cap) == -EINVAL, "but there is no report for them");
    check(slurp(TSM "a/inblob", buf, cap) == -EACCES, "inblob is not read");
    check(spit(TSM "a/outblob", data, 1) == -EACCES, "outblob not written");
    check(spit(TSM "a/provider", data, 1) == -EACCES, "nor the provider");
    check(slurp(TSM "a/nothing", buf, cap) == -ENOENT, "other files are not there");
    check(slurp(TSM "b/outblob", buf, cap) == -ENOENT, "nor other requests");
    check(open(TSM "a/new", O_WRONLY | O_CREAT, 0600) == -1 && errno == EPERM,
        "none can be made");
    check(unlink(TSM "a/inblob") == -1 && errno == EPERM, "or removed");
    check(spit(TSM "a/privlevel", "4", 1) == -EINVAL, "there is no level 4");
    check(spit(TSM "a/privlevel", "x", 1) == -EINVAL, "and none without a number");
}

static int
tsm(void)
{
    static uint8_t buf[0x8000];
    uint8_t data[64];
    char text[32] = "";

    memset(data, 0x5a, sizeof(data));
    check(mkdir(TSM "a", 0700) == 0, "a request is made");
    tsm_refusals(buf, sizeof(buf));
    check(slurp(TSM "a/provider", (uint8_t *)text, 31) == 10 &&
              strcmp(text, "sev_guest\n") == 0,
        "the provider is named");
    check(spit(TSM "a/inblob", data, 64) == 0 && generation() == 2,
        "64 bytes are written");
    long n = slurp(TSM "a/outblob", buf, sizeof(buf));
    check(n == 1184 && memcmp(buf + 0x50, data, 64) == 0, "the report says them");
    check(buf[0x30] == 0, "at level 0");
    uint8_t first[1184];
    memcpy(first, buf, sizeof(first));
    check(slurp(TSM "a/outblob", buf, sizeof(buf)) == 1184 &&
              memcmp(buf, first, 1184) == 0,
        "and is the same when it is read again");
    n = slurp(TSM "a/auxblob", buf, sizeof(buf));
    check(n > 4096 && buf[0] == 0x63 && buf[1] == 0xda, "the table stands beside it");
    check(spit(TSM "a/privlevel", "2\n", 2) == 0 && generation() == 3,
        "another level is asked for");
    check(slurp(TSM "a/outblob", buf, sizeof(buf)) == 1184 && buf[0x30] == 2,
        "and reported");
    int open_one = open(TSM "a/outblob", O_RDONLY | O_CLOEXEC);
    check(rmdir(TSM "a") == 0, "the request is removed");
    check(read(open_one, buf, 1) == -1, "what was open speaks to nobody");
    check(
        slurp(TSM "a/outblob", buf, sizeof(buf)) == -ENOENT, "and its files are gone");
    for (int i = 0; i < 64; i++) {
        char path[64];

        snprintf(path, sizeof(path), TSM "r%d", i);
        if (mkdir(path, 0700) != 0)
            check(0, "64 requests fit");
    }
    check(mkdir(TSM "more", 0700) == -1 && errno == ENOSPC, "more than 64 do not");
    return failures != 0;
}

int
main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(verb, "nsm") == 0)
        return nsm();
    if (strcmp(verb, "sev-guest") == 0)
        return sev_guest();
    if (strcmp(verb, "tsm") == 0)
        return tsm();
    if (strcmp(verb, "id") == 0)
        return id(argc > 2 ? argv[2] : NULL);
    if (strcmp(verb, "describe") == 0 && argc > 2)
        return describes((int)strtol(argv[2], NULL, 10)) ? 0 : 1;
    if (strcmp(verb, "attest") == 0)
        return attest();
    if (strcmp(verb, "serve") == 0 && argc > 2)
        return serve((uint16_t)strtoul(argv[2], NULL, 10));
    if (strcmp(verb, "exit") == 0 && argc > 2)
        return (int)strtol(argv[2], NULL, 10);
    if (strcmp(verb, "talk") == 0 && argc > 2)
        return talk((uint16_t)strtol(argv[2], NULL, 10));
    if (strcmp(verb, "term") == 0) {
        signal(SIGTERM, on_term);
        printf("ready\n");
    }
    if (strcmp(verb, "die") == 0)
        abort();
    for (int i = 0; strcmp(verb, "flood") == 0 && i < 400000; i++)
        printf("%0100d\n", i);
    while (strcmp(verb, "wait") == 0 || strcmp(verb, "term") == 0)
        pause();
    return 0;
}
