/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TYPES_H
#define SELFSAME_TYPES_H

/*
 * The words every other header uses: a view of bytes, an error class, an error.
 *
 * Views never own memory and are never NUL-terminated; the header of each call
 * says what they point into. Errors are plain structs of the caller: no
 * allocation, no globals, no thread-local state, so every call is thread-safe
 * as long as two threads do not share one object.
 *
 *     struct selfsame_err err = { 0 };
 *     char line[1024];
 *
 *     if (selfsame_policy_parse(text, &policy, &err) != SELFSAME_OK) {
 *         selfsame_err_print(&err, line, sizeof(line));
 *         fprintf(stderr, "%s\n", line);
 *         return (int)err.code;
 *     }
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SELFSAME_MUST_CHECK __attribute__((warn_unused_result))
#define SELFSAME_PRINTF(f, a) __attribute__((format(printf, f, a)))
/* A call of the library; NULL for a pointer is a mistake, which compilers may report. */
#define SELFSAME_API __attribute__((visibility("default"), nonnull))
/* One without pointers, or where NULL is fine: in all that free, and where the header says so. */
#define SELFSAME_API_PLAIN __attribute__((visibility("default")))

/* A borrowed view of bytes. Pass by value. { NULL, 0 } is "absent". */
struct selfsame_bytes {
    const uint8_t *ptr;
    size_t len;
};

/*
 * What went wrong, in the terms a relying party acts on. The number is the exit
 * status of the command, the name (selfsame_code_name) is the word in JSON and
 * the `expect:` of test vectors.
 */
enum selfsame_code {
    SELFSAME_OK = 0,
    SELFSAME_USAGE = 2, /* the caller's mistake: flags, policy file */
    SELFSAME_IO = 3,    /* file, device or network */
    SELFSAME_NOMEM = 4,
    SELFSAME_MALFORMED = 10,   /* bytes do not parse */
    SELFSAME_UNSUPPORTED = 11, /* well formed, but refused: version, algorithm, TEE */
    SELFSAME_BAD_CHAIN = 12,   /* certificates do not lead to a pinned root */
    SELFSAME_REVOKED = 13,
    SELFSAME_BAD_SIGNATURE = 14,
    SELFSAME_STALE = 15,    /* nonce differs, or time out of the window */
    SELFSAME_UNBOUND = 16,  /* not about this key, channel or request */
    SELFSAME_DEBUG = 17,    /* debug mode or all-zero measurements */
    SELFSAME_TCB = 18,      /* platform below the required level */
    SELFSAME_MISMATCH = 19, /* measurement is not among the known-good */
    SELFSAME_LOG = 20,      /* transparency proof fails */
    SELFSAME_DENIED = 21,   /* any other policy rule */
    SELFSAME_INTERNAL = 70,
};

#define SELFSAME_ERR_FRAMES 6
#define SELFSAME_ERR_TEXT 160

/*
 * One error: the class and sentence of the deepest failure (frame 0), then what
 * each caller that knew more was doing. `remedy` is a static string or NULL. Texts may
 * quote strangers: they are UTF-8 without control, invisible or direction characters.
 */
struct selfsame_err {
    enum selfsame_code code;
    unsigned depth;
    const char *remedy;
    struct {
        const char *file;
        int line;
        char text[SELFSAME_ERR_TEXT];
    } frame[SELFSAME_ERR_FRAMES];
};

/* "bad-signature" for SELFSAME_BAD_SIGNATURE; "unknown" for a number without a name. */
SELFSAME_API_PLAIN const char *selfsame_code_name(enum selfsame_code code);

/* What a person can do about this class, one sentence; never NULL. */
SELFSAME_API_PLAIN const char *selfsame_code_remedy(enum selfsame_code code);

/*
 * Writes "outermost: ...: deepest [class]" into buf, NUL-terminated and cut to
 * cap bytes. Returns the length written without the NUL.
 */
SELFSAME_API size_t selfsame_err_print(
    const struct selfsame_err *err, char *buf, size_t cap);

/* Frees memory that a call of this library handed over as a plain pointer. NULL is fine. */
SELFSAME_API_PLAIN void selfsame_free(void *ptr);

/* "0.1.0" */
SELFSAME_API_PLAIN const char *selfsame_version(void);

#ifdef __cplusplus
}
#endif

#endif
