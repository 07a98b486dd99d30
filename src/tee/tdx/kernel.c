/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pe.h"
#include "tee/tdx/measure.h"

#include <stdlib.h>

/*
 * Up to QEMU 9.2 the firmware gets the kernel with a setup header that QEMU wrote into
 * (hw/i386/x86-common.c, x86_load_linux); from QEMU 10 on a firmware that asks for
 * "etc/boot/kernel" gets it as it is. Offsets: Linux Documentation/arch/x86/boot.rst.
 */
enum {
    HEADER = 0x1000,
    REAL_ADDR = 0x10000,
    CMDLINE_ADDR = 0x20000,
    ACPI_DATA = 0x28000, /* hw/i386/pc.c */
    LOADED_HIGH = 1 << 0,
    CAN_USE_HEAP = 1 << 7,
    ABOVE_4G = 1 << 1, /* xloadflags */
};

/* Of q35 (hw/i386/pc_q35.c): less below 4 GiB once there is enough of it. */
static uint64_t
below_4g(uint64_t memory)
{
    const uint64_t most = 0xb0000000, less = 0x80000000;

    return memory >= most ? less : memory;
}

static void
put_le32_at(uint8_t *at, uint64_t v)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

static enum selfsame_code
put_initrd(uint8_t *k, uint16_t protocol, uint64_t size, uint64_t memory,
    struct selfsame_err *e)
{
    struct reader limit = reader_of(BYTES(k + 0x22c, 4)),
                  flags = reader_of(BYTES(k + 0x236, 2));
    uint64_t max = get_le32(&limit);

    if (protocol >= 0x20c && (get_le16(&flags) & ABOVE_4G) != 0)
        max = UINT32_MAX;
    if (max >= below_4g(memory) - ACPI_DATA)
        max = below_4g(memory) - ACPI_DATA - 1;
    if (size >= max)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "initrd: expected one that fits below 4 GiB of %llu MiB of memory",
            (unsigned long long)(memory >> 20));
    put_le32_at(k + 0x218, (max - size) & ~UINT64_C(4095));
    put_le32_at(k + 0x21c, size);
    return SELFSAME_OK;
}

/* `k` has HEADER bytes at least. */
static enum selfsame_code
patch(uint8_t *k, uint64_t initrd_size, uint64_t memory, struct selfsame_err *e)
{
    struct reader r = reader_of(BYTES(k + 0x202, 6));
    bool magic = bytes_eq(get_bytes(&r, 4), BYTES_LIT("HdrS"));
    const uint16_t protocol = get_le16(&r);

    if (!magic || protocol < 0x203 || (k[0x211] & LOADED_HIGH) == 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "kernel: expected a bzImage of boot protocol 2.03 or later, got something "
            "else");
    k[0x210] = 0xb0; /* type_of_loader: QEMU */
    k[0x211] |= CAN_USE_HEAP;
    put_le32_at(k + 0x224, CMDLINE_ADDR - REAL_ADDR - 0x200); /* heap_end_ptr */
    put_le32_at(k + 0x228, CMDLINE_ADDR);
    return initrd_size > 0 ? put_initrd(k, protocol, initrd_size, memory, e)
                           : SELFSAME_OK;
}

static void
buffer_free(uint8_t **b)
{
    free(*b);
}

enum selfsame_code
tdx_kernel_digest(struct selfsame_bytes kernel, uint64_t initrd_size,
    const struct tdx_shape *s, uint8_t ret[static TDX_DIGEST], struct selfsame_err *e)
{
    __attribute__((cleanup(buffer_free))) uint8_t *copy = NULL;
    uint8_t sum[HASH_MAX];

    if (kernel.len < HEADER)
        FAIL(e, SELFSAME_UNSUPPORTED, "kernel: expected %d bytes at least, got %zu",
            (int)HEADER, kernel.len);
    if (s->kernel == TDX_KERNEL_PATCHED) {
        copy = malloc(kernel.len);
        if (copy == NULL)
            FAIL(e, SELFSAME_NOMEM, "no room for a kernel of %zu bytes", kernel.len);
        memcpy(copy, kernel.ptr, kernel.len);
        TRY(patch(copy, initrd_size, s->memory_mib << 20, e));
        kernel.ptr = copy;
    }
    TRY(pe_authenticode(kernel, HASH_SHA384, sum, e));
    memcpy(ret, sum, TDX_DIGEST);
    return SELFSAME_OK;
}
