/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/sgx/collect.h"

#include "tee/shared/dcap_ask.h"
#include "tee/shared/device_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static const char type_fix[] =
    "Set sgx.remote_attestation = \"dcap\" in the manifest of the enclave "
    "and sign it again; EPID is switched off.";
enum { ATTEMPTS = 8, PATH_CAP = 512, TYPE_MAX = 16 };

/* Gramine keeps one report data for the process, so one thread at a time may ask. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* The simulator's socket: one whose path says what it is. */
static const char *
socket_of(const char *device)
{
    const char *path = device_socket(device);

    return path != NULL && strstr(path, "sgx") != NULL ? path : NULL;
}

static long
read_file(const struct sgx_guest *g, const char *dir, const char *name, uint8_t *buf,
    size_t cap)
{
    char path[PATH_CAP];

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    return g->files->read(g->files->ctx, path, buf, cap);
}

static enum selfsame_code
fail(const char *dir, const char *name, long why, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__, "%.200s/%s: %s", dir, name,
        strerror((int)-why));
    if (why == -EACCES)
        err_remedy(e, "Gramine says so when it cannot reach the quoting service: let "
                      "AESM (aesmd with its socket) run on the host, with the SGX DCAP "
                      "packages and a PCCS.");
    else if (why == -ENOENT)
        err_remedy(e,
            "Only Gramine on SGX (gramine-sgx) has these files, and `quote` "
            "only where the manifest says sgx.remote_attestation = \"dcap\".");
    return SELFSAME_IO;
}

/* What Gramine was told; text without a newline. */
static enum selfsame_code
check_type(const struct sgx_guest *g, const char *dir, struct selfsame_err *e)
{
    char type[TYPE_MAX + 1];
    long n = read_file(g, dir, "attestation_type", (uint8_t *)type, TYPE_MAX);

    if (n < 0)
        return fail(dir, "attestation_type", n, e);
    type[n] = '\0';
    if (strcmp(type, "dcap") == 0)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "%.200s/attestation_type: expected dcap, got \"%s\"", dir, type);
    err_remedy(e, type_fix);
    return SELFSAME_UNSUPPORTED;
}

/* *ret_other: a quote as such, about something else. The end of the buffer is no part of it. */
static enum selfsame_code
check_answer(struct selfsame_bytes answer, const uint8_t *data64, bool *ret_other,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct dcap_quote q;
    struct dcap_report report;

    *ret_other = false;
    TRY_WHILE(e, dcap_quote_parse(answer, &q, e),
        "reading what the quoting service returned");
    if (q.tee != DCAP_SGX)
        FAIL(e, SELFSAME_MALFORMED, "expected a quote of SGX, got one of TEE type 0x%x",
            (unsigned)q.tee);
    TRY_WHILE(e, dcap_report_parse(q.body, &report, e),
        "reading what the quoting service returned");
    *ret_other = !bytes_eq(report.report_data, BYTES(data64, 64));
    if (*ret_other)
        FAIL(e, SELFSAME_UNBOUND,
            "expected a quote with the report data asked for, got another");
    *ret = q.raw;
    return SELFSAME_OK;
}

/* One round, under both locks. Both files are opened anew: a quote is made at open. */
static enum selfsame_code
ask(const struct sgx_guest *g, const char *dir, const uint8_t *data64, uint8_t *buf,
    bool *ret_other, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    char path[PATH_CAP];

    (void)snprintf(path, sizeof(path), "%s/user_report_data", dir);
    int held = g->lock(g->files->ctx, path);
    int why = g->files->write(g->files->ctx, path, BYTES(data64, 64));
    long n = why == 0 ? read_file(g, dir, "quote", buf, SGX_QUOTE_MAX) : 0;
    g->unlock(g->files->ctx, held);
    *ret_other = false;
    if (why != 0)
        return fail(dir, "user_report_data", why, e);
    if (n < 0)
        return fail(dir, "quote", n, e);
    return check_answer(BYTES(buf, (size_t)n), data64, ret_other, ret, e);
}

