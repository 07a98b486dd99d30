/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_WITNESS_WORLD_H
#define SELFSAME_WITNESS_WORLD_H

/* Logs that fork as they are told, and an HTTP client that keeps its connection. */
#include "test.h"

#include "log/log.h"
#include "net/net.h"
#include "os/os.h"
#include "service/witness_service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#define AUTO __attribute__((unused)) static

/* ---- trees: leaf i is one of two, as bit i of the branch says ---- */

AUTO bool
branch_node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    const uint64_t *branch = ctx;
    uint8_t left[LOG_HASH], right[LOG_HASH];

    if (height == 0) {
        const uint8_t entry[] = { (uint8_t)index, (uint8_t)(*branch >> index & 1) };
        return index < 64 && merkle_leaf(BYTES_ARR(entry), ret);
    }
    return branch_node(ctx, height - 1, 2 * index, left) &&
           branch_node(ctx, height - 1, 2 * index + 1, right) &&
           merkle_node(left, right, ret);
}

AUTO struct key *
world_key(uint8_t byte)
{
    uint8_t seed[32];
    struct key *k = NULL;
    struct selfsame_err e = { 0 };

    memset(seed, byte, sizeof(seed));
    assert_code(key_from_seed(BYTES_ARR(seed), &k, &e), SELFSAME_OK, &e);
    return k;
}

AUTO struct checkpoint
world_checkpoint(const char *origin, uint64_t branch, uint64_t size)
{
    const struct merkle_source s = { .node = branch_node, .ctx = &branch };
    struct checkpoint c = { .origin = bytes_str(origin), .size = size };

    assert_true(merkle_root(&s, size, c.root));
    return c;
}

AUTO struct selfsame_bytes
world_note(const struct checkpoint *c, struct arena *arena)
{
    auto_key *k = world_key(3);
    struct selfsame_err e = { 0 };
    char *text = checkpoint_text(c, arena), *line = NULL;

    assert_non_null(text);
    assert_code(
        note_sign(bytes_str(text), c->origin, NOTE_ED25519, k, 0, arena, &line, &e),
        SELFSAME_OK, &e);
    char *note = arena_printf(arena, "%s\n%s", text, line);
    assert_non_null(note);
    return bytes_str(note);
}

AUTO char *
world_request(const char *origin, uint64_t branch, uint64_t old, uint64_t size,
    struct arena *arena)
{
    const struct merkle_source s = { .node = branch_node, .ctx = &branch };
    const struct checkpoint c = world_checkpoint(origin, branch, size);
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct witness_request r = { .old_size = old,
        .path = { .hashes = hashes },
        .checkpoint = world_note(&c, arena) };

    assert_true(merkle_prove_consistency(&s, old, size, hashes, &r.path.count));
    char *text = witness_request_text(&r, arena);
    assert_non_null(text);
    return text;
}

/* ---- a witness's directory ---- */

AUTO void
world_dir(const char *dir, const char *name, uint8_t key_byte, size_t logs,
    char *ret_vkey, size_t cap)
{
    auto_arena arena = arena_new(1 << 20);
    auto_key *own = world_key(key_byte), *log = world_key(3);
    struct selfsame_err e = { 0 };
    char *pem = NULL, *vkey = NULL, *all = arena_printf(&arena, "# logs\n");
    const char *key = arena_printf(&arena, "%s.pem", dir);

    assert_code(key_to_pem(own, &arena, &pem, &e), SELFSAME_OK, &e);
    assert_code(file_write(key, bytes_str(pem), true, &e), SELFSAME_OK, &e);
    assert_code(
        witness_service_init(dir, name, key, &arena, &vkey, &e), SELFSAME_OK, &e);
    (void)snprintf(ret_vkey, cap, "%s", vkey);
    for (size_t i = 0; i < logs; i++) {
        struct note_key k;
        const char *origin = arena_printf(&arena, "log.example/%zu", i);
        assert_code(note_key_of(bytes_str(origin), NOTE_ED25519, log, &arena, &k, &e),
            SELFSAME_OK, &e);
        all = arena_printf(&arena, "%s%s\n", all, note_key_text(&k, &arena));
        assert_non_null(all);
    }
    const char *path = arena_printf(&arena, "%s/logs/all.vkey", dir);
    assert_code(file_write(path, bytes_str(all), false, &e), SELFSAME_OK, &e);
}

/* ---- HTTP ---- */

/* -1: nobody listens. */
AUTO int
world_dial(const struct net_addr *a)
{
    struct selfsame_err e = { 0 };
    struct timeval t = { .tv_sec = 20 };
    int fd = -1;

    if (net_connect(a, net_clock_ms() + 2000, &fd, &e) != SELFSAME_OK)
        return -1;
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
    return fd;
}

/* Status of one exchange, the body in buf; 0: the connection broke. */
AUTO int
world_exchange(int fd, const char *method, const char *path, const char *body,
    char *buf, size_t cap)
{
    char head[256];
    size_t len = 0, want = 0;
    char *over = NULL;

    int n = snprintf(head, sizeof(head),
        "%s %s HTTP/1.1\r\nHost: w\r\nContent-Length: %zu\r\n\r\n", method, path,
        strlen(body));
    if (send(fd, head, (size_t)n, MSG_NOSIGNAL | MSG_MORE) != n ||
        send(fd, body, strlen(body), MSG_NOSIGNAL) != (ssize_t)strlen(body))
        return 0;
    while (over == NULL || len < want) {
        ssize_t got = recv(fd, buf + len, cap - 1 - len, 0);
        if (got <= 0)
            return 0;
        len += (size_t)got;
        buf[len] = '\0';
        over = strstr(buf, "\r\n\r\n");
        const char *size = strstr(buf, "Content-Length: ");
        if (over != NULL && size != NULL)
            want = (size_t)(over + 4 - buf) + strtoul(size + 16, NULL, 10);
    }
    int status = (int)strtoul(buf + 9, NULL, 10);
    memmove(buf, over + 4, len - (size_t)(over + 4 - buf) + 1);
    return status;
}

#undef AUTO
#endif
