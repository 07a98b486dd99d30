/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/nitro.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char usual_device[] = "/dev/nsm";
/* The simulator's transport: u32 big-endian length before each message. */
static const char unix_prefix[] = "unix:";

enum { BINDER_SIZE = 64 };

/* include/uapi/linux/nsm.h, struct nsm_raw; two iovecs on LP64. */
struct nsm_raw {
    uint64_t request, request_len, response, response_len;
};
_Static_assert(sizeof(struct nsm_raw) == 32, "the ioctl number holds this size");
/* _IOWR(0x0A, 0, 32 bytes) */
static const unsigned long nsm_ioctl_raw = 0xC0200A00ul;

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define auto_fd __attribute__((cleanup(close_fd))) int

static const char *
device_of(const char *device)
{
    return device != NULL ? device : usual_device;
}

/* The path behind "unix:", or NULL when the device is a file. */
static const char *
socket_path(const char *device)
{
    size_t n = sizeof(unix_prefix) - 1;

    return strncmp(device, unix_prefix, n) == 0 ? device + n : NULL;
}

static bool
present(const char *device)
{
    const char *name = device_of(device), *path = socket_path(name);
    struct stat st;

    if (stat(path != NULL ? path : name, &st) != 0)
        return false;
    return path != NULL ? S_ISSOCK(st.st_mode) : S_ISCHR(st.st_mode);
}

static enum selfsame_code
fail_io(const char *device, const char *doing, struct selfsame_err *e)
{
    int cause = errno;

    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__, "%s: cannot %s: %s", device,
        doing, strerror(cause));
    if (cause == ENOENT)
        err_remedy(e, "Run this inside a Nitro enclave whose kernel has the NSM driver "
                      "(Linux 6.8, CONFIG_NSM), or in the simulator.");
    return e->code;
}

/* The driver cuts a response to the buffer without a word: always offer the most. */
static enum selfsame_code
call_file(const char *device, struct selfsame_bytes request,
    uint8_t response[static NSM_RESPONSE_MAX], size_t *ret_len, struct selfsame_err *e)
{
    auto_fd fd = open(device, O_RDWR | O_CLOEXEC);
    struct nsm_raw raw = {
        .request = (uint64_t)(uintptr_t)request.ptr,
        .request_len = request.len,
        .response = (uint64_t)(uintptr_t)response,
        .response_len = NSM_RESPONSE_MAX,
    };

    if (fd < 0)
        return fail_io(device, "open the device", e);
    if (ioctl(fd, nsm_ioctl_raw, &raw) != 0)
        return fail_io(device, "call the device", e);
    if (raw.response_len > NSM_RESPONSE_MAX)
        FAIL(e, SELFSAME_IO, "%s: expected at most %d bytes, got %llu", device,
            NSM_RESPONSE_MAX, (unsigned long long)raw.response_len);
    *ret_len = (size_t)raw.response_len;
    return SELFSAME_OK;
}

static enum selfsame_code
write_all(int fd, const char *device, struct selfsame_bytes b, struct selfsame_err *e)
{
    while (b.len > 0) {
        ssize_t n = send(fd, b.ptr, b.len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_io(device, "send the request", e);
        b = BYTES(b.ptr + n, b.len - (size_t)n);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_all(int fd, const char *device, uint8_t *buf, size_t len, struct selfsame_err *e)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, buf + got, len - got, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_io(device, "read the response", e);
        if (n == 0)
            FAIL(e, SELFSAME_IO, "%s: expected %zu bytes of response, got %zu", device,
                len, got);
        got += (size_t)n;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
call_socket(const char *device, struct selfsame_bytes request,
    uint8_t response[static NSM_RESPONSE_MAX], size_t *ret_len, struct selfsame_err *e)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    const char *path = socket_path(device);
    uint8_t head[4];
    struct writer w = writer_of(head, sizeof(head));

    if (strlen(path) >= sizeof(to.sun_path))
        FAIL(e, SELFSAME_USAGE, "%s: expected a path under %zu bytes", device,
            sizeof(to.sun_path));
    memcpy(to.sun_path, path, strlen(path));
    auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_io(device, "make a socket", e);
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        return fail_io(device, "connect", e);
    put_be32(&w, (uint32_t)request.len);
    TRY(write_all(fd, device, writer_bytes(&w), e));
    TRY(write_all(fd, device, request, e));
    TRY(read_all(fd, device, head, sizeof(head), e));
    struct reader r = reader_of(BYTES_ARR(head));
    uint32_t len = get_be32(&r);
    if (len == 0 || len > NSM_RESPONSE_MAX)
        FAIL(e, SELFSAME_IO, "%s: expected 1 to %d bytes, got %u", device,
            NSM_RESPONSE_MAX, (unsigned)len);
    TRY(read_all(fd, device, response, len, e));
    *ret_len = len;
    return SELFSAME_OK;
}

static bool
same_field(struct selfsame_bytes got, struct selfsame_bytes asked)
{
    return (got.ptr == NULL) == (asked.ptr == NULL) && bytes_eq(got, asked);
}

/* A device that answers for something else must not get its answer passed on. */
static enum selfsame_code
check_answer(struct selfsame_bytes document, const struct nsm_request *asked,
    struct selfsame_err *e)
{
    struct nitro_doc doc;

    TRY_WHILE(e, nitro_parse(document, &doc, e), "reading what the NSM returned");
    if (!same_field(doc.user_data, asked->user_data) ||
        !same_field(doc.nonce, asked->nonce) ||
        !same_field(doc.public_key, asked->public_key))
        FAIL(e, SELFSAME_UNBOUND,
            "NSM: expected a document with the user_data, nonce and public_key asked "
            "for, got another");
    return SELFSAME_OK;
}

static enum selfsame_code
collect(const struct tee_report_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    const char *device = device_of(q->device);
    struct nsm_request request = {
        .op = NSM_ATTESTATION,
        .user_data = BYTES(q->binder64, BINDER_SIZE),
        .nonce = q->nonce,
        .public_key = q->public_key,
    };
    uint8_t *message = arena_alloc(arena, 1, NSM_REQUEST_MAX);
    uint8_t *answer = arena_alloc(arena, 1, NSM_RESPONSE_MAX);
    struct nsm_response response;
    size_t len = 0;

    if (message == NULL || answer == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    struct writer w = writer_of(message, NSM_REQUEST_MAX);
    nsm_request_put(&w, &request);
    if (w.bad)
        FAIL(e, SELFSAME_USAGE, "NSM request: expected at most %d bytes, got %zu",
            NSM_REQUEST_MAX, w.need);
    TRY(socket_path(device) != NULL
            ? call_socket(device, writer_bytes(&w), answer, &len, e)
            : call_file(device, writer_bytes(&w), answer, &len, e));
    TRY(nsm_response_parse(BYTES(answer, len), NSM_ATTESTATION, &response, e));
    TRY(check_answer(response.bytes, &request, e));
    *ret = (struct tee_collected){ .evidence = response.bytes };
    return SELFSAME_OK;
}

const struct tee_attester nitro_attester = {
    .name = "nitro",
    .media_type = "application/vnd.attest.nitro+cbor",
    .present = present,
    .collect = collect,
};
