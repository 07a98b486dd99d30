/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TESTS_LAID_OUT_H
#define SELFSAME_TESTS_LAID_OUT_H

#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A host laid out in a temporary folder, for launchers that look at one. */
struct laid_out {
    char root[64], bin[128]; /* bin: a PATH that finds its programs */
};

static inline void
laid_out_start(struct laid_out *h)
{
    (void)snprintf(h->root, sizeof(h->root), P_tmpdir "/selfsame-host-XXXXXX");
    assert_non_null(mkdtemp(h->root));
    (void)snprintf(h->bin, sizeof(h->bin), "/nonexistent::%s/bin", h->root);
}

static inline void
laid_out_put(
    const struct laid_out *h, const char *path, struct selfsame_bytes b, mode_t mode)
{
    char full[512];

    (void)snprintf(full, sizeof(full), "%s%s", h->root, path);
    for (char *p = full + strlen(h->root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        (void)mkdir(full, 0755);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b.ptr, 1, b.len, f), b.len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(full, mode), 0);
}

static inline void
laid_out_remove(const struct laid_out *h, const char *path)
{
    char full[512];

    (void)snprintf(full, sizeof(full), "%s%s", h->root, path);
    assert_int_equal(unlink(full), 0);
}

static inline int
laid_out_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void
laid_out_stop(struct laid_out *h)
{
    assert_int_equal(nftw(h->root, laid_out_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
