/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REPRO_KIND_H
#define SELFSAME_REPRO_KIND_H

#include "repro/building.h"
#include "repro/pack.h"

/*
 * What is built for each TEE: a row of one table (kind.c), so that a TEE without one is
 * refused and never built as another. The names of its files are in out.c.
 */
struct image_kind {
    const char *tee;      /* "nitro" */
    const char *released; /* what statements call it: "aws-nitro" */
    bool has_firmware;    /* of its own; it cannot start without */
    const char *files;    /* "image": image.kernel and so on; NULL: one file */
    /* What its machine has where the recipe names none; direct boot alone. */
    struct pack_stand_ins (*stand_ins)(struct arena *arena);
    bool has_gramine;   /* instead of a kernel */
    bool inputs_at_top; /* of measurements.json; else in a member named by the TEE */
    /* machine.c: what it has beside the application. */
    enum selfsame_code (*make)(
        struct building *b, struct pack_machine *m, struct selfsame_err *e);
    /* pack_eif.c, pack_direct.c: its files. */
    enum selfsame_code (*pack)(const struct pack_job *job, const struct pack_machine *m,
        struct pack_drafts *d, struct arena *arena, struct selfsame_err *e);
    /* pack_measure.c: what they will be measured as. */
    enum selfsame_code (*measure)(const struct pack_job *job, const char *tee,
        struct pack_drafts *d, struct arena *arena, struct repro_result *res,
        struct pack_measured *ret, struct selfsame_err *e);
    /* pack_texts.c: the same in a statement; NULL: no memory. */
    json_t *(*release)(const struct image_kind *k, const struct pack_measured *measured,
        const json_t *one);
};
const struct image_kind *kind_at(size_t i);          /* NULL past the end */
const struct image_kind *kind_find(const char *tee); /* NULL: none is built for it */
/* UNSUPPORTED where there is none. */
MUST enum selfsame_code kind_need(
    const char *tee, const struct image_kind **ret, struct selfsame_err *e);

MUST enum selfsame_code machine_nitro(
    struct building *b, struct pack_machine *m, struct selfsame_err *e);
MUST enum selfsame_code machine_snp(
    struct building *b, struct pack_machine *m, struct selfsame_err *e);
MUST enum selfsame_code machine_sgx(
    struct building *b, struct pack_machine *m, struct selfsame_err *e);
MUST enum selfsame_code machine_tdx(
    struct building *b, struct pack_machine *m, struct selfsame_err *e);
struct pack_stand_ins pack_stand_ins_snp(struct arena *arena);
struct pack_stand_ins pack_stand_ins_tdx(struct arena *arena);
MUST enum selfsame_code pack_measure_eif(const struct pack_job *job, const char *tee,
    struct pack_drafts *d, struct arena *arena, struct repro_result *res,
    struct pack_measured *ret, struct selfsame_err *e);
MUST enum selfsame_code pack_measure_direct(const struct pack_job *job, const char *tee,
    struct pack_drafts *d, struct arena *arena, struct repro_result *res,
    struct pack_measured *ret, struct selfsame_err *e);
MUST enum selfsame_code pack_measure_gramine(const struct pack_job *job,
    const char *tee, struct pack_drafts *d, struct arena *arena,
    struct repro_result *res, struct pack_measured *ret, struct selfsame_err *e);
json_t *pack_release_enclave(const struct image_kind *k,
    const struct pack_measured *measured, const json_t *one);
MUST enum selfsame_code pack_measure_td(const struct pack_job *job, const char *tee,
    struct pack_drafts *d, struct arena *arena, struct repro_result *res,
    struct pack_measured *ret, struct selfsame_err *e);
json_t *pack_release_pcrs(const struct image_kind *k,
    const struct pack_measured *measured, const json_t *one);
json_t *pack_release_launches(const struct image_kind *k,
    const struct pack_measured *measured, const json_t *one);
json_t *pack_release_td(const struct image_kind *k,
    const struct pack_measured *measured, const json_t *one);

#endif
