/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REPRO_PACK_H
#define SELFSAME_REPRO_PACK_H

#include "codec/json.h"
#include "os/os.h"
#include "repro/repro.h"

/*
 * The parts of pack.c. Images are written in one pass over the contents; then the
 * files themselves, as they stand, are read once for digests and measurements: what
 * was measured is what is there.
 */
enum { PACK_PIECE = 512 * 1024 };

/* A file being written, through a buffer. */
struct output {
    int fd;
    const char *path;
    const struct repro_voice *voice;
    uint32_t crc;
    uint64_t len;
    uint8_t *buf;
    size_t fill;
};
MUST enum selfsame_code output_begin(struct output *o, const struct file_draft *draft,
    const struct repro_voice *voice, struct arena *arena, struct selfsame_err *e);
/* Of a struct sink: ctx is the output. */
MUST enum selfsame_code output_put(
    void *ctx, struct selfsame_bytes b, struct selfsame_err *e);
MUST enum selfsame_code output_flush(struct output *o, struct selfsame_err *e);

/* Everything that stands in the output directory, being written; fd -1: not of this build. */
struct pack_drafts {
    struct file_draft at[OUT_FILES]; /* as in out_files */
};
struct file_draft *pack_draft(struct pack_drafts *d, const char *name);

/* What stands where a recipe names no kernel or firmware; absent: out of memory. */
struct pack_stand_ins {
    struct selfsame_bytes firmware, kernel;
};

/* pack_eif.c, pack_direct.c, pack_gramine.c: the image files of one TEE. */
MUST enum selfsame_code pack_eif(const struct pack_job *job,
    const struct pack_machine *m, struct pack_drafts *d, struct arena *arena,
    struct selfsame_err *e);
MUST enum selfsame_code pack_direct(const struct pack_job *job,
    const struct pack_machine *m, struct pack_drafts *d, struct arena *arena,
    struct selfsame_err *e);
MUST enum selfsame_code pack_gramine(const struct pack_job *job,
    const struct pack_machine *m, struct pack_drafts *d, struct arena *arena,
    struct selfsame_err *e);

/* pack_oci.c: the application as a container image. */
MUST enum selfsame_code pack_oci(const struct pack_job *job, struct pack_drafts *d,
    struct arena *arena, struct selfsame_err *e);

/* pack_measure.c: digests of all image files; entries of a policy, and the shapes they are of. */
struct pack_measured {
    json_t *entries; /* [{"tee":"nitro","pcr":{"0":[hex]}}] */
    json_t *shapes;  /* [{"tee":"snp","vmm":…,"measurement":hex}]; may be empty */
};
void pack_measured_free(struct pack_measured *m);
MUST enum selfsame_code pack_measure(const struct pack_job *job, struct pack_drafts *d,
    struct arena *arena, struct repro_result *res, struct pack_measured *ret,
    struct selfsame_err *e);

/* pack_texts.c */
MUST enum selfsame_code pack_measurements(const struct pack_job *job,
    const struct repro_result *res, const struct pack_measured *measured,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code pack_statement(const struct pack_job *job,
    const struct repro_result *res, const struct pack_measured *measured,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
