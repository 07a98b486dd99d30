/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_HTTPD_PARTS_H
#define SELFSAME_HTTPD_PARTS_H

#include "net/http.h"
#include "service/httpd.h"

#include <stdatomic.h>

/*
 * Between the two halves of the server.
 *
 *   httpd.c          listening, the loop, the life of a server
 *   httpd_conn.c     connections: reading, writing, deadlines
 *   httpd_request.c  one request: its head checked, its target decoded, its answer
 */
enum {
    HTTPD_HEAD_MAX = 16384, /* of a request; more: 431 */
    HTTPD_ANSWER_HEAD = 640,
    HTTPD_QUERY_MAX = 16,
    HTTPD_DATE = 32,
    HTTPD_PIECE = 64 << 10,   /* of a file, at once */
    HTTPD_ANSWER_FREE = 4096, /* a body up to this may always wait */
};

struct httpd_conn;
struct httpd_request {
    struct httpd *h;
    struct httpd_conn *conn;           /* the loop's; NULL: nobody waits any more */
    struct httpd_request *prev, *next; /* all of a server; the loop's */
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
MUST struct httpd_request *httpd_request_new(struct httpd *h); /* NULL: no memory */
void httpd_request_free(struct httpd_request *r);
/* 0, or the status to refuse with, with the sentence in e. */
int httpd_request_parse(
    struct httpd_request *r, struct selfsame_bytes head, struct selfsame_err *e);
/* False: no memory. */
MUST bool httpd_request_body_add(struct httpd_request *r, struct selfsame_bytes data);
/* Keeps the answer in r; from any thread. */
void httpd_request_keep_answer(struct httpd_request *r, const struct httpd_answer *a);
void httpd_request_keep_refusal(
    struct httpd_request *r, int status, const struct selfsame_err *e);
/* What goes out: head and body from out_beg to out_end. False: not even memory for the head. */
MUST bool httpd_request_render(struct httpd_request *r, const char *date, bool close);
void httpd_date(int64_t now_s, char ret[static HTTPD_DATE]);

/* ---- httpd_conn.c ---- */

struct event;
struct event_base;
enum httpd_state {
    CONN_READING, /* or idle */
    CONN_KEPT,    /* a handler has the request */
    CONN_WRITING,
    CONN_DRAINING, /* answered before all was read: what comes is thrown away */
};
struct httpd_conn {
    struct httpd *h;
    struct httpd_conn *prev, *next;
    int fd;
    struct event *read_event, *write_event;
    bool paused; /* the read event is off */
    enum httpd_state state;
    int64_t since_ms; /* it waits for a request, or its answer moved last */
    int64_t deadline_ms;
    struct httpd_request *r; /* being read, kept or answered */
    const struct httpd_route *route;
    struct http_body body;
    bool close, unread;
    size_t moved;          /* of the answer, or drained, since the deadline was set */
    size_t beg, end, seen; /* of in */
    uint8_t in[HTTPD_HEAD_MAX];
};
struct httpd_times {
    int64_t idle_ms, answer_ms;
};
/* Takes the descriptor. False: no memory. */
MUST bool httpd_conn_open(struct httpd *h, int fd);
void httpd_conn_close(struct httpd_conn *c);
void httpd_conn_answer(struct httpd_conn *c); /* c->r has its answer */
void httpd_conn_overdue(struct httpd_conn *c);
bool httpd_conn_idle(const struct httpd_conn *c); /* nothing under way */

/* ---- httpd.c ---- */

struct httpd_loop { /* what connections see of their server */
    struct event_base *base;
    struct httpd_conn *conns;
    atomic_size_t conn_count; /* changed by the loop alone; read by all */
    struct httpd_request *requests;
    struct httpd_request *serving; /* its handler is running in the loop */
    struct httpd_times times;
    bool stopping;
    atomic_size_t waiting; /* bytes of answers in memory; of any thread */
    uint8_t piece[HTTPD_PIECE];
    char date[HTTPD_DATE];
};
struct httpd_loop *httpd_loop(struct httpd *h);
const struct httpd_config *httpd_config(const struct httpd *h);
void httpd_closed(struct httpd *h); /* a connection is gone */

#endif
