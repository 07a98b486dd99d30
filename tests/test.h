/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_H
#define SELFSAME_TEST_H

/* What every unit test includes: cmocka, files of the tree, files of ../shared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"

/* A file below the source tree ("vectors/nitro/100-happy.vec"); fails the test when unreadable. */
struct selfsame_bytes test_file(const char *path, struct arena *arena);
/* A file below ../shared ("vectors/nitro/x.cbor"); absent (ptr NULL) when there is no ../shared. */
struct selfsame_bytes shared_file(const char *path, struct arena *arena);
bool shared_present(void);
/* Skips the running test and says so when ../shared is not there. */
void need_shared(void);

/* Asserts a class, printing the whole error when it differs. */
#define assert_code(expr, want, err)                                      \
    do {                                                                  \
        enum selfsame_code got_ = (expr);                                 \
        if (got_ != (want)) {                                             \
            char text_[1200] = "";                                        \
            if (got_ != SELFSAME_OK)                                      \
                selfsame_err_print((err), text_, sizeof(text_));          \
            fail_msg("expected %s, got %s: %s", selfsame_code_name(want), \
                selfsame_code_name(got_), text_);                         \
        }                                                                 \
    } while (0)
#define assert_bytes(got, want)                          \
    do {                                                 \
        struct selfsame_bytes g_ = (got), w_ = (want);   \
        assert_int_equal(g_.len, w_.len);                \
        if (w_.len > 0)                                  \
            assert_memory_equal(g_.ptr, w_.ptr, w_.len); \
    } while (0)

/* Hex literal to bytes in the arena; fails the test when it is not hex. */
struct selfsame_bytes unhex(const char *hex, struct arena *arena);

#endif
