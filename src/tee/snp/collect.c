/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/collect.h"

#include "tee/shared/device_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(struct snp_ioctl) == 32, "the ioctl numbers hold this size");
_Static_assert(sizeof(struct snp_report_req) == 96, "snp_report_req of the kernel");
_Static_assert(sizeof(struct snp_ext_report_req) == 112, "snp_ext_report_req");

static const char usual_device[] = "/dev/sev-guest";
static const char provider[] = "sev_guest";

/* ---- /dev/sev-guest ---- */

static enum selfsame_code
fail(const char *device, int why, uint64_t error, struct selfsame_err *e)
{
    uint32_t vmm = (uint32_t)(error >> 32), firmware = (uint32_t)error;

    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
        "%.60s: cannot ask for a report: %s (firmware %u, VMM %u)", device,
        strerror(why), firmware, vmm);
    if (why == ENOTTY)
        err_remedy(e, "The driver wiped its key after an error: start the guest anew.");
    else if (vmm == SNP_VMM_BUSY)
        err_remedy(e, "The host limits requests: ask again in a minute.");
    else if (why == EACCES || why == EPERM)
        err_remedy(e, "Only root may ask for reports: run `selfsame serve` as root.");
    return SELFSAME_IO;
}

/* { u32 status, u32 size, 24 reserved, report }; sizes are not trusted beyond the buffer. */
static enum selfsame_code
take_report(const uint8_t response[static SNP_RESPONSE], struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct reader r = reader_of(BYTES(response, SNP_RESPONSE));
    uint32_t status = get_le32(&r), size = get_le32(&r);

    (void)get_bytes(&r, 24);
    if (status != 0)
        FAIL(e, SELFSAME_IO, "sev-guest: expected status 0, got 0x%x%s", status,
            status == 0x16 ? " (invalid parameter)" : "");
    if (size != SNP_REPORT_SIZE)
        FAIL(e, SELFSAME_IO, "sev-guest: expected a report of %d bytes, got %u",
            (int)SNP_REPORT_SIZE, size);
    *ret = get_bytes(&r, SNP_REPORT_SIZE);
    return SELFSAME_OK;
}

static enum selfsame_code
ask_device(const struct snp_guest *g, const char *device, const uint8_t *data64,
    struct arena *arena, struct tee_collected *ret, struct selfsame_err *e)
{
    struct snp_ext_report_req *req = ARENA_NEW(arena, struct snp_ext_report_req, 1);
    uint8_t *response = arena_alloc(arena, 1, SNP_RESPONSE);
    uint8_t *certs = arena_alloc(arena, 1, SNP_CERTS_MAX);

    if (req == NULL || response == NULL || certs == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for a report");
    memcpy(req->data.user_data, data64, 64);
    req->certs_address = (uint64_t)(uintptr_t)certs;
    req->certs_len = SNP_CERTS_MAX;
    struct snp_ioctl io = { .version = 1,
        .request = (uint64_t)(uintptr_t)req,
        .response = (uint64_t)(uintptr_t)response };
    int why = g->request(g->ctx, device, SNP_GET_EXT_REPORT, &io);
    /* More certificates than the kernel passes on: a report without them is one too. */
    if (why == -EIO && io.error >> 32 == SNP_VMM_INVALID_LEN) {
        req->certs_len = 0;
        io.error = 0;
        why = g->request(g->ctx, device, SNP_GET_REPORT, &io);
    }
    if (why != 0)
        return fail(device, -why, io.error, e);
    TRY(take_report(response, &ret->evidence, e));
    if (req->certs_len > 0 && req->certs_len <= SNP_CERTS_MAX)
        ret->endorsement = BYTES(certs, req->certs_len);
    return SELFSAME_OK;
}

/* ---- either way ---- */

/* A device that answers for something else must not get its answer passed on. */
static enum selfsame_code
check_answer(
    struct selfsame_bytes report, const uint8_t *data64, struct selfsame_err *e)
{
    struct snp_report r;

