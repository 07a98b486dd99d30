/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_HTTPD_PARTS_H
#define SELFSAME_HTTPD_PARTS_H

#include "net/http.h"
#include "service/httpd.h"
#include "tls/listener.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * Between the parts of the server.
 *
 *   httpd.c          the life of a server: listening, its threads, stopping
 *   httpd_loop.c     one loop: accepting, answers of other threads, deadlines
 *   httpd_conn.c     connections: what is done in which state
 *   httpd_io.c       their bytes, plain or TLS
 *   httpd_request.c  one request: its head checked, its target decoded, its body
 *   httpd_route.c    who serves it
 *   httpd_answer.c   its answer
 */
enum {
    HTTPD_HEAD_MAX = 16384, /* of a request; more: 431 */
    HTTPD_ANSWER_HEAD = 640,
    HTTPD_QUERY_MAX = 16,
    HTTPD_DATE = 32,
    HTTPD_PIECE = 64 << 10,   /* of a file, at once */
    HTTPD_RECORD = 16384,     /* of TLS */
    HTTPD_ANSWER_FREE = 4096, /* a body up to this may always wait */
    HTTPD_BODY_FREE = 4096,   /* and of a request */
    HTTPD_LOOPS_MAX = 64,
};

struct httpd_conn;
struct httpd_loop;
struct httpd_request {
    struct httpd *h;
    struct httpd_loop *l;
    struct httpd_conn *conn;           /* the loop's; NULL: nobody waits any more */
    struct httpd_request *prev, *next; /* all of a loop; the loop's */
    struct httpd_request *after;       /* of the queue of answers */
    bool answered;                     /* while it was served; the loop's */
    int64_t begun_us;                  /* its head was whole; monotonic */

    struct http_head head; /* views into text */
    char *text;            /* the head, values ended by NUL; then the decoded target */
    const char *path;
    struct httpd_pair {
        const char *name, *value;
    } query[HTTPD_QUERY_MAX];
    size_t query_count;
    uint8_t *body;
    size_t body_len, body_cap;
    struct net_peer peer;
    bool has_peer, certified;
    uint8_t client[32]; /* of the certificate */

    int status; /* the answer */
    unsigned retry_s;
    char type[96], cache[96], allow[64];
    const struct httpd_route *route;
    char *extra; /* further header lines, each with CRLF; or NULL */
    size_t extra_len;
    uint8_t *out; /* room for a head, then the body; NULL: no memory for it */
    size_t out_body, out_beg, out_end;
    size_t counted; /* of the body, among the answers that wait */
    int file;       /* -1: none; sent behind `out`, from there so much */
    uint64_t file_at, file_left;
};

/* ---- httpd_request.c ---- */

int64_t httpd_now_us(void); /* monotonic */
MUST struct httpd_request *httpd_request_new(
    struct httpd_loop *l); /* NULL: no memory */
void httpd_request_free(struct httpd_request *r);
/* 0, or the status to refuse with, with the sentence in e. */
int httpd_request_parse(
    struct httpd_request *r, struct selfsame_bytes head, struct selfsame_err *e);
/* False: no memory, or too much of it waits in bodies already. */
MUST bool httpd_request_body_add(struct httpd_request *r, struct selfsame_bytes data);
void httpd_request_body_drop(struct httpd_request *r);

/* ---- httpd_answer.c ---- */

void httpd_answer_drop(struct httpd_request *r);
/* Keeps the answer in r; from any thread. */
void httpd_request_keep_answer(struct httpd_request *r, const struct httpd_answer *a);
void httpd_request_keep_refusal(
    struct httpd_request *r, int status, const struct selfsame_err *e);
/* What goes out: head and body from out_beg to out_end. False: not even memory for the head. */
MUST bool httpd_request_render(struct httpd_request *r, const char *date, bool close);
void httpd_date(int64_t now_s, char ret[static HTTPD_DATE]);

/* ---- httpd_route.c ---- */

/*
 * 0: r->route serves it. 404; 405, or 204 for OPTIONS, with what the path has in
 * r->allow.
 */
int httpd_route_find(struct httpd_request *r);

/* ---- httpd_conn.c ---- */

struct event;
struct event_base;
enum httpd_state {
    CONN_READING, /* or idle, or shaking hands */
    CONN_KEPT,    /* a handler has the request */
    CONN_WRITING,
    CONN_DRAINING, /* answered before all was read: what comes is thrown away */
};
/*
 * What was received is in the loop's memory while it is looked at, and in memory of the
 * connection's own when something is left, so that an idle one has none.
 */
