/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

const char *
selfsame_version(void)
{
    return SELFSAME_VERSION;
}
