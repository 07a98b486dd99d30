/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_CONFINE_PARTS_H
#define SELFSAME_VERIFIER_CONFINE_PARTS_H

#include "verifier/confine.h"

/*
 * Under AddressSanitizer, at the end, a second process looks through this one for leaks,
 * and a report runs a program for names: there dumps stay allowed, and tracing, and what
 * ends the process elsewhere fails instead. All else is the same.
 */
#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED 0
#endif

/* confine_calls.c: the filter of system calls. IO. */
MUST enum selfsame_code confine_calls(struct selfsame_err *e);
/* confine_files.c: false in *ret: this kernel has no landlock. IO. */
MUST enum selfsame_code confine_files(
    const struct confine_config *c, struct confined *ret, struct selfsame_err *e);

#endif
