/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_NITRO_IMAGE_SIGNATURE_H
#define SELFSAME_NITRO_IMAGE_SIGNATURE_H

#include "tee/nitro/nitro.h"

/*
 * The signature section of an image against its measured PCR0; on success PCR8.
 * MISMATCH when it signs another PCR0, BAD_SIGNATURE, MALFORMED, UNSUPPORTED.
 */
MUST enum selfsame_code nitro_image_signature(struct selfsame_bytes section,
    const uint8_t pcr0[static NITRO_PCR_SIZE], struct arena *arena,
    uint8_t ret_pcr8[static NITRO_PCR_SIZE], struct selfsame_err *e);

#endif
