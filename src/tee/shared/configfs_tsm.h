/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CONFIGFS_TSM_H
#define SELFSAME_CONFIGFS_TSM_H

#include "base/base.h"

/*
 * Reports through configfs-tsm (Linux Documentation/ABI/testing/configfs-tsm-report,
 * drivers/virt/coco/guest/report.c): one directory for a request, removed afterwards.
 * The driver gets what is written when the file is closed, and its answer to that is
 * lost, so only the generation tells whether the report is for our data.
 */
#define TSM_REPORT_DIR "/sys/kernel/config/tsm/report"
enum { TSM_INBLOB = 64, TSM_OUTBLOB_MAX = 128 << 10, TSM_AUXBLOB_MAX = 64 << 10 };

/* How files are reached: of this machine (tsm_files), or of a test. 0 or -errno. */
struct tsm_io {
    int (*make_dir)(void *ctx, const char *path);
    void (*remove_dir)(void *ctx, const char *path);
    /* All of it in one write() and a close(). */
    int (*write)(void *ctx, const char *path, struct selfsame_bytes b);
    /* Until its end: bytes, or -EFBIG beyond cap. */
    long (*read)(void *ctx, const char *path, uint8_t *buf, size_t cap);
    void *ctx;
};
extern const struct tsm_io tsm_files;

/* The provider ("sev_guest") into `ret`; false where there is none. */
bool tsm_provider(const struct tsm_io *io, const char *dir, char ret[static 32]);

/* The directory for requests, `device` or the usual one; NULL: not of this provider. */
const char *tsm_dir(const struct tsm_io *io, const char *device, const char *provider);

struct tsm_report {
    struct selfsame_bytes outblob;
    struct selfsame_bytes auxblob; /* absent where the provider has none */
};
/* IO names the attribute and why; UNSUPPORTED for another provider. */
MUST enum selfsame_code tsm_collect(const struct tsm_io *io, const char *dir,
    const char *provider, const uint8_t inblob[static TSM_INBLOB], struct arena *arena,
    struct tsm_report *ret, struct selfsame_err *e);

#endif