static enum selfsame_code
ask_gramine(const struct sgx_guest *g, const char *dir, const uint8_t *data64,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t *buf = arena_alloc(arena, 1, SGX_QUOTE_MAX);
    enum selfsame_code code = SELFSAME_UNBOUND;
    bool other = true;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for a quote");
    TRY(check_type(g, dir, e));
    /* Code that does not know of our lock may have written in between. */
    for (int i = 0; i < ATTEMPTS && other; i++) {
        (void)pthread_mutex_lock(&one_at_a_time);
        code = ask(g, dir, data64, buf, &other, ret, e);
        (void)pthread_mutex_unlock(&one_at_a_time);
    }
    return code;
}

bool
sgx_present(const struct sgx_guest *g, const char *device)
{
    const char *dir = device != NULL ? device : SGX_DIR;
    uint8_t type[TYPE_MAX];

    if (device_socket(device) != NULL)
        return socket_of(device) != NULL && device_socket_present(socket_of(device));
    /* Also of type "none": the error of collect says what is to be done. */
    return read_file(g, dir, "attestation_type", type, sizeof(type)) >= 0;
}

enum selfsame_code
sgx_collect(const struct sgx_guest *g, const struct tee_report_request *q,
    struct arena *arena, struct tee_collected *ret, struct selfsame_err *e)
{
    const struct selfsame_bytes data = BYTES(q->binder64, 64);
    const char *dir = q->device != NULL ? q->device : SGX_DIR;
    struct tee_collected out = { { NULL, 0 }, { NULL, 0 } };
    struct selfsame_bytes answer;
    bool other;

    if (socket_of(q->device) == NULL) {
        TRY(ask_gramine(g, dir, q->binder64, arena, &out.evidence, e));
    } else {
        TRY(dcap_ask(
            socket_of(q->device), DCAP_DEVICE_QUOTE, &data, 1, arena, &answer, e));
        TRY(check_answer(answer, q->binder64, &other, &out.evidence, e));
    }
    *ret = out;
    return SELFSAME_OK;
}

/* ---- for `doctor` ---- */

size_t
sgx_look(const struct sgx_guest *g, struct tee_host_fact ret[static TEE_GUEST_FACTS])
{
    uint8_t type[TYPE_MAX];
    long n = read_file(g, SGX_DIR, "attestation_type", type, sizeof(type));
    const bool dcap = n >= 0 && bytes_eq(BYTES(type, (size_t)n), BYTES_LIT("dcap"));

    ret[0] = (struct tee_host_fact){ dcap, "sgx: quotes (Gramine)",
        dcap ? "attestation by DCAP" : "the manifest asks for no attestation by DCAP",
        type_fix };
    return 1;
}

/* ---- of this machine ---- */

/*
 * Each process of Gramine is an enclave with files of its own; elsewhere they may be
 * shared. Gramine without flock says ENOSYS: then there is nobody to wait for.
 */
static int
lock(void *ctx, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), got = -1;

    (void)ctx;
    while (fd >= 0 && (got = flock(fd, LOCK_EX)) != 0 && errno == EINTR)
        ;
    if (fd >= 0 && got != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static void
unlock(void *ctx, int held)
{
    (void)ctx;
    if (held >= 0)
        (void)close(held);
}

static const struct sgx_guest this_guest = {
    .files = &tsm_files, .lock = lock, .unlock = unlock
};

static bool
present(const char *device)
{
    return sgx_present(&this_guest, device);
}

static enum selfsame_code
collect(const struct tee_report_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    return sgx_collect(&this_guest, q, arena, ret, e);
}

static size_t
look(struct tee_host_fact ret[static TEE_GUEST_FACTS])
{
    return sgx_look(&this_guest, ret);
}

const struct tee_attester sgx_attester = {
    .name = "sgx",
    .media_type = "application/vnd.attest.sgx",
    .present = present,
    .collect = collect,
    .look = look,
};
