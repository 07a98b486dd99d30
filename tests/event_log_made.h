/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_EVENT_LOG_MADE_H
#define SELFSAME_EVENT_LOG_MADE_H

#include "test.h"

#include "crypto/crypto.h"
#include "tee/shared/event_log.h"

/* Logs written here, without the code that reads them. */
#ifndef MADE_LOG_SIZE
#define MADE_LOG_SIZE 4096
#endif
struct made_log {
    uint8_t buf[MADE_LOG_SIZE];
    struct writer w;
};

static inline void
made_header(struct made_log *m)
{
    m->w = writer_of(m->buf, sizeof(m->buf));
    put_le32(&m->w, 1);
    put_le32(&m->w, 3);
    put_zeros(&m->w, 20);
    put_le32(&m->w, 33);
    put_bytes(&m->w, BYTES((const uint8_t *)"Spec ID Event03", 16));
    put_le32(&m->w, 0);
    put_bytes(&m->w, BYTES((const uint8_t *)"\0\2\0\2", 4));
    put_le32(&m->w, 1);
    put_le32(&m->w, 48u << 16 | 0x0c);
    put_u8(&m->w, 0);
}

/* With this digest, whatever it is of. */
static inline void
made_digest(struct made_log *m, uint32_t index, uint32_t type,
    struct selfsame_bytes digest48, struct selfsame_bytes data)
{
    put_le32(&m->w, index);
    put_le32(&m->w, type);
    put_le32(&m->w, 1);
    put_u8(&m->w, 0x0c);
    put_u8(&m->w, 0);
    put_bytes(&m->w, digest48);
    put_le32(&m->w, (uint32_t)data.len);
    put_bytes(&m->w, data);
    assert_false(m->w.bad);
}

/* With the digest of `hashed`. */
static inline void
made_event(struct made_log *m, uint32_t index, uint32_t type,
    struct selfsame_bytes hashed, struct selfsame_bytes data)
{
    uint8_t digest[HASH_MAX];

    assert_true(hash_bytes(HASH_SHA384, hashed, digest));
    made_digest(m, index, type, BYTES(digest, 48), data);
}

static inline void
made_plain(
    struct made_log *m, uint32_t index, uint32_t type, struct selfsame_bytes data)
{
    made_event(m, index, type, data, data);
}

/* EFI_GLOBAL_VARIABLE SecureBoot = value, as firmware logs it. */
static inline struct selfsame_bytes
made_secure_boot(uint8_t value)
{
    static uint8_t data[2][53] = {
        "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0"
        "\x98\x03\x2b\x8c\x0a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"
        "S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0"
    };

    memcpy(data[1], data[0], 53);
    data[value][52] = value;
    return BYTES(data[value], 53);
}

/* One of each register, as a boot that ends in a kernel's. */
static inline struct selfsame_bytes
made_boot(struct made_log *m)
{
    static const uint8_t zeros[4];

    made_header(m);
    made_plain(m, 1, 0x80000001u, made_secure_boot(1));
    made_plain(m, 1, 4, BYTES_ARR(zeros));
    made_plain(
        m, 2, 0x80000007u, BYTES_LIT("Calling EFI Application from Boot Option"));
    made_event(m, 2, 0x80000003u, BYTES_LIT("an image"), BYTES_LIT("a path"));
    made_event(m, 3, 0xd, BYTES_LIT("linux /vmlinuz ro"),
        BYTES((const uint8_t *)"grub_cmd: linux /vmlinuz ro", 28));
    return writer_bytes(&m->w);
}

#endif
