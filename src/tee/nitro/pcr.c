/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/nitro.h"

static const char *const paths[NITRO_PCRS] = { "pcr.0", "pcr.1", "pcr.2", "pcr.3",
    "pcr.4", "pcr.5", "pcr.6", "pcr.7", "pcr.8", "pcr.9", "pcr.10", "pcr.11", "pcr.12",
    "pcr.13", "pcr.14", "pcr.15", "pcr.16", "pcr.17", "pcr.18", "pcr.19", "pcr.20",
    "pcr.21", "pcr.22", "pcr.23", "pcr.24", "pcr.25", "pcr.26", "pcr.27", "pcr.28",
    "pcr.29", "pcr.30", "pcr.31" };

const char *
nitro_pcr_path(unsigned index)
{
    return index < NITRO_PCRS ? paths[index] : "";
}

bool
nitro_pcr_index(const char *path, unsigned *ret)
{
    for (unsigned i = 0; i < NITRO_PCRS; i++)
        if (strcmp(paths[i], path) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

/* Raw data of any length goes in, not a digest of it (QEMU hw/virtio/virtio-nsm.c). */
bool
nitro_pcr_extend(uint8_t pcr[static NITRO_PCR_SIZE], struct selfsame_bytes data)
{
    struct selfsame_bytes parts[] = { BYTES(pcr, NITRO_PCR_SIZE), data };
    uint8_t out[HASH_MAX];

    if (!hash_parts(HASH_SHA384, parts, COUNT(parts), out))
        return false;
    memcpy(pcr, out, NITRO_PCR_SIZE);
    return true;
}
