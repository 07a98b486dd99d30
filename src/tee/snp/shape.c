/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/measure.h"

#include <stdio.h>

static const char *const vmms[] = {
    [SNP_VMM_QEMU] = "qemu",
    [SNP_VMM_EC2] = "ec2",
    [SNP_VMM_GCE] = "gce",
};

const char *
snp_vmm_name(enum snp_vmm v)
{
    return v >= SNP_VMM_QEMU && v <= SNP_VMM_GCE ? vmms[v] : "unknown";
}

/*
 * QEMU's models (target/i386/cpu.c) and their CPUID 1 EAX; versions of a model
 * ("-v2") differ in features, not in this.
 */
static const struct {
    const char *model;
    uint32_t signature;
} cpus[] = {
    { "EPYC-Rome", 0x830f10 },
    { "EPYC-Milan", 0xa00f11 },
    { "EPYC-Genoa", 0xa10f10 },
    { "EPYC-Turin", 0xb00f00 },
    { "EPYC-IBPB", 0x800f12 },
    { "EPYC", 0x800f12 },
};

static bool
is_version(const char *s)
{
    return *s == '\0' ||
           (s[0] == '-' && s[1] == 'v' && s[2] >= '1' && s[2] <= '9' && s[3] == '\0');
}

static enum selfsame_code
cpu_named(const char *name, uint32_t *ret, struct selfsame_err *e)
{
    uint64_t signature;

    if (uint_parse(name, strlen(name), UINT32_MAX, &signature)) {
        *ret = (uint32_t)signature;
        return SELFSAME_OK;
    }
    for (size_t i = 0; i < COUNT(cpus); i++) {
        size_t len = strlen(cpus[i].model);

        if (strncmp(name, cpus[i].model, len) == 0 && is_version(name + len)) {
            *ret = cpus[i].signature;
            return SELFSAME_OK;
        }
    }
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "cpu: expected a model of QEMU (EPYC, EPYC-Rome, -Milan, -Genoa, -Turin, with "
        "-v1 to -v9) or a signature such as 0xa00f11, got \"%.24s\"",
        name);
    err_remedy(e, "For `-cpu host` give the machine's own CPUID 1 EAX as a number.");
    return SELFSAME_USAGE;
}

/* ---- lists ---- */

/* The next of "a,b,c" into `ret`; false when there is none or it does not fit. */
static bool
next_item(const char **list, char *ret, size_t cap)
{
    size_t len = strcspn(*list, ",");

    if (len == 0 || len >= cap)
        return false;
    memcpy(ret, *list, len);
    ret[len] = '\0';
    *list += len;
    if (**list == ',' && (*list)[1] != '\0')
        (*list)++;
    return true;
}

static enum selfsame_code
bad_list(
    const char *name, const char *value, const char *expected, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_USAGE, "%s: expected %s, got \"%.40s\"", name, expected, value);
}

static enum selfsame_code
set_vcpus(struct shape_group *g, const char *value, struct selfsame_err *e)
{
    static const char expected[] = "1 to 512, as in 4, 1,2,4 or 1-8";
    const char *rest = value;
    char item[24];

    g->vcpu_count = 0;
    while (*rest != '\0') {
        uint64_t from, to;

        if (!next_item(&rest, item, sizeof(item)))
            return bad_list("vcpus", value, expected, e);
        size_t dash = strcspn(item, "-");
        bool range = item[dash] == '-';
        if (!uint_parse(item, dash, 512, &from) || from == 0)
            return bad_list("vcpus", value, expected, e);
        to = from;
        if (range && (!uint_parse(item + dash + 1, strlen(item + dash + 1), 512, &to) ||
                         to < from))
            return bad_list("vcpus", value, expected, e);
        for (; from <= to; from++) {
            if (g->vcpu_count == SHAPE_VALUES)
                return bad_list("vcpus", value, "at most 64 numbers", e);
            g->vcpus[g->vcpu_count++] = (unsigned)from;
        }
    }
    return g->vcpu_count > 0 ? SELFSAME_OK : bad_list("vcpus", value, expected, e);
}

static enum selfsame_code
set_cpu(struct shape_group *g, const char *value, struct selfsame_err *e)
{
    const char *rest = value;

    g->cpu_count = 0;
    while (*rest != '\0') {
        if (g->cpu_count == SHAPE_VALUES ||
            !next_item(&rest, g->cpu[g->cpu_count].name, CPU_NAME))
            return bad_list("cpu", value, "names with commas between them", e);
        TRY(cpu_named(g->cpu[g->cpu_count].name, &g->cpu[g->cpu_count].signature, e));
        g->cpu_count++;
    }
    return g->cpu_count > 0 ? SELFSAME_OK : bad_list("cpu", value, "a name", e);
}

static enum selfsame_code
set_features(struct shape_group *g, const char *value, struct selfsame_err *e)
{
    const char *rest = value;
    char item[24];

    g->feature_count = 0;
    while (*rest != '\0') {
        uint64_t v;

        if (g->feature_count == SHAPE_VALUES || !next_item(&rest, item, sizeof(item)) ||
            !uint_parse(item, strlen(item), UINT64_MAX, &v) || (v & 1) == 0)
            return bad_list(
                "features", value, "numbers with bit 0 (SNP) set, as in 0x1,0x21", e);
        g->features[g->feature_count++] = v;
    }
    return g->feature_count > 0 ? SELFSAME_OK
                                : bad_list("features", value, "a number", e);
}

