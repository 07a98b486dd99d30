/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

static enum selfsame_code
about_session(void *arg, struct selfsame_bytes attest_request,
    struct selfsame_bytes nonce, struct selfsame_bytes exporter,
    struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len, struct selfsame_err *e)
{
    return selfsame_attest_session(
        arg, attest_request, nonce, exporter, spki, ret, ret_len, e);
}

static enum selfsame_code
about_key(void *arg, struct selfsame_bytes nonce, struct selfsame_bytes spki,
    uint8_t **ret, size_t *ret_len, struct selfsame_err *e)
{
    return selfsame_attest_key(arg, nonce, spki, ret, ret_len, e);
}

static enum selfsame_code
for_certificate(void *arg, struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
    struct selfsame_err *e)
{
    return selfsame_attest_certificate(arg, spki, ret, ret_len, e);
}

struct evidence_source
attester_source(struct selfsame_attester *a)
{
    return (struct evidence_source){
        .arg = a,
        .session = about_session,
        .key = about_key,
        .certificate = for_certificate,
    };
}
