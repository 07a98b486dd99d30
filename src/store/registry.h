/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REGISTRY_H
#define SELFSAME_REGISTRY_H

#include "base/base.h"

/*
 * What a verifier's operators have said: tenants and their keys, policies, releases,
 * audiences, secrets, identities. Every object is versioned and never overwritten: a
 * change is a new version, a removal is one without a body. Content-addressed: digest
 * is the SHA-256 of the body.
 *
 * Two engines, one schema, one behaviour (tests/store_registry_test.c runs against both):
 *
 *   registry.c           what both share: transactions, and what is read
 *   registry_write.c     limits, names, digests: what is written
 *   registry_sqlite.c    one file (WAL, synchronous=FULL), the default
 *   registry_postgres.c  postgresql://…, for several replicas
 *
 * A registry belongs to one thread at a time. OK of a write means durable. An engine
 * that cannot be reached is IO, and the next call tries to reach it again.
 */
enum registry_kind {
    REGISTRY_TENANT = 1, /* its settings; name = tenant */
    REGISTRY_KEY,        /* API keys, hashed; client certificates */
    REGISTRY_POLICY,     /* a policy file as it was given */
    REGISTRY_RELEASE,    /* a tlog-proof or bundle as it was given */
    REGISTRY_AUDIENCE,   /* who a token may be for, and how it is signed */
    REGISTRY_SECRET,     /* sealed */
    REGISTRY_IDENTITY,   /* release → SPIFFE id */
    REGISTRY_FOLLOW,     /* logs whose releases are taken over */
    REGISTRY_KINDS
};
const char *registry_kind_word(enum registry_kind k);  /* "policy" */
enum registry_kind registry_kind_of(const char *word); /* 0: another */

enum {
    REGISTRY_NAME = 256,       /* UTF-8 without control characters, at least 1 */
    REGISTRY_TENANT_NAME = 64, /* [a-z0-9-], "" is the service itself */
    REGISTRY_BODY = 1 << 20,
    REGISTRY_OBJECTS = 1 << 16, /* current ones of one tenant */
    REGISTRY_BYTES = 48 << 20,  /* and of their bodies together */
};
struct registry_object {
    const char *tenant;
    enum registry_kind kind;
    const char *name;
    uint64_t version; /* from 1 */
    int64_t created_ms;
    const char *author; /* which key or command wrote it */
    uint8_t digest[32];
    struct selfsame_bytes body; /* absent: removed */
};

struct registry;
/* "postgresql://…" or a path; the schema is made when `create`. IO, USAGE, MALFORMED. */
MUST enum selfsame_code registry_open(
    const char *url, bool create, struct registry **ret, struct selfsame_err *e);
void registry_close(struct registry **r);
#define auto_registry __attribute__((cleanup(registry_close))) struct registry

/*
 * A new version of o->{tenant,kind,name} with o->{body,author,created_ms}. `expect`:
 * the version that must be current (0: there is none or it is removed; REGISTRY_ANY).
 * *ret_version 0, and OK: another one is current, nothing is written. The same body
 * again writes nothing and gives the version that stands. A tenant must exist (but for
 * kind REGISTRY_TENANT and tenant ""). USAGE: names, sizes, counts, no such tenant.
 */
#define REGISTRY_ANY UINT64_MAX
MUST enum selfsame_code registry_put(struct registry *r,
    const struct registry_object *o, uint64_t expect, uint64_t *ret_version,
    struct selfsame_err *e);
/* Removing a tenant removes what it has. False: there was none. */
MUST enum selfsame_code registry_remove(struct registry *r,
    const struct registry_object *o, bool *ret_removed, struct selfsame_err *e);
/* The same, only when that version is current. False: it is not, and nothing is removed. */
MUST enum selfsame_code registry_remove_version(struct registry *r,
    const struct registry_object *o, uint64_t expect, bool *ret_removed,
    struct selfsame_err *e);
/* version 0: the current one. ret->name NULL: there is none. Copies in the arena. */
MUST enum selfsame_code registry_get(struct registry *r, const char *tenant,
    enum registry_kind kind, const char *name, uint64_t version, struct arena *arena,
    struct registry_object *ret, struct selfsame_err *e);
/* Current objects of a tenant, by name; kind 0: all kinds. Without bodies when !bodies. */
MUST enum selfsame_code registry_list(struct registry *r, const char *tenant,
    enum registry_kind kind, bool bodies, struct arena *arena,
    struct registry_object **ret, size_t *ret_count, struct selfsame_err *e);
/* All versions of one object, the newest first, without bodies. */
MUST enum selfsame_code registry_history(struct registry *r, const char *tenant,
    enum registry_kind kind, const char *name, struct arena *arena,
    struct registry_object **ret, size_t *ret_count, struct selfsame_err *e);
/* Everything that is current, of all tenants, in one consistent look, and its revision. */
MUST enum selfsame_code registry_load(struct registry *r, struct arena *arena,
    struct registry_object **ret, size_t *ret_count, uint64_t *ret_revision,
    struct selfsame_err *e);
/* Grows with every write of whichever process. */
MUST enum selfsame_code registry_revision(
    struct registry *r, uint64_t *ret, struct selfsame_err *e);
/* Until the revision is another than `known` or the time is over (LISTEN, or polling). */
MUST enum selfsame_code registry_wait(struct registry *r, uint64_t known,
    int timeout_ms, uint64_t *ret, struct selfsame_err *e);

#endif
