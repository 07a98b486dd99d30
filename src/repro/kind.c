/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/kind.h"

static const struct image_kind kinds[] = {
    { .tee = "nitro",
        .released = "aws-nitro",
        .inputs_at_top = true,
        .make = machine_nitro,
        .pack = pack_eif,
        .measure = pack_measure_eif,
        .release = pack_release_pcrs },
    { .tee = "snp",
        .released = "amd-sev-snp",
        .has_firmware = true,
        .files = "image",
        .stand_ins = pack_stand_ins_snp,
        .make = machine_snp,
        .pack = pack_direct,
        .measure = pack_measure_direct,
        .release = pack_release_launches },
    { .tee = "sgx",
        .released = "intel-sgx",
        .has_gramine = true,
        .make = machine_sgx,
        .pack = pack_gramine,
        .measure = pack_measure_gramine,
        .release = pack_release_enclave },
    { .tee = "tdx",
        .released = "intel-tdx",
        .has_firmware = true,
        .files = "tdx",
        .stand_ins = pack_stand_ins_tdx,
        .make = machine_tdx,
        .pack = pack_direct,
        .measure = pack_measure_td,
        .release = pack_release_td },
};

const struct image_kind *
kind_at(size_t i)
{
    return i < COUNT(kinds) ? &kinds[i] : NULL;
}

const struct image_kind *
kind_find(const char *tee)
{
    for (size_t i = 0; tee != NULL && i < COUNT(kinds); i++)
        if (strcmp(kinds[i].tee, tee) == 0)
            return &kinds[i];
    return NULL;
}

enum selfsame_code
kind_need(const char *tee, const struct image_kind **ret, struct selfsame_err *e)
{
    const struct image_kind *k = kind_find(tee);

    if (k == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "no image can be built for %.40s", tee);
    *ret = k;
    return SELFSAME_OK;
}
