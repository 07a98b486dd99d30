/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_ATTEST_MESSAGE_H
#define SELFSAME_ATTEST_MESSAGE_H

#include "base/base.h"

/*
 * The three messages of attest-tls v1 (docs/formats/attest-messages.md): CBOR
 * maps in deterministic encoding. Pure. Unknown members, members out of order and
 * other versions are refused; views point into the message.
 */
enum {
    ATTEST_NONCE = 32,
    ATTEST_TYPES = 32,
    ATTEST_TYPE_SIZE = 128,
    ATTEST_ERROR_SIZE = 1024,
    ATTEST_REQUEST_LIMIT = 16384,
    ATTEST_FRAME_LIMIT = 262144,
};
enum attest_mode {
    ATTEST_EVIDENCE = 1, /* a quote for this connection */
    ATTEST_TOKEN = 2,
    ATTEST_KEY = 3,
};
enum attest_flags { ATTEST_WANT_RELEASE = 1, ATTEST_WANT_ENDORSEMENTS = 2 };
enum attest_status {
    ATTEST_OK = 0,
    ATTEST_MALFORMED = 1,   /* the request does not parse */
    ATTEST_UNSUPPORTED = 2, /* mode, or none of the accepted types can be had here */
    ATTEST_FAILED = 3,      /* no evidence to be had now */
    ATTEST_REFUSED = 4,     /* in an acknowledgement: verified and not accepted */
};

struct attest_request {
    struct selfsame_bytes nonce; /* 32 bytes */
    struct selfsame_bytes types[ATTEST_TYPES];
    size_t type_count;
    enum attest_mode mode;
    unsigned flags;
    struct selfsame_bytes hint; /* or absent */
};
struct attest_response {
    uint64_t status;
    struct selfsame_bytes cmw;          /* one CBOR item; present when status is 0 */
    struct selfsame_bytes release;      /* or absent, as all below */
    struct selfsame_bytes endorsements; /* one CBOR item */
    struct selfsame_bytes request;      /* one CBOR item: the server asks back */
    struct selfsame_bytes signature;
    struct selfsame_bytes error; /* text; only with a status that is not 0 */
};
struct attest_ack {
    uint64_t status;
    struct selfsame_bytes error;    /* text */
    struct selfsame_bytes response; /* one CBOR item */
};

MUST enum selfsame_code attest_request_parse(
    struct selfsame_bytes in, struct attest_request *ret, struct selfsame_err *e);
MUST enum selfsame_code attest_response_parse(
    struct selfsame_bytes in, struct attest_response *ret, struct selfsame_err *e);
MUST enum selfsame_code attest_ack_parse(
    struct selfsame_bytes in, struct attest_ack *ret, struct selfsame_err *e);

/* NOMEM when the arena is full. */
MUST enum selfsame_code attest_request_encode(const struct attest_request *m,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code attest_response_encode(const struct attest_response *m,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code attest_ack_encode(const struct attest_ack *m,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

bool attest_request_accepts(const struct attest_request *m, struct selfsame_bytes type);

#endif
