/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"
#include "tee/snp/collect.h"

#include <errno.h>

/*
 * drivers/virt/coco/sev-guest and include/uapi/linux/sev-guest.h. What the guest's
 * ioctl passes becomes a message of collect.h, "the simulator's transport".
 */
static int
give_certificates(struct snp_ioctl *io, struct snp_ext_report_req *q,
    struct selfsame_bytes certs, pid_t pid)
{
    enum { PAGE = 4096 };
    const size_t whole = (certs.len + PAGE - 1) / PAGE * PAGE;
    static const uint8_t zeros[PAGE];

    if (q->certs_len == 0 && q->certs_address == 0)
        return 0;
    if (q->certs_len % PAGE != 0 || q->certs_len > SNP_CERTS_MAX)
        return -EINVAL;
    if (q->certs_len < whole) {
        q->certs_len = (uint32_t)whole;
        io->error = (uint64_t)SNP_VMM_INVALID_LEN << 32;
        return -EIO;
    }
    if (!copy_out(pid, certs.ptr, q->certs_address, certs.len) ||
        !copy_out(pid, zeros, q->certs_address + certs.len, whole - certs.len))
        return -EFAULT;
    q->certs_len = (uint32_t)whole;
    return 0;
}

/* The request and the answer of one ioctl; *io and *q go back to the guest. */
static int
ask(struct notify *n, pid_t pid, uint32_t command, struct snp_ioctl *io,
    struct snp_ext_report_req *q)
{
    auto_arena arena = arena_new((size_t)1 << 20);
    uint8_t message[SNP_MESSAGE_REQUEST];
    struct writer w = writer_of(message, sizeof(message));
    struct selfsame_bytes response;

    put_be32(&w, command);
    put_bytes(&w, BYTES((const uint8_t *)&q->data, sizeof(q->data)));
    if (!notify_ask(n, writer_bytes(&w), &arena, &response))
        return -EIO;
    struct reader r = reader_of(response);
    int why = (int)get_be32(&r);
    io->error = get_be64(&r);
    struct selfsame_bytes body = get_bytes(&r, SNP_RESPONSE);
    if (r.bad || why != 0)
        return r.bad ? -EIO : -why;
    if (!notify_waits(n))
        return -EFAULT;
    why = command == SNP_GET_EXT_REPORT ? give_certificates(io, q, r.rest, pid) : 0;
    if (why != 0)
        return why;
    return copy_out(pid, body.ptr, io->response, body.len) ? 0 : -EFAULT;
}

static int
call(struct notify *n, pid_t pid, uint32_t command, uint64_t argument)
{
    struct snp_ioctl io;
    struct snp_ext_report_req q = { .certs_len = 0 };
    bool extended = command == SNP_GET_EXT_REPORT;
    size_t size = extended ? sizeof(q) : sizeof(q.data);

    if (!copy_in(pid, argument, &io, sizeof(io)))
        return -EFAULT;
    if (io.version == 0)
        return -EINVAL;
    if (command != SNP_GET_REPORT && !extended)
        return -ENOTTY; /* derived keys too: there is no key to derive them from */
    if (!copy_in(pid, io.request, &q, size))
        return -EFAULT;
    io.error = 0;
    int why = ask(n, pid, command, &io, &q);
    if (!notify_waits(n) || !copy_out(pid, &io, argument, sizeof(io)) ||
        (extended && !copy_out(pid, &q, io.request, size)))
        return -EFAULT;
    return why;
}

static int
report(struct notify *n, const uint8_t *data64, unsigned vmpl, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_bytes *ret_aux)
{
    struct snp_report_req q = { .vmpl = vmpl };
    uint8_t message[SNP_MESSAGE_REQUEST];
    struct writer w = writer_of(message, sizeof(message));
    struct selfsame_bytes response;

    memcpy(q.user_data, data64, sizeof(q.user_data));
    put_be32(&w, SNP_GET_EXT_REPORT);
    put_bytes(&w, BYTES((const uint8_t *)&q, sizeof(q)));
    if (!notify_ask(n, writer_bytes(&w), arena, &response))
        return -EIO;
    struct reader r = reader_of(response);
    uint32_t why = get_be32(&r);
    (void)get_be64(&r);
    struct selfsame_bytes body = get_bytes(&r, SNP_RESPONSE);
    struct reader b = reader_of(body);
    uint32_t status = get_le32(&b), size = get_le32(&b);
    (void)get_bytes(&b, 24);
    *ret = get_bytes(&b, size);
    *ret_aux = r.rest;
    return why != 0 || status != 0 || r.bad || b.bad ? -EIO : 0;
}

const struct guest_device sev_guest_device = {
    .tee = "snp",
    .node = "/dev/sev-guest",
    .command = 0x5300,
    .mask = 0xFF00,
    .call = call,
    .mounts = { { "configfs", TSM_REPORT_DIR, &tsm_tree } },
    .mount_count = 1,
    .aux = true,
    .provider = "sev_guest",
    .report = report,
};
