/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_SEAL_H
#define SELFSAME_VERIFIER_SEAL_H

#include "store/registry.h"

/*
 * Secrets as the registry keeps them: sealed with AES-256-GCM under DIR/secrets.key, each
 * version of each name for itself, so that no sealed secret can stand in the place of
 * another. Whoever has the registry and not the key learns sizes and names.
 *
 *     1 | key id (8) | nonce (12) | text | tag (16)
 *
 * The key id tells which key opens it, so that the key can be replaced: the new one is
 * written to secrets.key, the old one to secrets.key.old, everything is sealed anew
 * (secrets_reseal), and the old one is removed.
 */
enum { SEAL_KEY = 32, SEAL_EXTRA = 1 + 8 + 12 + 16, SECRET_MAX = 256 << 10 };
/* Of which secret: all of it is authenticated with the text. */
struct seal_name {
    const char *tenant, *name;
    uint64_t version;
};
struct seal_keys {
    const uint8_t *now; /* seals and opens */
    const uint8_t *old; /* opens; or NULL */
};
MUST enum selfsame_code secret_seal(const uint8_t key[static SEAL_KEY],
    const struct seal_name *n, struct selfsame_bytes plain, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/* The text goes into the arena, for the caller to wipe. BAD_SIGNATURE; USAGE: of no key we have. */
MUST enum selfsame_code secret_open(const struct seal_keys *keys,
    const struct seal_name *n, struct selfsame_bytes sealed, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

/* What an operator says of a secret. */
struct secret_said {
    const char *tenant, *name, *author;
    const char *const *policies,
        *const *releases; /* NULL-terminated; releases NULL: any */
    const char *type;     /* media type; NULL: application/octet-stream */
    bool warning;         /* verdicts that warn are enough */
    struct selfsame_bytes plain;
    int64_t now_ms;
};
/*
 * Seals it as the next version and writes it. `expect` as registry_put has it; *ret_version
 * 0: another version is current.
 */
MUST enum selfsame_code secret_put(struct registry *r,
    const uint8_t key[static SEAL_KEY], const struct secret_said *s, uint64_t expect,
    uint64_t *ret_version, struct selfsame_err *e);
/*
 * Seals all secrets of all tenants that keys->old opens as new versions under keys->now.
 * Those that another writes meanwhile are taken again; done twice it changes nothing.
 */
MUST enum selfsame_code secrets_reseal(struct registry *r, const struct seal_keys *keys,
    const char *author, int64_t now_ms, size_t *ret_count, struct selfsame_err *e);

#endif
