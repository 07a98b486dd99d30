/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SNP_MEASURE_H
#define SELFSAME_SNP_MEASURE_H

#include "image/ovmf.h"
#include "tee/snp/snp.h"

/*
 * The launch digest (AMD 56860, SNP_LAUNCH_UPDATE): a chain over pages, from the
 * firmware over what its metadata asks for to the state of every processor.
 *
 *   measure.c  the role: parts, options, all shapes in one call
 *   shape.c    options to shapes
 *   vmsa.c     the state of a processor
 */
enum snp_vmm { SNP_VMM_QEMU = 1, SNP_VMM_EC2, SNP_VMM_GCE };

/* What the digest depends on besides the bytes. */
struct snp_shape {
    enum snp_vmm vmm;
    unsigned vcpus;
    const char
        *cpu; /* as told: "EPYC-Milan-v2", "0xa00f11"; "" where it does not count */
    uint32_t cpu_signature; /* QEMU: CPUID 1 EAX */
    uint64_t rdx;           /* EC2, GCE */
    uint64_t vmsa_gpa;
    uint64_t features; /* SEV_FEATURES */
};

/* shape.c: lists as options give them, and their product. */
enum { SHAPE_VALUES = 64, SHAPE_GROUPS = 64, SHAPES_MAX = 1024, CPU_NAME = 32 };
struct shape_group {
    enum snp_vmm vmm;
    unsigned vcpus[SHAPE_VALUES];
    size_t vcpu_count;
    struct {
        char name[CPU_NAME];
        uint32_t signature;
    } cpu[SHAPE_VALUES];
    size_t cpu_count;
    uint64_t features[SHAPE_VALUES];
    size_t feature_count;
    bool has_rdx, has_gpa;
    uint64_t rdx, gpa_bits;
};
MUST enum selfsame_code shape_set(
    struct shape_group *g, const char *name, const char *value, struct selfsame_err *e);
/* Appends the product to list[*count]; USAGE where something must be said first. */
MUST enum selfsame_code shape_expand(const struct shape_group *g,
    struct snp_shape *list, size_t *count, struct selfsame_err *e);
const char *snp_vmm_name(enum snp_vmm v);

void snp_vmsa(
    const struct snp_shape *s, uint32_t eip, bool first, uint8_t ret[static OVMF_PAGE]);

#endif
