/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEXT_INPUT_H
#define SELFSAME_TEXT_INPUT_H

#include "base/base.h"

/* hex or base64 of something binary, as people paste it, is replaced by the bytes. */
bool text_input_decode(struct selfsame_bytes *in, struct arena *arena);

#endif
