/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap.h"

/*
 * C=ZZ, O=selfsame, OU=SIMULATED - NOT HARDWARE, CN=Intel SGX Root CA: the simulator's
 * root of SGX and TDX. Its private key is public on purpose (dcap_simulate_keys.c), so it
 * proves nothing; evidence below it is marked as simulated and refused unless the policy
 * says otherwise.
 * SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
 * Source: made for this project, once.
 * Expires 2049-12-31T23:59:59Z.
 */
static const uint8_t der[] = {};
const struct selfsame_bytes dcap_root_simulated = { der, sizeof(der) };
