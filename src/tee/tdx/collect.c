/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/collect.h"

#include "crypto/crypto.h"
#include "tee/shared/dcap_ask.h"
#include "tee/shared/device_socket.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static const char provider[] = "tdx_guest";
static const char configfs_fix[] =
    "Linux 6.7 or newer with CONFIG_TDX_GUEST_DRIVER, and configfs mounted "
    "at /sys/kernel/config.";
static const char registers_fix[] =
    "This kernel shows no registers of the TD: Linux 6.16 or newer "
    "with CONFIG_TSM_MEASUREMENTS.";

static bool
node(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

/* The simulator's socket: one whose path says what it is. */
static const char *
socket_of(const char *device)
{
    const char *path = device_socket(device);

    return path != NULL && strstr(path, provider) != NULL ? path : NULL;
}

/* ---- quotes ---- */

/*
 * A device that answers for something else must not get its answer passed on: the
 * kernel's buffer is one for all who ask. What stands behind the quote in it is none.
 */
static enum selfsame_code
check_answer(struct selfsame_bytes answer, const uint8_t *data64,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct dcap_quote q;
    struct tdx_body body;

    TRY_WHILE(e, dcap_quote_parse(answer, &q, e),
        "reading what the quoting service returned");
    if (q.tee != DCAP_TDX)
        FAIL(e, SELFSAME_MALFORMED, "expected a quote of TDX, got one of TEE type 0x%x",
            (unsigned)q.tee);
    TRY_WHILE(
        e, tdx_body_check(&q, &body, e), "reading what the quoting service returned");
    if (!bytes_eq(body.report_data, BYTES(data64, 64)))
        FAIL(e, SELFSAME_UNBOUND,
            "expected a quote with the report data asked for, got another");
    *ret = q.raw;
    return SELFSAME_OK;
}

/* The driver is there, and what it has of its own is no evidence. */
static enum selfsame_code
no_configfs(const char *device, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "%.80s: this kernel gives local reports (TDREPORT), which prove nothing to "
        "others; quotes come through configfs-tsm, and there is none at %s",
        device != NULL ? device : TDX_NODE, TSM_REPORT_DIR);
    err_remedy(e, configfs_fix);
    return SELFSAME_UNSUPPORTED;
}

bool
tdx_present(const struct tdx_guest *g, const char *device)
{
    if (device_socket(device) != NULL)
        return socket_of(device) != NULL && device_socket_present(socket_of(device));
    if (tsm_dir(g->files, device, provider) != NULL)
        return true;
    device = device != NULL ? device : TDX_NODE;
    return strstr(device, provider) != NULL && g->node(device);
}

enum selfsame_code
tdx_collect(const struct tdx_guest *g, const struct tee_report_request *q,
    struct arena *arena, struct tee_collected *ret, struct selfsame_err *e)
{
    const struct selfsame_bytes data = BYTES(q->binder64, 64);
    const char *path = socket_of(q->device), *dir;
    struct tee_collected out = { { NULL, 0 }, { NULL, 0 } };
    struct tsm_report tsm = { { NULL, 0 }, { NULL, 0 } };

    if (path != NULL) {
        TRY(dcap_ask(path, DCAP_DEVICE_QUOTE, &data, 1, arena, &tsm.outblob, e));
    } else {
        if ((dir = tsm_dir(g->files, q->device, provider)) == NULL)
            return no_configfs(q->device, e);
        TRY(tsm_collect(g->files, dir, provider, q->binder64, arena, &tsm, e));
    }
    TRY(check_answer(tsm.outblob, q->binder64, &out.evidence, e));
    *ret = out;
    return SELFSAME_OK;
}

/* ---- registers ---- */

struct place {
    const struct tsm_io *files;
    const char *socket; /* NULL: a file */
    char path[128];
    uint8_t index;
};

static enum selfsame_code
fail(const struct place *p, const char *doing, long why, struct selfsame_err *e)
{
    const bool absent = why == -ENOENT || why == -ENOTDIR;
    const enum selfsame_code code = absent ? SELFSAME_UNSUPPORTED : SELFSAME_IO;

    (void)err_set(e, code, __FILE__, __LINE__, "%s: cannot %s: %s", p->path, doing,
        strerror((int)-why));
    if (absent)
        err_remedy(e, "This kernel shows no registers of the TD: Linux 6.16 or newer "
                      "with CONFIG_TSM_MEASUREMENTS. Nothing was measured.");
    else if (why == -EACCES || why == -EPERM)
        err_remedy(e, "Only root may extend registers.");
    return code;
}

static enum selfsame_code
read_register(
    const struct place *p, uint8_t ret[static TDX_REGISTER], struct selfsame_err *e)
{
    uint8_t buf[TDX_REGISTER + 1];

    if (p->socket != NULL) {
        auto_arena arena = arena_new((size_t)1 << 18);
        const struct selfsame_bytes which = BYTES(&p->index, 1);
        struct selfsame_bytes value;

        TRY(dcap_ask(p->socket, DCAP_DEVICE_REGISTER, &which, 1, &arena, &value, e));
        if (value.len != TDX_REGISTER)
            return fail(p, "read", -EIO, e);
        memcpy(ret, value.ptr, TDX_REGISTER);
        return SELFSAME_OK;
    }
    long n = p->files->read(p->files->ctx, p->path, buf, sizeof(buf));
    if (n < 0)
        return fail(p, "read", n, e);
    if (n != TDX_REGISTER)
        FAIL(e, SELFSAME_IO, "%s: expected %d bytes, got %ld", p->path,
            (int)TDX_REGISTER, n);
    memcpy(ret, buf, TDX_REGISTER);
    return SELFSAME_OK;
}

