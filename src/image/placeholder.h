/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_PLACEHOLDER_H
#define SELFSAME_PLACEHOLDER_H

#include "base/base.h"

/*
 * What stands in an image where a kernel or a firmware would: images for the
 * simulator need neither. The firmware has no code in it but is laid out as OVMF's
 * AmdSev build, so that whatever measures one can measure it; a machine that starts
 * it halts at once.
 */
enum { PLACEHOLDER_FIRMWARE = 4096 };
struct selfsame_bytes placeholder_kernel(void);
void placeholder_firmware(uint8_t ret[static PLACEHOLDER_FIRMWARE]);
/* From its first bytes (64 are enough). */
bool placeholder_recognise(struct selfsame_bytes file);

#endif
