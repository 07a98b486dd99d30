/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "service/log_service.h"

enum { ENTRY_ARENA = 1 << 20 };

enum selfsame_code
log_entry_key(const struct envelope *v, struct arena *arena,
    uint8_t ret[static STORE_KEY], struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct selfsame_bytes pae;

    TRY(envelope_pae(v->payload_type, v->payload, arena, &pae, e));
    if (!hash_bytes(HASH_SHA256, pae, digest))
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    uint8_t first[STORE_KEY];
    memcpy(first, digest, STORE_KEY);
    const struct selfsame_bytes part[] = { BYTES_ARR(first), v->keyid };
    if (!hash_parts(HASH_SHA256, part, COUNT(part), digest))
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    memcpy(ret, digest, STORE_KEY);
    return SELFSAME_OK;
}

enum selfsame_code
log_entry_identify(
    struct selfsame_bytes entry, uint8_t ret[static STORE_KEY], struct selfsame_err *e)
{
    auto_arena arena = arena_new(ENTRY_ARENA);
    struct envelope v;

    TRY(envelope_parse(entry, &arena, &v, e));
    return log_entry_key(&v, &arena, ret, e);
}
