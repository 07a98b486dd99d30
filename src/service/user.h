/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_USER_H
#define SELFSAME_USER_H

#include "base/base.h"

/*
 * Gives up the privileges of root for those of this user, for good: after listening and
 * reading keys, before the first byte of a client. Without them, it has to be the user
 * who runs this. USAGE, IO.
 */
MUST enum selfsame_code user_become(const char *user, struct selfsame_err *e);

#endif
