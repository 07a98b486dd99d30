/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "sim/sim.h"
#include "tee/sgx/collect.h"
#include "tee/shared/dcap_device.h"

#include <errno.h>
#include <sys/stat.h>

/*
 * /dev/attestation as Gramine shows it to an enclave (gramineproject/gramine,
 * libos/src/fs/dev/attestation.c): report data and target info are remembered, cut or
 * padded without a word; a quote is about what was written last. One state for the
 * guest, where Gramine has one for each process.
 */
enum { REPORT_DATA = 64, TARGET_INFO = 512, REPORT = 432, KEY = 16 };
enum { MRENCLAVE_AT = 64, MRSIGNER_AT = 128, ATTRIBUTES_AT = 48 }; /* of a report */
enum file { TYPE, USER_DATA, TARGET, MY_TARGET, LOCAL_REPORT, QUOTE };
enum seal { DEFAULT, BY_ENCLAVE, BY_SIGNER };

struct state {
    uint8_t data[REPORT_DATA], target[TARGET_INFO];
    uint8_t key[KEY];
    bool has_key;
};

static int
ask(struct notify *n, uint8_t op, const uint8_t *data64, struct arena *arena,
    struct selfsame_bytes *ret)
{
    const struct selfsame_bytes part = BYTES(data64, REPORT_DATA);

    /* Whatever fails is EACCES to the application. */
    return dcap_device_ask(n, op, &part, 1, arena, ret) == 0 ? 0 : -EACCES;
}

static int
local_report(struct notify *n, const uint8_t *data64, struct arena *arena,
    struct selfsame_bytes *ret)
{
    if (ask(n, DCAP_DEVICE_REPORT, data64, arena, ret) != 0 || ret->len != REPORT)
        return -EACCES;
    return 0;
}

/* TARGETINFO: MRENCLAVE, attributes, and the MISCSELECT and CONFIGID of nobody. */
static int
my_target(struct notify *n, struct arena *arena, struct selfsame_bytes *ret)
{
    static const uint8_t zero[REPORT_DATA];
    uint8_t *buf = arena_alloc(arena, 1, TARGET_INFO);
    struct selfsame_bytes report;

    if (buf == NULL || local_report(n, zero, arena, &report) != 0)
        return -EACCES;
    memcpy(buf, report.ptr + MRENCLAVE_AT, 32);
    memcpy(buf + 32, report.ptr + ATTRIBUTES_AT, 16);
    *ret = BYTES(buf, TARGET_INFO);
    return 0;
}

static int
read_file(struct notify *n, void *held, unsigned which, struct arena *arena,
    struct selfsame_bytes *ret)
{
    struct state *s = held;

    switch ((enum file)which) {
    case TYPE: *ret = BYTES_LIT("dcap"); return 0;
    case USER_DATA: *ret = BYTES_ARR(s->data); return 0;
    case TARGET: *ret = BYTES_ARR(s->target); return 0;
    case MY_TARGET: return my_target(n, arena, ret);
    case LOCAL_REPORT: return local_report(n, s->data, arena, ret);
    case QUOTE: return ask(n, DCAP_DEVICE_QUOTE, s->data, arena, ret);
    }
    return -EACCES;
}

static int
write_file(struct notify *n, void *held, unsigned which, struct selfsame_bytes data)
{
    struct state *s = held;
    uint8_t *to = which == USER_DATA ? s->data : s->target;
    const size_t size = which == USER_DATA ? sizeof(s->data) : sizeof(s->target);

    (void)n;
    memset(to, 0, size);
    memcpy(to, data.ptr, data.len < size ? data.len : size);
    return 0;
}

/* ---- keys ---- */

/*
 * Where hardware derives them from a secret of the processor (EGETKEY), there is none
 * here: whoever knows the enclave or its signer has the same key. For tests alone.
 */
static int
sealing_key(struct notify *n, size_t identity_at, struct arena *arena,
    struct selfsame_bytes *ret)
{
    static const uint8_t zero[REPORT_DATA];
    uint8_t *digest = arena_alloc(arena, 1, HASH_MAX);
    struct selfsame_bytes report;

    if (digest == NULL || local_report(n, zero, arena, &report) != 0)
        return -EACCES;
    const struct selfsame_bytes parts[] = {
        BYTES_LIT("SIMULATED sealing key, known to everybody"),
        BYTES(report.ptr + identity_at, 32),
    };
    if (!hash_parts(HASH_SHA256, parts, COUNT(parts), digest))
        return -EACCES;
    *ret = BYTES(digest, KEY);
    return 0;
}

static int
read_key(struct notify *n, void *held, unsigned which, struct arena *arena,
    struct selfsame_bytes *ret)
{
    struct state *s = held;

    if (which != DEFAULT)
        return sealing_key(
            n, which == BY_ENCLAVE ? MRENCLAVE_AT : MRSIGNER_AT, arena, ret);
    *ret = s->has_key ? BYTES_ARR(s->key) : BYTES_NONE;
    return 0;
}

static int
write_key(struct notify *n, void *held, unsigned which, struct selfsame_bytes data)
{
    struct state *s = held;

    (void)n, (void)which;
    if (data.len != KEY)
        return -EACCES;
    memcpy(s->key, data.ptr, KEY);
    s->has_key = true;
    return 0;
}

static const struct guest_file files[] = {
    { "attestation_type", S_IFREG | 0444, TYPE, read_file, NULL, false },
    { "user_report_data", S_IFREG | 0666, USER_DATA, read_file, write_file, false },
    { "target_info", S_IFREG | 0666, TARGET, read_file, write_file, false },
    { "my_target_info", S_IFREG | 0444, MY_TARGET, read_file, NULL, false },
    { "report", S_IFREG | 0444, LOCAL_REPORT, read_file, NULL, false },
    { "quote", S_IFREG | 0444, QUOTE, read_file, NULL, false },
    { "keys", S_IFDIR | 0555, 0, NULL, NULL, false },
    { "keys/default", S_IFREG | 0666, DEFAULT, read_key, write_key, false },
    { "keys/_sgx_mrenclave", S_IFREG | 0444, BY_ENCLAVE, read_key, NULL, false },
    { "keys/_sgx_mrsigner", S_IFREG | 0444, BY_SIGNER, read_key, NULL, false },
};

static void *
make_files(const struct guest_device *d)
{
    (void)d;
    return files_make(files, COUNT(files), sizeof(struct state));
}

FILES_TREE(gramine_tree, make_files);

const struct guest_device gramine_device = {
    .tee = "sgx",
    .command = 1, /* with no bits at all: none */
    .mask = 0,
    .mounts = { { "attestation", SGX_DIR, &gramine_tree } },
    .mount_count = 1,
    .needs_mounts = true,
};
