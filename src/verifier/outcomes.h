/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_OUTCOMES_H
#define SELFSAME_OUTCOMES_H

#include "base/base.h"

/*
 * How the verdicts of the last hour ended, by tenant, minute and class: what the page
 * draws. Of this process, since it started; the audit log has the whole. Memory is bounded:
 * a tenant costs 6 KiB once it has a verdict, and of more than OUTCOMES_TENANTS the one
 * that was quiet longest is forgotten.
 */
enum { OUTCOMES_MINUTES = 60, OUTCOMES_CLASSES = 23, OUTCOMES_TENANTS = 512 };
struct outcomes;
MUST enum selfsame_code outcomes_new(struct outcomes **ret, struct selfsame_err *e);
void outcomes_free(struct outcomes **o);
/* From any thread. */
void outcomes_add(
    struct outcomes *o, const char *tenant, int64_t now_ms, enum selfsame_code code);
/* The class that a place in a minute counts. */
enum selfsame_code outcomes_class(size_t place);
struct outcomes_hour {
    int64_t first_minute; /* since 1970, of minute[0]; the last is the current one */
    uint32_t minute[OUTCOMES_MINUTES][OUTCOMES_CLASSES];
};
/* All zero for a tenant without verdicts. */
void outcomes_read(
    struct outcomes *o, const char *tenant, int64_t now_ms, struct outcomes_hour *ret);

#endif
