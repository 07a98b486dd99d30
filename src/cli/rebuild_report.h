/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_REBUILD_REPORT_H
#define SELFSAME_CLI_REBUILD_REPORT_H

#include "codec/json.h"
#include "repro/repro.h"

/* What a rebuild found, kept until all is known and then printed: text or JSON. */
struct rebuild_report {
    json_t *findings;
    bool json, failed;
    size_t differences, compared; /* between the statements: these decide */
    size_t files;                 /* inside the images */
    const char *source;           /* what is known of it */
    const char *statement_path, *envelope_path, *proof_path; /* these two: or NULL */
};
MUST enum selfsame_code rebuild_report_new(
    struct rebuild_report *r, bool json, struct selfsame_err *e);
void rebuild_report_free(struct rebuild_report *r);
void rebuild_report_add(void *ctx, const struct repro_finding *f);
/* Of an image, without the measurements that were compared before. */
void rebuild_report_add_inside(void *ctx, const struct repro_finding *f);
/* NOMEM when a finding was lost. */
MUST enum selfsame_code rebuild_report_failed(
    const struct rebuild_report *r, struct selfsame_err *e);
MUST enum selfsame_code rebuild_report_print(const struct rebuild_report *r,
    const struct rebuild_outcome *o, const struct rebuild_claims *claims,
    struct selfsame_err *e);

/* In hexadecimal. */
MUST enum selfsame_code rebuild_sha256(
    const char *path, char ret[static 65], struct selfsame_err *e);
/* MISMATCH: the image (or one of the files in a directory) is not that of the release. */
MUST enum selfsame_code rebuild_check_image(struct selfsame_bytes released,
    const char *image, struct arena *arena, struct selfsame_err *e);
/* The released image against what stands in the output directory. */
MUST enum selfsame_code rebuild_compare_image(const char *image, const char *out,
    struct repro_diff *d, struct arena *arena, struct selfsame_err *e);

#endif
