/* SPDX-License-Identifier: Apache-2.0 */
#include "image/oci.h"

#include <assert.h>

/* The first byte says what the rest claims to be. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct oci_choice want = { .os = "linux", .arch = "amd64" };
    auto_arena arena = arena_new(16 << 20);
    struct selfsame_err e = { 0 };
    struct oci_descriptor d;
    struct oci_manifest m;
    struct oci_config c;
    struct docker_manifest k;
    struct oci_user u;

    if (size == 0)
        return 0;
    struct selfsame_bytes in = BYTES(data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        if (oci_index_parse(in, &want, &arena, &d, &e) == SELFSAME_OK)
            assert(strlen(d.hex) == 64);
        break;
    case 1:
        if (oci_manifest_parse(in, &arena, &m, &e) == SELFSAME_OK)
            assert(m.layer_count <= OCI_LAYERS && strlen(m.config.hex) == 64);
        break;
    case 2:
        if (oci_config_parse(in, &arena, &c, &e) == SELFSAME_OK)
            assert(c.user != NULL && c.diff_id_count <= OCI_LAYERS);
        break;
    case 3:
        if (docker_manifest_parse(in, &want, &arena, &k, &e) == SELFSAME_OK)
            assert(k.layer_count <= OCI_LAYERS);
        break;
    default:
        if (oci_user_resolve("web:www", in, in, &u, &e) != SELFSAME_OK)
            assert(e.code != SELFSAME_OK);
    }
    return 0;
}
