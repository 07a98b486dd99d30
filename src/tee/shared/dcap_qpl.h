/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_QPL_H
#define SELFSAME_DCAP_QPL_H

#include "tee/shared/dcap.h"

/*
 * All collateral of one quote in one JSON object of strings, named as the members of
 * Intel's sgx_ql_qve_collateral_t; so Phala-Network/dcap-qvl and others keep it.
 */
bool dcap_qpl_recognise(struct selfsame_bytes json);
MUST enum selfsame_code dcap_qpl_add(struct dcap_bundle *b, struct selfsame_bytes json,
    struct arena *arena, struct selfsame_err *e);

#endif
