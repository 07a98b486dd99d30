/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_RATLS_H
#define SELFSAME_RATLS_H

#include "crypto/x509.h"

/*
 * Evidence inside an X.509 certificate ("RA-TLS", docs/formats/ratls.md): found, and
 * with the report data that it must have to be about this certificate's key. Pure;
 * nothing is believed: what the evidence says is for a verifier to judge.
 */
enum ratls_form { /* in the order in which they are preferred */
    RATLS_NONE = 0,
    RATLS_DICE,        /* 2.23.133.5.4.9, the standard form for Intel's quotes */
    RATLS_CMW,         /* 1.3.6.1.5.5.7.1.35, for any TEE */
    RATLS_OE_EVIDENCE, /* 1.3.6.1.4.1.311.105.2, 1.2.840.113556.10.1.2 */
    RATLS_OE_REPORT,   /* 1.3.6.1.4.1.311.105.1, 1.2.840.113556.10.1.1 */
    RATLS_DSTACK,      /* 1.3.6.1.4.1.62397.1.1 */
    RATLS_GRAMINE,     /* the OID bytes 06 09 2a 86 48 86 f8 4d 8a 39 06 */
    RATLS_INTEL,       /* 1.2.840.113741.1.13.1 */
    RATLS_NAME,        /* a Nitro document as labels of a subjectAltName */
};
enum { RATLS_ENDORSEMENTS = 16, RATLS_NONCE_MAX = 512 };

struct ratls {
    enum ratls_form form;
    struct cert cert;               /* foreign: its fields prove nothing */
    struct selfsame_bytes evidence; /* raw, or a CMW */
    struct selfsame_bytes
        claims;                  /* DICE, Open Enclave: what report data is a hash of */
    struct selfsame_bytes nonce; /* that those claims name; or absent */
    struct selfsame_bytes report_data; /* expected, every byte of it */
    const char *rule;                  /* how it names the key, for people */
    const char *unbound; /* why this cannot be about the key at all; NULL: compare */
    struct selfsame_bytes endorsements[RATLS_ENDORSEMENTS];
    size_t endorsement_count;
    unsigned others; /* forms there besides that are not looked at, 1 << form each */
};
/*
 * Views into `der` and the arena. MALFORMED; UNSUPPORTED: no evidence in it, or of a
 * kind that is not read; NOMEM.
 */
MUST enum selfsame_code ratls_parse(struct selfsame_bytes der, struct arena *arena,
    struct ratls *ret, struct selfsame_err *e);
/* Has it one of these extensions? Says nothing of validity. */
bool ratls_recognise(struct selfsame_bytes der);
const char *ratls_form_text(enum ratls_form form); /* "TCG DICE tagged evidence" */
/* Who made the certificate held its key. UNBOUND, NOMEM. */
MUST enum selfsame_code ratls_self_signed(
    const struct ratls *r, struct selfsame_err *e);

/* ---- ratls_put.c: our own certificates ---- */

/*
 * What goes into report data of evidence of this media type for a certificate of this
 * key: the hash of DICE claims for Intel's quotes, else the binder of role "certificate".
 */
MUST bool ratls_report_data(
    const char *media_type, struct selfsame_bytes spki, uint8_t ret[static 64]);
enum { RATLS_EXTENSIONS = 2 };
/* The extensions for evidence (a CMW) made so; in the arena. MALFORMED, NOMEM. */
MUST enum selfsame_code ratls_extensions(struct selfsame_bytes cmw,
    struct selfsame_bytes spki, struct arena *arena,
    struct cert_extension ret[static RATLS_EXTENSIONS], size_t *ret_count,
    struct selfsame_err *e);

/* ---- ratls_forms.c: between the files ---- */

#define RATLS_OID_DICE BYTES_LIT("\x67\x81\x05\x05\x04\x09")
#define RATLS_OID_ENDORSEMENTS BYTES_LIT("\x67\x81\x05\x05\x04\x02")
#define RATLS_OID_CMW BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x01\x23")
enum { RATLS_TAG_QUOTE = 60000, RATLS_SHA256 = 1, RATLS_SHA384 = 7, RATLS_SHA512 = 8 };

/* Each fills evidence, claims, nonce, report_data, rule, unbound from its extension. */
MUST enum selfsame_code ratls_read_dice(struct selfsame_bytes value,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);
MUST enum selfsame_code ratls_read_endorsements(
    struct selfsame_bytes value, struct ratls *r, struct selfsame_err *e);
MUST enum selfsame_code ratls_read_cmw(struct selfsame_bytes value, struct arena *arena,
    struct ratls *r, struct selfsame_err *e);
MUST enum selfsame_code ratls_read_oe_evidence(struct selfsame_bytes value,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);
MUST enum selfsame_code ratls_read_oe_report(struct selfsame_bytes value,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);
MUST enum selfsame_code ratls_read_dstack(struct selfsame_bytes value,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);
MUST enum selfsame_code ratls_read_gramine(struct selfsame_bytes value,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);
MUST enum selfsame_code ratls_read_intel(struct selfsame_bytes value,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);
/* r stays as it is when no name of the list is a document. */
MUST enum selfsame_code ratls_read_name(struct selfsame_bytes value,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);
/* SHA-256 of `b` and 32 zero bytes as the report data to expect. */
MUST enum selfsame_code ratls_expect_sha256(struct selfsame_bytes b,
    struct arena *arena, struct ratls *r, struct selfsame_err *e);

#endif