    TRY_WHILE(e, snp_parse(report, &r, e), "reading what the device returned");
    if (!bytes_eq(r.report_data, BYTES(data64, 64)))
        FAIL(e, SELFSAME_UNBOUND,
            "expected a report with the report data asked for, got another");
    return SELFSAME_OK;
}

/* From the host and unsigned: what is no table of certificates helps nobody. */
static bool
is_table(struct selfsame_bytes aux)
{
    struct snp_table t = { .blob = aux };
    struct selfsame_err ignored;
    struct selfsame_bytes one;
    size_t count = 0;

    if (aux.len == 0 || !snp_table_recognise(aux))
        return false;
    for (;; count++) {
        if (snp_table_next(&t, &one, &ignored) != SELFSAME_OK)
            return false;
        if (one.ptr == NULL)
            return count > 0;
    }
}

bool
snp_present(const struct snp_guest *g, const char *device)
{
    struct stat st;

    if (tsm_dir(g->tsm, device, provider) != NULL)
        return true;
    device = device != NULL ? device : usual_device;
    const char *path = device_socket(device);
    if (strstr(device, "sev-guest") == NULL)
        return false;
    if (path != NULL)
        return device_socket_present(path);
    return stat(device, &st) == 0 && S_ISCHR(st.st_mode);
}

enum selfsame_code
snp_collect(const struct snp_guest *g, const struct tee_report_request *q,
    struct arena *arena, struct tee_collected *ret, struct selfsame_err *e)
{
    const char *dir = tsm_dir(g->tsm, q->device, provider);
    struct tee_collected out = { { NULL, 0 }, { NULL, 0 } };
    struct tsm_report tsm;

    if (dir != NULL) {
        TRY(tsm_collect(g->tsm, dir, provider, q->binder64, arena, &tsm, e));
        out.evidence = tsm.outblob;
        out.endorsement = tsm.auxblob;
    } else {
        TRY(ask_device(g, q->device != NULL ? q->device : usual_device, q->binder64,
            arena, &out, e));
    }
    TRY(check_answer(out.evidence, q->binder64, e));
    if (!is_table(out.endorsement))
        out.endorsement = BYTES_NONE;
    *ret = out;
    return SELFSAME_OK;
}

/* ---- the simulator's transport ---- */

/* As the ioctl would: response, certificates and error go where the caller said. */
static int
request_socket(const char *path, unsigned long command, struct snp_ioctl *io)
{
    uint8_t message[SNP_MESSAGE_REQUEST],
        *buf = malloc(SNP_MESSAGE_HEAD + SNP_CERTS_MAX);
    struct snp_ext_report_req *q = (void *)(uintptr_t)io->request;
    struct writer w = writer_of(message, sizeof(message));
    size_t len = 0;

    if (buf == NULL)
        return -ENOMEM;
    put_be32(&w, (uint32_t)command);
    put_bytes(&w, BYTES((const uint8_t *)&q->data, sizeof(q->data)));
    int why = device_exchange(
        path, writer_bytes(&w), buf, SNP_MESSAGE_HEAD + SNP_CERTS_MAX, &len);
    struct reader r = reader_of(BYTES(buf, len));
    uint32_t error = get_be32(&r);
    io->error = get_be64(&r);
    struct selfsame_bytes body = get_bytes(&r, SNP_RESPONSE);
    if (why == 0)
        why = r.bad ? -EPROTO : -(int)(error & 0xfff);
    if (why == 0) {
        memcpy((void *)(uintptr_t)io->response, body.ptr, body.len);
        if (command == SNP_GET_EXT_REPORT) {
            q->certs_len = (uint32_t)r.rest.len; /* fits: the buffer's length */
            if (r.rest.len > 0)
                memcpy((void *)(uintptr_t)q->certs_address, r.rest.ptr, r.rest.len);
        }
    }
    free(buf);
    return why;
}

static int
request(void *ctx, const char *device, unsigned long command, void *argument)
{
    (void)ctx;
    if (device_socket(device) != NULL)
        return request_socket(device_socket(device), command, argument);
    int fd = open(device, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int why = ioctl(fd, command, argument) == 0 ? 0 : -errno;
    (void)close(fd);
    return why;
}

static const struct snp_guest this_guest = { .tsm = &tsm_files, .request = request };

static bool
present(const char *device)
{
    return snp_present(&this_guest, device);
}

static enum selfsame_code
collect(const struct tee_report_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    return snp_collect(&this_guest, q, arena, ret, e);
}

const struct tee_attester snp_attester = {
    .name = "snp",
    .media_type = "application/vnd.attest.snp",
    .endorsement_type = "application/vnd.attest.snp-certs",
    .present = present,
    .collect = collect,
};
