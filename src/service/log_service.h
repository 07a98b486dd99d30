/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_SERVICE_H
#define SELFSAME_LOG_SERVICE_H

#include "service/httpd.h"
#include "service/log_core.h"

/*
 * A transparency log of releases over HTTP (C2SP tlog-tiles):
 *
 *     POST /add                 an envelope of a known publisher; answered with its proof
 *     GET  /checkpoint /tile/…  static: a proxy may serve DIR/public as well
 *     GET  /lookup              hints, from the entries (docs/monitor.md)
 *     GET  /healthz /readyz /metrics
 *
 *     DIR/log.key             private key: PEM, Ed25519, used for nothing else
 *     DIR/log.vkey            its name and public half, as clients put it into policies
 *     DIR/publishers/NAME.pem public keys of those who may submit, read again on change
 *     DIR/policy.txt          this log, its witnesses and their quorum (tlog-policy)
 *     DIR/public/             checkpoint, tiles, bundles
 *     DIR/state.sqlite        the tree that was promised, and what is in it
 *     DIR/staged, DIR/lock    the batch under way; who serves the directory
 *     DIR/lookup.sqlite       what /lookup says, made from the entries: may be deleted
 *
 *   log_dir.c      the directory
 *   log_entry.c    what makes two envelopes the same entry
 *   log_work.c     threads that verify what is submitted, and read tiles
 *   log_index.c    the index of /lookup follows
 *   log_metrics.c  what supervisors ask
 *   log_service.c  its life
 */
enum { LOG_PUBLISHERS = 4096 };

struct log_service_make {
    const char *dir, *origin;
    const char *key_file; /* NULL: a new key */
    const char *url;      /* where clients will find it, for policy.txt; or NULL */
};
/* USAGE: there is one already. */
MUST enum selfsame_code log_service_init(const struct log_service_make *m,
    struct arena *arena, char **ret_vkey, struct selfsame_err *e);

struct log_service;
struct log_service_config {
    const char *dir;
    struct net_addr listen;
    unsigned connections;         /* 0: as httpd_config */
    unsigned workers;             /* 0: one a processor, at most 8 */
    unsigned batch_ms, quorum_ms; /* 0: 250; 10000 */
    unsigned refresh_ms;          /* as log_core_config */
    /* What an operator should know ("halted", "quorum", "witness", "lookup"), from any
     * thread; or NULL. */
    void (*tell)(void *ctx, const char *what, const char *sentence);
    void *ctx;
    const struct store_probe *probe; /* tests */
};
/* Reads keys and policy and listens; privileges may be dropped afterwards. */
MUST enum selfsame_code log_service_new(const struct log_service_config *c,
    struct log_service **ret, struct selfsame_err *e);
/* Opens the log. IO: another process serves it; LOG: what is there disagrees. */
MUST enum selfsame_code log_service_open(struct log_service *s, struct selfsame_err *e);
void log_service_bound(const struct log_service *s, struct net_addr *ret);
const char *log_service_vkey(const struct log_service *s);
size_t log_service_publishers(struct log_service *s);
void log_service_status(struct log_service *s, struct log_status *ret);
/*
 * As httpd_run; what was submitted is finished first. Witnesses have 3 s for that: then
 * an entry that has its place is published at the next start.
 */
MUST enum selfsame_code log_service_run(struct log_service *s, struct selfsame_err *e);
void log_service_stop(struct log_service *s); /* from any thread */
void log_service_free(struct log_service **s);
#define auto_log_service __attribute__((cleanup(log_service_free))) struct log_service

/* ---- log_dir.c ---- */
struct log_publisher {
    char keyid[65]; /* hex SHA-256 of the SubjectPublicKeyInfo */
    struct selfsame_bytes spki;
};
struct log_dir {
    char path[1024];
    struct arena arena;
    struct key *key;
    struct note_key vkey;
    char *vkey_text;
    struct log_policy policy;

    pthread_rwlock_t lock; /* of the publishers */
    struct arena publishers_arena;
    struct log_publisher *publishers;
    size_t publisher_count;
    int64_t publishers_ns; /* of the directory when it was read */
};
MUST enum selfsame_code log_dir_open(
    const char *path, struct log_dir *ret, struct selfsame_err *e);
void log_dir_close(struct log_dir *d);
#define auto_log_dir __attribute__((cleanup(log_dir_close))) struct log_dir
/* By the key that the envelope names: LOG when nobody has it, or another signed. */
MUST enum selfsame_code log_dir_verify(struct log_dir *d, const struct envelope *v,
    struct arena *arena, struct selfsame_err *e);
/* What the core needs of it, without a store. */
struct log_core_config log_dir_config(const struct log_dir *d);

/* ---- log_entry.c ---- */
/* SHA-256(SHA-256(PAE) || keyid): the same statement of the same publisher. */
MUST enum selfsame_code log_entry_key(const struct envelope *v, struct arena *arena,
    uint8_t ret[static STORE_KEY], struct selfsame_err *e);
MUST enum selfsame_code log_entry_identify(
    struct selfsame_bytes entry, uint8_t ret[static STORE_KEY], struct selfsame_err *e);

#endif
