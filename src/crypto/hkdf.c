/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/envelope.h"

/* Keys from shared secrets. */

/* RFC 5869 §2.2: no salt is one of zeros, which is what HMAC makes of a key of no bytes. */
bool
hkdf_extract(struct selfsame_bytes salt, const struct selfsame_bytes *ikm, size_t count,
    uint8_t ret[static HKDF_PRK])
{
    uint8_t mac[HASH_MAX];
    bool ok = hmac_parts(HASH_SHA256, salt, ikm, count, mac);

    if (ok)
        memcpy(ret, mac, HKDF_PRK);
    secret_wipe(mac, sizeof(mac));
    return ok;
}

/* §2.3; the parts of `info` are at most six. */
bool
hkdf_expand(const uint8_t prk[static HKDF_PRK], const struct selfsame_bytes *info,
    size_t count, uint8_t *ret, size_t len)
{
    struct selfsame_bytes part[8];
    uint8_t t[HASH_MAX], number = 0;
    bool ok = len <= HKDF_OUT_MAX && count <= COUNT(part) - 2;

    for (size_t at = 0; ok && at < len; at += HKDF_PRK) {
        size_t n = len - at < HKDF_PRK ? len - at : HKDF_PRK;

        part[0] = BYTES(t, at == 0 ? 0 : HKDF_PRK);
        for (size_t i = 0; i < count; i++)
            part[1 + i] = info[i];
        number++;
        part[1 + count] = BYTES(&number, 1);
        ok = hmac_parts(HASH_SHA256, BYTES(prk, HKDF_PRK), part, count + 2, t);
        if (ok)
            memcpy(ret + at, t, n);
    }
    secret_wipe(t, sizeof(t));
    return ok;
}

/* NIST SP 800-56A §5.8.2.1 with SHA-256, OtherInfo as RFC 7518 §4.6.2 lays it out. */
bool
concat_kdf(struct selfsame_bytes z, struct selfsame_bytes alg,
    struct selfsame_bytes apu, struct selfsame_bytes apv, uint8_t *ret, size_t len)
{
    uint8_t head[3][4], tail[4], counter[4], block[HASH_MAX];
    const size_t sizes[] = { alg.len, apu.len, apv.len };
    struct writer w = writer_of(tail, sizeof(tail));
    bool ok = len <= HKDF_OUT_MAX;

    put_be32(&w, (uint32_t)(8 * len));
    for (size_t i = 0; i < COUNT(head); i++) {
        w = writer_of(head[i], sizeof(head[i]));
        put_be32(&w, (uint32_t)sizes[i]);
        ok = ok && sizes[i] <= UINT16_MAX;
    }
    for (size_t at = 0, i = 1; ok && at < len; at += 32, i++) {
        w = writer_of(counter, sizeof(counter));
        put_be32(&w, (uint32_t)i);
        const struct selfsame_bytes part[] = { BYTES_ARR(counter), z,
            BYTES_ARR(head[0]), alg, BYTES_ARR(head[1]), apu, BYTES_ARR(head[2]), apv,
            BYTES_ARR(tail) };
        ok = hash_parts(HASH_SHA256, part, COUNT(part), block);
        if (ok)
            memcpy(ret + at, block, len - at < 32 ? len - at : 32);
    }
    secret_wipe(block, sizeof(block));
    return ok;
}
