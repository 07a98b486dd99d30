/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEE_QEMU_H
#define SELFSAME_TEE_QEMU_H

#include "tee/shared/host.h"

/*
 * A machine under QEMU that boots a kernel directly: what SEV-SNP and TDX have in
 * common. Its command line is made word by word.
 */
enum { QEMU_WORDS = 64 };
struct qemu_line {
    struct arena arena;
    char *argv[QEMU_WORDS + 1];
    size_t count;
    bool bad; /* too many words, or too long ones */
};
void qemu_line_free(struct qemu_line *l);
#define auto_qemu __attribute__((cleanup(qemu_line_free))) struct qemu_line

/* Memory, a serial line, and nothing that was not asked for. */
struct qemu_line qemu_begin(uint64_t memory_mib);
SELFSAME_PRINTF(3, 4)
void qemu_option(struct qemu_line *l, const char *name, const char *fmt, ...);
void qemu_flag(struct qemu_line *l, const char *name);
/* Kernel, initrd and command line: DIR/<files>.kernel and so on. */
MUST enum selfsame_code qemu_files(struct qemu_line *l,
    const struct tee_launch_request *q, const char *files, struct selfsame_err *e);
void qemu_network(struct qemu_line *l, const struct tee_launch_request *q);
void qemu_plain(struct qemu_line *l, const struct tee_host *host,
    const struct tee_launch_request *q);
MUST enum selfsame_code qemu_run(
    struct qemu_line *l, const struct tee_host *host, struct selfsame_err *e);

/* ---- qemu_host.c: facts of a pre-flight ---- */

/* What is asked for, or what an image of this size needs. */
uint64_t qemu_memory_mib(const struct tee_launch_request *q);
bool qemu_has_cpu_flag(const struct tee_host *host, const char *flag);
/* The files of the image; `tee` is where its recipe names them. */
void qemu_image_facts(struct host_facts *f, const struct tee_launch_request *q,
    const char *files, const char *kernel_fix, const char *firmware_fix);
void qemu_memory_facts(struct host_facts *f, const struct tee_host *host,
    const struct tee_launch_request *q, uint64_t want);
/* "/usr/bin/qemu-system-x86_64", and what it calls itself; false where it does not. */
MUST bool qemu_version(const struct tee_host *host, char ret_program[static HOST_LINE],
    char ret_line[static HOST_LINE], unsigned *ret_major, unsigned *ret_minor);

#endif
