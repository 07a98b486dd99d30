/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_internal.h"

/* The message is hashed once: its digest stands for it in the cache's key too. */
static bool
cache_key(const struct sig_check *check, const struct cert *signer,
    struct cert_cache_key *ret)
{
    static const char label[] = "selfsame signed bytes v1";
    const struct selfsame_bytes parts[] = { BYTES_LIT(label), check->digest,
        check->signature };
    uint8_t whole[HASH_MAX], of_signer[HASH_MAX];

    if (!hash_parts(HASH_SHA384, parts, COUNT(parts), whole) ||
        !hash_bytes(HASH_SHA256, signer->der, of_signer))
        return false;
    return cert_cache_key(BYTES(whole, hash_size(HASH_SHA384)), signer, of_signer, ret);
}

enum selfsame_code
cert_signed_verify(struct selfsame_bytes message, enum hash_alg hash,
    struct selfsame_bytes signature, const struct cert *signer,
    struct cert_cache *cache, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct cert_cache_key key;

    if (!hash_bytes(hash, message, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory for a digest");
    const struct sig_check check = { .alg = signer->key_alg,
        .hash = hash,
        .key = signer->key,
        .digest = BYTES(digest, hash_size(hash)),
        .signature = signature };
    if (cache != NULL && !cache_key(&check, signer, &key))
        FAIL(e, SELFSAME_NOMEM, "out of memory for a digest");
    if (cache != NULL && cert_cache_has(cache, &key))
        return SELFSAME_OK;
    TRY(sig_verify(&check, e));
    if (cache != NULL)
        cert_cache_put(cache, &key);
    return SELFSAME_OK;
}
