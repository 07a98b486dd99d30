/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_PLACEHOLDER_H
#define SELFSAME_PLACEHOLDER_H

#include "base/base.h"

/*
 * What stands in an image where a kernel, a firmware or Gramine would: images for the
 * simulator need none. The firmware has no code in it but is laid out as OVMF's
 * AmdSev build, so that whatever measures one can measure it; a machine that starts
 * it halts at once.
 */
enum { PLACEHOLDER_FIRMWARE = 4096 };
struct selfsame_bytes placeholder_kernel(void);
void placeholder_firmware(uint8_t ret[static PLACEHOLDER_FIRMWARE]);
/*
 * Gramine's: libpal.so is laid out as a shared object, so that its enclave can be
 * measured; whoever enters it halts.
 */
enum { PLACEHOLDER_PAL = 4096 };
void placeholder_pal(uint8_t ret[static PLACEHOLDER_PAL]);
struct selfsame_bytes placeholder_libos(void);
/*
 * For TDX: a firmware with the sections of OvmfPkg's metadata, and a kernel that is a PE
 * image with the header of a bzImage, as what measures them expects.
 */
enum { PLACEHOLDER_TDVF = 12288, PLACEHOLDER_PE = 4096 };
void placeholder_tdvf(uint8_t ret[static PLACEHOLDER_TDVF]);
void placeholder_pe(uint8_t ret[static PLACEHOLDER_PE]);
/* From its first bytes (64 are enough). */
bool placeholder_recognise(struct selfsame_bytes file);

#endif
