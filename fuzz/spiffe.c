/* SPDX-License-Identifier: Apache-2.0 */
#include "token/svid.h"

#include <stdlib.h>

static json_t *
member(json_t *j, const char *name)
{
    return json_object_get(j, name);
}

/* An id, or {"header":…,"claims":…} of a JWT-SVID. What is an id is written the same way. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct selfsame_bytes in = BYTES(data, size), scheme = BYTES_LIT("spiffe://");
    struct selfsame_err e = { 0 };
    struct spiffe_id id;
    struct svid_jwt svid;
    auto_json *j = NULL;

    if (spiffe_id_parse(in, &id, &e) == SELFSAME_OK &&
        scheme.len + id.domain.len + id.path.len != size)
        abort();
    if (json_parse(in, "SVID", &j, &e) == SELFSAME_OK &&
        svid_jwt_read(member(j, "header"), member(j, "claims"), "me", 1000, &svid,
            &e) == SELFSAME_OK &&
        svid.id.path.len == 0)
        abort();
    return 0;
}
