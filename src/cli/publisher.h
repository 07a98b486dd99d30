/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_PUBLISHER_H
#define SELFSAME_CLI_PUBLISHER_H

#include "cli/cli.h"
#include "crypto/crypto.h"
#include "log/log.h"

/*
 * What every command that publishes shares: the publisher's key, a log of the trust
 * policy, and the proof that comes back — verified before it is believed.
 */
#define PUBLISH_OPTIONS                                             \
    { .name = "log",                                                \
        .argument = "URL",                                          \
        .help = "the log (default: the URL in the trust policy)" }, \
    {                                                               \
        .name = "trust", .argument = "FILE",                        \
        .help = "trust policy: the log's key, witnesses, quorum"    \
    }
#define PUBLISHER_KEY                                                          \
    {                                                                          \
        .name = "key", .argument = "FILE",                                     \
        .help = "the publisher's private key (PEM, Ed25519; keygen makes one)" \
    }

/* A private key of a file that nobody else can read. USAGE, MALFORMED, IO. */
MUST enum selfsame_code publisher_key(
    struct cli *c, const char *path, struct key **ret, struct selfsame_err *e);
/*
 * Submits an envelope to the log of --log and --trust, waits until it is integrated and
 * cosigned, verifies the proof, and returns it with the envelope inside (extra). Asked
 * again, a log answers the same. IO, LOG, USAGE.
 */
MUST enum selfsame_code publish_envelope(struct cli *c, struct selfsame_bytes envelope,
    const char **ret_proof, struct log_proof *ret, struct selfsame_err *e);
/*
 * The envelope in a .tlog-proof, and whether it stands in a log of the policy as the proof
 * says; by whom it is signed is the caller's to ask. MALFORMED, LOG.
 */
MUST enum selfsame_code publisher_open_proof(struct cli *c,
    const struct log_policy *trust, struct selfsame_bytes in,
    struct selfsame_bytes *ret_envelope, struct selfsame_err *e);
/* The trust policy of --trust. */
MUST enum selfsame_code publisher_trust(
    struct cli *c, struct log_policy *ret, struct selfsame_err *e);
/* The base URL of the log of --log, or of the policy's one log. USAGE. */
MUST enum selfsame_code publisher_log(struct cli *c, const struct log_policy *trust,
    const char **ret, struct selfsame_err *e);

#endif