struct httpd_conn {
    struct httpd *h;
    struct httpd_loop *l;
    struct httpd_list *list;
    struct httpd_conn *prev, *next; /* of the list; next: also of those given */
    int fd;
    struct tls_peer *tls; /* NULL: plain */
    struct event *read_event, *write_event;
    enum httpd_state state;
    bool opening; /* TLS is not there yet */
    bool first;   /* its time began when it was accepted */
    bool paused;  /* the read event is off */
    bool close, unread;
    bool has_peer, certified;
    struct net_peer peer;
    uint8_t client[32];
    int64_t client_end_s; /* when the certificate ends */
    int64_t since_ms;     /* it waits for a request, or its answer moved last */
    int64_t deadline_ms;
    struct httpd_request *r; /* being read, kept or answered */
    struct http_body body;
    size_t moved;          /* of the answer, or drained, since the deadline was set */
    size_t beg, end, seen; /* of in */
    uint8_t *in;           /* the loop's, own, or NULL */
};
/* Takes the descriptor; of any loop's thread. NULL: no memory. */
MUST struct httpd_conn *httpd_conn_new(struct httpd *h, int fd);
/* In the loop it then belongs to. False: no memory, and it is gone. */
MUST bool httpd_conn_start(struct httpd_conn *c, struct httpd_loop *l);
void httpd_conn_close(struct httpd_conn *c);
void httpd_conn_answer(struct httpd_conn *c); /* c->r has its answer */
void httpd_conn_overdue(struct httpd_conn *c);
bool httpd_conn_idle(const struct httpd_conn *c); /* nothing under way */

/* ---- httpd_io.c ---- */

/* As recv(2) and send(2): 0 is a proper end, EAGAIN waits for what has to come. */
MUST ssize_t httpd_io_recv(struct httpd_conn *c, uint8_t *buf, size_t cap);
MUST ssize_t httpd_io_send(
    struct httpd_conn *c, const uint8_t *buf, size_t len, bool more);
/* 1: open; 0: waits; -1: broken. */
MUST int httpd_io_open(struct httpd_conn *c);
bool httpd_io_pending(const struct httpd_conn *c);
/* Of a file behind the answer's head. What did not go out is read again. */
MUST ssize_t httpd_io_send_file(struct httpd_conn *c);
void httpd_io_end(struct httpd_conn *c); /* says that no more comes, if it can */

/* ---- httpd_loop.c ---- */

struct httpd_list {
    struct httpd_conn *first, *last;
};
struct httpd_loop {
    struct httpd *h;
    size_t number;
    struct event_base *base;
    struct httpd_list
        waiting; /* for a request, whoever has for the longest time first */
    struct httpd_list busy;
    size_t conn_count;
    atomic_size_t load; /* with those that were given to it */
    struct httpd_request *requests;
    struct httpd_request *serving; /* its handler is running in the loop */
    struct httpd_conn *reading;    /* `in` is lent to it; NULL when it is gone */
    bool running, stopping;
    int64_t idle_until_ms, stop_ms; /* of stopping */
    int wake_fd;
    struct event *wake_event, *tick_event;
    pthread_t self;   /* while it runs */
    pthread_t thread; /* of all but the first */
    bool threaded, failed;
    int stop_seen;
    atomic_bool evict; /* another loop is out of descriptors */

    pthread_mutex_t lock;          /* what other threads put here */
    struct httpd_request *answers; /* the last one first */
    struct httpd_conn *given, *given_last;

    char date[HTTPD_DATE];
    uint8_t in[HTTPD_HEAD_MAX];
    uint8_t piece[HTTPD_PIECE];
};
MUST enum selfsame_code httpd_loop_init(
    struct httpd_loop *l, struct httpd *h, size_t number, struct selfsame_err *e);
void httpd_loop_free(struct httpd_loop *l);
/* Until it has stopped; sets l->failed. */
void httpd_loop_run(struct httpd_loop *l);
void httpd_loop_wake(struct httpd_loop *l);
void httpd_list_move(struct httpd_list *to, struct httpd_conn *c); /* to its end */
void httpd_list_leave(struct httpd_conn *c);
void httpd_closed(struct httpd_loop *l); /* a connection is gone */
/* The first loop's: nobody comes any more, so the others may end when theirs have left. */
void httpd_close_door(struct httpd *h);
void httpd_on_connection(int fd, short what, void *ctx);

/* ---- httpd.c ---- */

enum httpd_stop_how { HTTPD_DRAIN = 1, HTTPD_STOP };
struct httpd {
    struct httpd_config config;
    int64_t idle_ms, answer_ms;
    size_t share; /* connections of each loop */
    struct net_addr bound;
    char limited[160];
    int listen_fd;
    struct event *accept_event; /* of the first loop, which gives connections away */
    bool accept_paused;
    size_t turn;           /* which loop comes first among equals */
    atomic_size_t waiting; /* bytes of answers in memory */
    atomic_size_t bodies;  /* bytes of requests in memory */
    int64_t stop_ms;
    atomic_llong drain_ms;
    atomic_int stop;    /* asked for: how, or 0 */
    atomic_bool shut;   /* the first loop accepts no more */
    bool said_stopping; /* the hook was called */
    size_t loop_count;
    struct httpd_loop *loops;
};

#endif
