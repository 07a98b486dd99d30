/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdlib.h>

static void
judge(const struct witness_asked *q)
{
    struct witness_state stored, now = { .size = 0 };
    struct selfsame_err e = { 0 };
    bool fork = false;

    if (!witness_state_of_none(&stored))
        return;
    int first = witness_judge(q, &stored, &now, &fork, &e);
    if (first == 200 && (q->request.old_size != 0 || q->request.path.count != 0))
        abort();
    /* As if what is asked were stored already: alone that very tree may be cosigned again. */
    stored.size = q->checkpoint.size;
    memcpy(stored.root, q->checkpoint.root, LOG_HASH);
    if (witness_judge(q, &stored, &now, &fork, &e) == 200 &&
        (now.size != stored.size ||
            !bytes_eq(BYTES_ARR(now.root), BYTES_ARR(stored.root))))
        abort();
    stored.root[0] ^= 1;
    int status = witness_judge(q, &stored, &now, &fork, &e);
    if (status == 200 || !fork)
        abort();
}

/* Requests to a witness: what parses is written back the same; nothing unsigned passes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "example.com/behind-the-sofa+7a2f0a1d+";
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct witness_asked q = { .note = { .count = 0 } }, opened;
    const struct note_key k = { .name = BYTES_LIT("example.com/behind-the-sofa"),
        .id = 0x033de092,
        .type = NOTE_ED25519,
        .key = BYTES((const uint8_t *)key, LOG_HASH) };

    if (witness_open(in, &k, 1, &arena, &opened, &e) == 0)
        abort();
    if (witness_request_parse(in, &arena, &q.request, &e) != SELFSAME_OK)
        return 0;
    char *text = witness_request_text(&q.request, &arena);
    if (text != NULL && !bytes_eq(bytes_str(text), in))
        abort();
    if (note_parse(q.request.checkpoint, &arena, &q.note, &e) == SELFSAME_OK &&
        checkpoint_parse(q.note.text, &q.checkpoint, &e) == SELFSAME_OK)
        judge(&q);
    return 0;
}
