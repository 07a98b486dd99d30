/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_CALL_H
#define SELFSAME_VERIFIER_CALL_H

#include "verifier/parts.h"

/*
 * Between call.c, routes.c and service.c. A call begins in the loop: it gets its id, the
 * snapshot and its caller there, and is refused there, or handed to a thread.
 */
/* NULL: no memory. */
MUST struct call *call_new(
    struct verifier_service *s, struct httpd_request *r, const struct route *route);
/* Who calls, for which tenant; false: answered already. */
MUST bool call_admit(struct call *c);

/* routes.c: all lists in one table */
struct routes {
    struct httpd_route *http;
    const struct route **route; /* the same, in the same order */
    size_t count;
};
MUST enum selfsame_code routes_make(struct routes *ret, struct selfsame_err *e);
void routes_free(struct routes *r);
/* Names of all operations, NULL-terminated, to be freed; NULL: no memory. */
MUST const char **routes_operations(const struct routes *r);

/* operations.c: the line of a request that was answered */
void operations_begin(struct call *c);
void operations_waited(const struct call *c); /* a thread takes it */
/* One that never was a call: no such path, too large, too slow. */
void refusal_log(struct verifier_service *s, int status, enum selfsame_code code);
void request_log(struct call *c, int status, size_t bytes, int64_t took_us);

/* service.c: to the workers or the registry's thread; false: too many wait. */
MUST bool service_give(struct verifier_service *s, struct call *c);

#endif
