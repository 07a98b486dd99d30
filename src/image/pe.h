/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_PE_H
#define SELFSAME_PE_H

#include "crypto/crypto.h"

/*
 * A PE/COFF image as UEFI measures and signs it. The digest is Authenticode's
 * (Microsoft, Windows Authenticode Portable Executable Signature Format), as edk2
 * computes it when it loads an image (SecurityPkg/Tcg, MeasureBootPeCoff.c): headers
 * without checksum and certificate entry, sections in the order of the file, what
 * stands behind them without the certificates, and no padding.
 */
MUST enum selfsame_code pe_authenticode(struct selfsame_bytes file, enum hash_alg alg,
    uint8_t ret[static HASH_MAX], struct selfsame_err *e);

#endif
