/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_EVENT_LOG_H
#define SELFSAME_EVENT_LOG_H

#include "base/base.h"

/*
 * Firmware event logs in the crypto-agile format (TCG PC Client Platform Firmware
 * Profile §10; UEFI 2.10 §38 for confidential computing; ACPI 6.5 §5.2.34 for CCEL).
 * A log is hearsay: it proves something only where its digests, extended one after
 * the other, give the registers of signed evidence; and then it proves the digests
 * and their order, not the types, and of the data only what a digest covers.
 * Pure; views into the input.
 */
enum {
    EVENT_LOG_MAX = 1 << 20, /* bytes, with the padding behind the last event */
    EVENT_COUNT_MAX = 10000,
    EVENT_ALGS_MAX = 8,
    EVENT_DIGEST_MAX = 64,
    EVENT_TEXT = 128,
};

/* ---- event_log.c ---- */

enum event_alg_id { /* TCG Algorithm Registry */
    EVENT_SHA1 = 0x04,
    EVENT_SHA256 = 0x0b,
    EVENT_SHA384 = 0x0c,
    EVENT_SHA512 = 0x0d,
    EVENT_SM3 = 0x12,
};
struct event_alg {
    uint16_t id, size;
};
struct event_log {
    struct selfsame_bytes events; /* all but the header, without the padding */
    size_t count;
    size_t padding; /* bytes behind */
    struct event_alg alg[EVENT_ALGS_MAX];
    size_t alg_count;
    struct selfsame_bytes vendor; /* "td-shim" */
};
struct event {
    uint32_t index; /* PCR, or CC measurement register: 1 is RTMR0 */
    uint32_t type;
    struct selfsame_bytes digests; /* of each algorithm: its number and the digest */
    struct selfsame_bytes data;
};

/* By its first event; says nothing of the others. */
bool event_log_recognise(struct selfsame_bytes in);
/*
 * All of it: what event_next gives afterwards is whole. The log ends where `in` does, or
 * where nothing but 0xFF or nothing but zeros follows. MALFORMED, UNSUPPORTED.
 */
MUST enum selfsame_code event_log_parse(
    struct selfsame_bytes in, struct event_log *ret, struct selfsame_err *e);
/* Of a log that was parsed; *rest is log->events at first. False behind the last. */
bool event_next(
    const struct event_log *log, struct selfsame_bytes *rest, struct event *ret);
/* Absent (ptr NULL) where the log does not have the algorithm. */
struct selfsame_bytes event_digest(
    const struct event_log *log, const struct event *event, uint16_t alg);
const char *event_alg_name(uint16_t id); /* "sha384"; NULL: not known here */

/*
 * The registers of confidential computing that the log says were extended, with
 * SHA-384. 0 is that of the build, which no event extends (MRTD); 1 to 4 are RTMR0 to
 * RTMR3.
 */
enum { CC_REGISTERS = 5, CC_DIGEST = 48 };
struct cc_replay {
    uint8_t value[CC_REGISTERS][CC_DIGEST];
    size_t count[CC_REGISTERS]; /* events that extended it */
};
const char *cc_register_name(uint32_t index); /* "RTMR0"; NULL: no register */
/* Does this event extend its register? */
bool event_extends(const struct event *event);
/* MALFORMED: an index that no register has, or an event that extends MRTD; UNSUPPORTED. */
MUST enum selfsame_code cc_replay(
    const struct event_log *log, struct cc_replay *ret, struct selfsame_err *e);

/* The ACPI table that says where a guest has its log. */
enum cc_type { CC_SEV = 1, CC_TDX = 2 };
struct ccel_table {
    uint8_t type, subtype;
    uint64_t log_size, log_address;
};
bool ccel_table_recognise(struct selfsame_bytes in);
MUST enum selfsame_code ccel_table_parse(
    struct selfsame_bytes in, struct ccel_table *ret, struct selfsame_err *e);

/* ---- event_facts.c: what an event says, and how far its digest vouches for it ---- */

/* Of TCG PFP 1.06 table 27, those that code here asks for. */
#define EV_NO_ACTION 0x3u
#define EV_SEPARATOR 0x4u
#define EV_IPL 0xdu
#define EV_EFI_VARIABLE_DRIVER_CONFIG 0x80000001u

const char *event_type_name(uint32_t type); /* "EV_IPL"; NULL: unknown */

/*
 * The type and the index are hashed nowhere: whoever writes the log may call an event
 * anything whose data its digest covers, or does not have to cover.
 */
enum event_cover {
    EVENT_MISMATCH = 0, /* such events are digests of their data, and this is not */
    EVENT_NOT_COVERED,  /* the digest is of something else: the data is hearsay */
    EVENT_COVERED,      /* `covered` is what was hashed */
    EVENT_NOT_EXTENDED, /* EV_NO_ACTION: in no register, so not vouched for at all */
    EVENT_UNCHECKED,    /* no algorithm of it is known here */
};
const char *event_cover_word(enum event_cover cover); /* "not-covered" */
struct event_fact {
    enum event_cover cover;
    struct selfsame_bytes covered; /* a part of the data, or all of it; else absent */
};
/* By the strongest algorithm known. NOMEM alone. */
MUST enum selfsame_code event_judge(const struct event_log *log,
    const struct event *event, struct event_fact *ret, struct selfsame_err *e);
/* What the data says, for people: cut to cap, cleaned. */
void event_text(const struct event *event, char *ret, size_t cap);

/*
 * Secure Boot as RTMR0 has it: by digests alone, since the variable's name is hashed
 * with its value. Unknown where none or more than one of them is there.
 */
enum secure_boot { SECURE_BOOT_UNKNOWN = 0, SECURE_BOOT_OFF, SECURE_BOOT_ON };
MUST enum selfsame_code event_secure_boot(
    const struct event_log *log, enum secure_boot *ret, struct selfsame_err *e);

/* ---- events compared with a prediction ---- */

struct event_prediction {
    uint32_t index;               /* 1: RTMR0 */
    struct selfsame_bytes digest; /* SHA-384 */
    const char *what;             /* "kernel", for people */
};
enum event_match { EVENT_OTHER = -1, EVENT_NOT_COMPARED = -2 };
/*
 * Of each event the place of its prediction, or one of enum event_match; of each
 * prediction whether its event is there. True: in the registers that anything is
 * predicted of, these events and no others, in this order.
 */
bool event_compare(const struct event_log *log, const struct event_prediction *list,
    size_t count, long *ret_match /* log->count */, bool *ret_found /* count */);

#endif
