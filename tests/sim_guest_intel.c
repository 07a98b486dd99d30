/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordinary static program in a TD or in an enclave of Gramine, which knows nothing of
 * a simulator: it uses files as the kernel's ABI documents and Gramine's say.
 *
 *     sim_guest_intel tdx | gramine
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

static void
check(int ok, const char *what)
{
    printf("%s - %s\n", ok ? "ok" : "not ok", what);
    failures += !ok;
}

static void
print_hex(const char *name, const uint8_t *p, size_t len)
{
    printf("%s ", name);
    for (size_t i = 0; i < len; i++)
        printf("%02x", p[i]);
    printf("\n");
}

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

/* ---- TDX: Documentation/ABI/testing/configfs-tsm-report, sysfs-devices-virtual-misc-tdx_guest ---- */

#define TSM "/sys/kernel/config/tsm/report/"
#define REGISTERS "/sys/devices/virtual/misc/tdx_guest/measurements/"
enum { BODY = 48, MRTD = BODY + 136, RTMR = BODY + 328, TD_DATA = BODY + 520 };

/* A quote for data that begins with this byte; its length. */
static long
quote(const char *name, uint8_t first, uint8_t *buf, size_t cap)
{
    uint8_t data[64] = { first };
    char dir[64], file[96], text[32] = "";

    snprintf(dir, sizeof(dir), TSM "%s", name);
    check(mkdir(dir, 0700) == 0, "a request is made");
    snprintf(file, sizeof(file), "%s/provider", dir);
    check(slurp(file, (uint8_t *)text, sizeof(text) - 1) > 0 &&
              strcmp(text, "tdx_guest\n") == 0,
        "the provider is tdx_guest");
    snprintf(file, sizeof(file), "%s/privlevel", dir);
    check(spit(file, "0", 1) == -ENOENT, "which has no privilege levels");
    snprintf(file, sizeof(file), "%s/inblob", dir);
    check(spit(file, data, sizeof(data)) == 0, "64 bytes are written");
    snprintf(file, sizeof(file), "%s/outblob", dir);
    long n = slurp(file, buf, cap);
    check(n > 1000 && buf[0] == 4 && buf[4] == 0x81 &&
              memcmp(buf + TD_DATA, data, sizeof(data)) == 0,
        "the quote of a TD says them");
    check(rmdir(dir) == 0, "the request is removed");
    return n;
}

static int
tdx(void)
{
    static uint8_t before[0x8000], after[0x8000];
    const char *rtmr3 = REGISTERS "rtmr3:sha384";
    uint8_t digest[48], value[64];

    memset(digest, 0xd1, sizeof(digest));
    if (quote("a", 1, before, sizeof(before)) < 0)
        return 1;
    print_hex("mrtd", before + MRTD, 48);
    check(slurp(REGISTERS "mrtd:sha384", value, sizeof(value)) == 48 &&
              memcmp(value, before + MRTD, 48) == 0,
        "sysfs shows the same MRTD");
    check(slurp(rtmr3, value, sizeof(value)) == 48 &&
              memcmp(value, before + RTMR + 3 * 48, 48) == 0,
        "and the same RTMR3");
    check(spit(rtmr3, digest, 47) == -EINVAL, "47 bytes do not extend it");
    check(spit(REGISTERS "mrtd:sha384", digest, 48) == -EACCES,
        "MRTD is nobody's to extend");
    check(spit(rtmr3, digest, 48) == 0, "48 bytes do");
    check(slurp(rtmr3, value, sizeof(value)) == 48 &&
              memcmp(value, before + RTMR + 3 * 48, 48) != 0,
        "the register changed");
    quote("b", 2, after, sizeof(after));
    check(memcmp(after + RTMR + 3 * 48, value, 48) == 0, "and the next quote says so");
    check(memcmp(after + RTMR, before + RTMR, 3 * 48) == 0,
        "while the others are what they were");
    print_hex("rtmr3", after + RTMR + 3 * 48, 48);
    return failures != 0;
}

/* ---- SGX: Gramine's documentation, "Attestation and Secret Provisioning" ---- */

#define ATTESTATION "/dev/attestation/"
enum { MRENCLAVE = BODY + 64, SGX_DATA = BODY + 320 };

static int
gramine(void)
{
    static uint8_t buf[0x8000];
    uint8_t data[65], key[16], again[16];
    char text[16] = "";

    memset(data, 0xa7, sizeof(data));
    check(slurp(ATTESTATION "attestation_type", (uint8_t *)text, sizeof(text)) == 4 &&
              memcmp(text, "dcap", 4) == 0,
        "attestation is by DCAP");
    check(spit(ATTESTATION "user_report_data", data, 64) == 0, "64 bytes are written");
    check(slurp(ATTESTATION "user_report_data", buf, sizeof(buf)) == 64 &&
              memcmp(buf, data, 64) == 0,
        "and read back");
    long n = slurp(ATTESTATION "quote", buf, sizeof(buf));
    check(n > 1000 && n <= 8192 && buf[0] == 3 && memcmp(buf + SGX_DATA, data, 64) == 0,
        "the quote says them");
    print_hex("mrenclave", buf + MRENCLAVE, 32);
    check(spit(ATTESTATION "quote", data, 1) < 0, "it cannot be written");
    check(slurp(ATTESTATION "my_target_info", buf, sizeof(buf)) == 512,
        "there is target info");
    check(spit(ATTESTATION "target_info", buf, 512) == 0 &&
              slurp(ATTESTATION "report", buf, sizeof(buf)) == 432 &&
              memcmp(buf + 320, data, 64) == 0,
        "and a report for it, with the same data");
    check(slurp(ATTESTATION "keys/_sgx_mrenclave", key, sizeof(key)) == 16 &&
              slurp(ATTESTATION "keys/_sgx_mrenclave", again, sizeof(again)) == 16 &&
              memcmp(key, again, sizeof(key)) == 0,
        "the sealing key is the same each time");
    return failures != 0;
}

int
main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(verb, "tdx") == 0)
        return tdx();
    if (strcmp(verb, "gramine") == 0)
        return gramine();
    fprintf(stderr, "usage: sim_guest_intel tdx | gramine\n");
    return 2;
}
