/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_REQUESTLOG_H
#define SELFSAME_VERIFIER_REQUESTLOG_H

#include "base/base.h"

/*
 * A line of JSON for each request, as docs/verifier.md describes it. There is no place in
 * it for bodies, nonces, tokens, keys or queries: what is given here are words of this
 * program, names of tenants, and the id of the request. Texts of strangers are cleaned
 * and cut. So many lines a second at most; how many were left out is said in a line
 * later, and counted. Lines about trouble have a share of their own, so that a flood of
 * good requests, or bad ones, does not hide the others.
 */
struct requestlog;
struct requestlog_config {
    unsigned per_second; /* 0: 200 */
    bool peers;          /* addresses of clients, which are personal data */
    void (*write)(void *ctx, const char *line); /* without its newline; any thread */
    void *ctx;
};
MUST enum selfsame_code requestlog_new(
    const struct requestlog_config *c, struct requestlog **ret, struct selfsame_err *e);
void requestlog_free(struct requestlog **l);
#define auto_requestlog __attribute__((cleanup(requestlog_free))) struct requestlog

struct requestlog_line {
    int64_t at_ms;         /* when it came, or ended */
    int64_t now_us;        /* of a clock that does not jump, for the bound */
    const char *request;   /* its id */
    const char *method;    /* of the route; "-": none fitted */
    const char *operation; /* of openapi.json, not the path; NULL: none fitted */
    int status;
    enum selfsame_code code;         /* OK: no class */
    const char *verdict;             /* "affirming"; NULL: there is none */
    const char *tenant, *key, *peer; /* or NULL */
    int64_t took_us;
    uint64_t in, out; /* bytes of the bodies */
};
void requestlog_add(struct requestlog *l, const struct requestlog_line *line);
uint64_t requestlog_left_out(struct requestlog *l);

#endif
