/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_MEASURE_H
#define SELFSAME_MEASURE_H

/*
 * Measure an image: which values will the hardware report when it runs?
 *
 * One pass over the bytes, in pieces of any size, in constant memory; nothing
 * is read or written by the library itself. A measurement belongs to one thread;
 * threads may each have their own. Nitro's image is one file:
 *
 *     struct selfsame_measurement *m;
 *     struct selfsame_err err = { 0 };
 *     uint8_t buf[65536];
 *     size_t n;
 *
 *     if (selfsame_measurement_new("nitro", file_size, &m, &err))
 *         return err.code;
 *     while ((n = fread(buf, 1, sizeof(buf), file)) > 0)
 *         if (selfsame_measurement_update(m, (struct selfsame_bytes){ buf, n }, &err))
 *             return err.code;
 *     if (selfsame_measurement_finish(m, &err))
 *         return err.code;
 *     struct selfsame_bytes pcr0 = selfsame_measurement_get(m, "pcr.0");
 *     selfsame_measurement_free(m);
 *
 * SEV-SNP's is several, and its value depends on the machine too: first what is
 * said of that (all combinations are measured), then each part with its size.
 *
 *     static const char line[] = "console=ttyS0";
 *
 *     if (selfsame_measurement_new("snp", 0, &m, &err) ||
 *         selfsame_measurement_set(m, "cpu", "EPYC-Milan-v2", &err) ||
 *         selfsame_measurement_set(m, "vcpus", "1,2,4", &err) ||
 *         selfsame_measurement_part(m, "firmware", file_size, &err))
 *         return err.code;
 *     while ((n = fread(buf, 1, sizeof(buf), file)) > 0)
 *         if (selfsame_measurement_update(m, (struct selfsame_bytes){ buf, n }, &err))
 *             return err.code;
 *     // "kernel" and "initrd" likewise
 *     if (selfsame_measurement_part(m, "cmdline", sizeof(line) - 1, &err) ||
 *         selfsame_measurement_update(m,
 *             (struct selfsame_bytes){ (const uint8_t *)line, sizeof(line) - 1 }, &err) ||
 *         selfsame_measurement_finish(m, &err))
 *         return err.code;
 *     char *values; // all of them: {"tee":"snp","measurement":[...],"shapes":[...]}
 *     if (selfsame_measurement_json(m, false, &values, &err))
 *         return err.code;
 *     selfsame_free(values);
 *     selfsame_measurement_free(m);
 */
#include <selfsame/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct selfsame_measurement;

/* USAGE for a TEE without a measurer, NOMEM. `size`: bytes of the whole image; 0 where it has parts. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_measurement_new(
    const char *tee, uint64_t size, struct selfsame_measurement **ret,
    struct selfsame_err *err);
/* Also hash every section, for `explain` below; costs a second pass of SHA-384. Before update. */
SELFSAME_API void selfsame_measurement_set_explain(struct selfsame_measurement *m);
/*
 * TEEs whose expected values depend on more than the bytes, before the first part:
 * SEV-SNP: "vmm" (qemu, ec2, gce), "vcpus" ("4", "1,2,4", "1-8"), "cpu"
 * ("EPYC-Milan-v2" or CPUID 1 EAX as "0xa00f11", lists too), "features" ("0x1"),
 * "ec2_rdx", "gce_gpa_bits"; "shape" "next" begins further shapes. All
 * combinations are measured in one pass. USAGE names what is expected.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_measurement_set(
    struct selfsame_measurement *m, const char *name, const char *value,
    struct selfsame_err *err);
/*
 * TEEs whose image is several files: the updates that follow are the `size` bytes of
 * this one. SEV-SNP: "firmware" and, where the kernel is started directly, "kernel",
 * "initrd", "cmdline" (without the zero behind it).
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_measurement_part(
    struct selfsame_measurement *m, const char *name, uint64_t size,
    struct selfsame_err *err);
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_measurement_update(
    struct selfsame_measurement *m, struct selfsame_bytes piece,
    struct selfsame_err *err);
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_measurement_finish(
    struct selfsame_measurement *m, struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_measurement_free(struct selfsame_measurement *m);

/* After finish: a value by its path, of the first shape; absent when this image has none (pcr.8 unsigned). */
SELFSAME_API struct selfsame_bytes selfsame_measurement_get(
    const struct selfsame_measurement *m, const char *path);
/*
 * {"tee":"nitro","pcr":{"0":hex,…}}, {"tee":"snp","measurement":[hex,…],"shapes":[…]}; with explain also "sections" (USAGE without
 * set_explain). Freed with selfsame_free.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_measurement_json(
    const struct selfsame_measurement *m, bool explain, char **ret,
    struct selfsame_err *err);

#ifdef __cplusplus
}
#endif

#endif