static enum selfsame_code
set_vmm(struct shape_group *g, const char *value, struct selfsame_err *e)
{
    for (enum snp_vmm v = SNP_VMM_QEMU; v <= SNP_VMM_GCE; v++)
        if (strcmp(value, vmms[v]) == 0) {
            g->vmm = v;
            return SELFSAME_OK;
        }
    return bad_list("vmm", value, "qemu, ec2 or gce", e);
}

enum selfsame_code
shape_set(
    struct shape_group *g, const char *name, const char *value, struct selfsame_err *e)
{
    if (strcmp(name, "vmm") == 0)
        return set_vmm(g, value, e);
    if (strcmp(name, "vcpus") == 0)
        return set_vcpus(g, value, e);
    if (strcmp(name, "cpu") == 0)
        return set_cpu(g, value, e);
    if (strcmp(name, "features") == 0)
        return set_features(g, value, e);
    if (strcmp(name, "ec2_rdx") == 0) {
        g->has_rdx = uint_parse(value, strlen(value), 0x600, &g->rdx) &&
                     (g->rdx == 0 || g->rdx == 0x600);
        return g->has_rdx ? SELFSAME_OK : bad_list(name, value, "0x600 or 0", e);
    }
    if (strcmp(name, "gce_gpa_bits") == 0) {
        g->has_gpa = uint_parse(value, strlen(value), 52, &g->gpa_bits) &&
                     (g->gpa_bits == 48 || g->gpa_bits == 52);
        return g->has_gpa ? SELFSAME_OK : bad_list(name, value, "48 or 52", e);
    }
    FAIL(e, SELFSAME_USAGE,
        "option \"%.24s\": expected vmm, vcpus, cpu, features, ec2_rdx or gce_gpa_bits",
        name);
}

/* ---- the product ---- */

/*
 * Where independent implementations give different digests for one shape, nobody but
 * the user can tell which one his host makes.
 */
static enum selfsame_code
check_known(const struct shape_group *g, struct selfsame_err *e)
{
    if (g->vmm == SNP_VMM_QEMU && g->cpu_count == 0) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "cpu: expected the model that QEMU is told, got none: the digest depends "
            "on it");
        err_remedy(e, "Say it: --cpu EPYC-Milan-v2, as in QEMU's -cpu.");
    } else if (g->vmm == SNP_VMM_EC2 && !g->has_rdx) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "ec2_rdx: expected what RDX is at start, got none: sev-snp-measure says "
            "0x600, virtee/sev says 0");
        err_remedy(e, "Say --ec2-rdx 0x600 or --ec2-rdx 0, or measure once with each.");
    } else if (g->vmm == SNP_VMM_GCE && !g->has_gpa) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "gce_gpa_bits: expected below which address size the processors' state "
            "is, got none");
        err_remedy(e, "Say --gce-gpa-bits 48 for Milan, --gce-gpa-bits 52 for Genoa.");
    } else {
        return SELFSAME_OK;
    }
    return SELFSAME_USAGE;
}

static void
one_shape(const struct shape_group *g, size_t cpu, size_t features, size_t vcpus,
    struct snp_shape *s)
{
    uint64_t bits = g->vmm == SNP_VMM_GCE ? g->gpa_bits : 48;

    *s = (struct snp_shape){
        .vmm = g->vmm,
        .vcpus = g->vcpu_count > 0 ? g->vcpus[vcpus] : 1,
        .cpu = g->vmm == SNP_VMM_QEMU ? g->cpu[cpu].name : "",
        .cpu_signature = g->vmm == SNP_VMM_QEMU ? g->cpu[cpu].signature : 0,
        .rdx = g->vmm == SNP_VMM_GCE ? 0x600 : g->rdx,
        .vmsa_gpa = ((UINT64_C(1) << bits) - 1) & ~UINT64_C(0xfff),
        .features = g->feature_count > 0 ? g->features[features] : 1,
    };
}

enum selfsame_code
shape_expand(const struct shape_group *g, struct snp_shape *list, size_t *count,
    struct selfsame_err *e)
{
    const size_t cpus_n = g->vmm == SNP_VMM_QEMU ? g->cpu_count : 1;
    const size_t features_n = g->feature_count > 0 ? g->feature_count : 1;
    const size_t vcpus_n = g->vcpu_count > 0 ? g->vcpu_count : 1;

    TRY(check_known(g, e));
    if (cpus_n * features_n * vcpus_n > SHAPES_MAX - *count)
        FAIL(e, SELFSAME_USAGE, "shapes: expected at most %d, got more",
            (int)SHAPES_MAX);
    for (size_t c = 0; c < cpus_n; c++)
        for (size_t f = 0; f < features_n; f++)
            for (size_t v = 0; v < vcpus_n; v++)
                one_shape(g, c, f, v, &list[(*count)++]);
    return SELFSAME_OK;
}