static enum selfsame_code
write_register(
    const struct place *p, struct selfsame_bytes digest, struct selfsame_err *e)
{
    if (p->socket != NULL) {
        auto_arena arena = arena_new((size_t)1 << 18);
        const struct selfsame_bytes parts[] = { BYTES(&p->index, 1), digest };
        struct selfsame_bytes ignored;

        return dcap_ask(
            p->socket, DCAP_DEVICE_EXTEND, parts, COUNT(parts), &arena, &ignored, e);
    }
    int why = p->files->write(p->files->ctx, p->path, digest);
    return why == 0 ? SELFSAME_OK : fail(p, "extend", why, e);
}

static void
find_register(
    const struct tdx_guest *g, const char *device, unsigned index, struct place *ret)
{
    *ret = (struct place){
        .files = g->files, .socket = socket_of(device), .index = (uint8_t)index
    };
    if (ret->socket != NULL)
        (void)snprintf(ret->path, sizeof(ret->path), "RTMR%u", index);
    else
        (void)snprintf(
            ret->path, sizeof(ret->path), "%s/rtmr%u:sha384", TDX_MEASUREMENTS, index);
}

/*
 * Once and no more: what was extended cannot be taken back, and a second write would
 * extend it twice. So whether it took is looked at, and never tried again.
 */
enum selfsame_code
tdx_extend(const struct tdx_guest *g, const char *device, unsigned index,
    struct selfsame_bytes digest, uint8_t ret[static TEE_REGISTER],
    struct selfsame_err *e)
{
    uint8_t before[TDX_REGISTER], after[TDX_REGISTER], want[HASH_MAX];
    const struct selfsame_bytes parts[] = { BYTES_ARR(before), digest };
    struct place p;

    if (index >= TDX_RTMRS)
        FAIL(e, SELFSAME_USAGE, "expected a register from 0 to %d, got %u",
            (int)TDX_RTMRS - 1, index);
    if (digest.len != TDX_REGISTER)
        FAIL(e, SELFSAME_USAGE, "expected a digest of %d bytes (SHA-384), got %zu",
            (int)TDX_REGISTER, digest.len);
    find_register(g, device, index, &p);
    TRY(read_register(&p, before, e));
    TRY(write_register(&p, digest, e));
    TRY(read_register(&p, after, e));
    if (!hash_parts(HASH_SHA384, parts, COUNT(parts), want))
        FAIL(e, SELFSAME_NOMEM, "no room for a digest");
    if (!bytes_eq(BYTES_ARR(after), BYTES(want, TDX_REGISTER)))
        FAIL(e, SELFSAME_IO,
            "%s: expected the value before, extended by this digest alone: somebody "
            "else extended it as well, or nothing was",
            p.path);
    memcpy(ret, after, TDX_REGISTER);
    return SELFSAME_OK;
}

/* ---- for `doctor` ---- */

size_t
tdx_look(const struct tdx_guest *g, struct tee_host_fact ret[static TEE_GUEST_FACTS])
{
    const bool quotes = tsm_dir(g->files, NULL, provider) != NULL;
    uint8_t value[TDX_REGISTER];
    struct selfsame_err ignored = { 0 };
    struct place p;

    find_register(g, NULL, TDX_RTMRS - 1, &p);
    const bool registers = read_register(&p, value, &ignored) == SELFSAME_OK;
    ret[0] = (struct tee_host_fact){ quotes, "tdx: quotes (configfs-tsm)",
        quotes ? "provider tdx_guest" : "missing: no evidence can be collected",
        configfs_fix };
    ret[1] = (struct tee_host_fact){ registers, "tdx: registers (RTMRs)",
        registers ? "readable" : "missing: `attest --extend` does not work",
        registers_fix };
    return 2;
}

/* ---- of this machine ---- */

static const struct tdx_guest this_guest = { .files = &tsm_files, .node = node };

static bool
present(const char *device)
{
    return tdx_present(&this_guest, device);
}

static enum selfsame_code
collect(const struct tee_report_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    return tdx_collect(&this_guest, q, arena, ret, e);
}

static enum selfsame_code
extend(const char *device, unsigned index, struct selfsame_bytes digest,
    uint8_t ret[static TEE_REGISTER], struct selfsame_err *e)
{
    return tdx_extend(&this_guest, device, index, digest, ret, e);
}

static size_t
look(struct tee_host_fact ret[static TEE_GUEST_FACTS])
{
    return tdx_look(&this_guest, ret);
}

const struct tee_attester tdx_attester = {
    .name = "tdx",
    .media_type = "application/vnd.attest.tdx",
    .present = present,
    .collect = collect,
    .extend = extend,
    .look = look,
};
