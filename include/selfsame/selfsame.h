/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_H
#define SELFSAME_H

/*
 * Everything a relying party needs, in one include. attest.h is apart: it is for
 * the inside of a TEE and another library.
 */
#include <selfsame/appraise.h>
#include <selfsame/log.h>
#include <selfsame/measure.h>
#include <selfsame/token.h>
#include <selfsame/types.h>
#include <selfsame/verify.h>

#endif
