/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first state of a processor, as the hypervisor lays it out and the firmware
 * measures it (AMD APM vol. 2, table B-4). Hypervisors differ: README.md.
 */
#include "tee/snp/measure.h"

static void
put_le(uint8_t *page, size_t at, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        page[at + i] = (uint8_t)(v >> (8 * i));
}

static void
put_segment(
    uint8_t *page, size_t at, uint16_t selector, uint16_t attributes, uint64_t base)
{
    put_le(page, at, selector, 2);
    put_le(page, at + 2, attributes, 2);
    put_le(page, at + 4, 0xffff, 4);
    put_le(page, at + 8, base, 8);
}

static void
put_segments(uint8_t *page, const struct snp_shape *s, uint32_t eip, bool first)
{
    const bool ec2 = s->vmm == SNP_VMM_EC2;

    put_segment(page, 0x00, 0, 0x93, 0); /* es */
    put_segment(page, 0x10, 0xf000, ec2 && first ? 0x9a : 0x9b, eip & 0xffff0000);
    put_segment(page, 0x20, 0, ec2 ? 0x92 : 0x93, 0); /* ss */
    put_segment(page, 0x30, 0, 0x93, 0);              /* ds, fs, gs */
    put_segment(page, 0x40, 0, 0x93, 0);
    put_segment(page, 0x50, 0, 0x93, 0);
    put_segment(page, 0x60, 0, 0, 0);    /* gdtr */
    put_segment(page, 0x70, 0, 0x82, 0); /* ldtr */
    put_segment(page, 0x80, 0, 0, 0);    /* idtr */
    put_segment(page, 0x90, 0, ec2 ? 0x83 : 0x8b, 0);
}

void
snp_vmsa(
    const struct snp_shape *s, uint32_t eip, bool first, uint8_t ret[static OVMF_PAGE])
{
    const bool qemu = s->vmm == SNP_VMM_QEMU;

    memset(ret, 0, OVMF_PAGE);
    put_segments(ret, s, eip, first);
    put_le(ret, 0x0d0, 0x1000, 8);     /* efer: SVME */
    put_le(ret, 0x148, 0x40, 8);       /* cr4: MCE */
    put_le(ret, 0x158, 0x10, 8);       /* cr0: ET */
    put_le(ret, 0x160, 0x400, 8);      /* dr7 */
    put_le(ret, 0x168, 0xffff0ff0, 8); /* dr6 */
    put_le(ret, 0x170, 0x2, 8);        /* rflags */
    put_le(ret, 0x178, eip & 0xffff, 8);
    put_le(ret, 0x268,
        s->vmm == SNP_VMM_GCE ? UINT64_C(0x00070106) : UINT64_C(0x0007040600070406), 8);
    put_le(ret, 0x310, qemu ? s->cpu_signature : s->rdx, 8);
    put_le(ret, 0x3b0, s->features, 8);
    put_le(ret, 0x3e8, 1, 8); /* xcr0: x87 */
    if (qemu) {
        put_le(ret, 0x408, 0x1f80, 4); /* mxcsr */
        put_le(ret, 0x410, 0x37f, 2);  /* x87 control word */
    }
}
