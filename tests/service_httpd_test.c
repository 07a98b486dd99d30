/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd_world.h"

/* Sends, says that no more comes, and gives the whole answer. */
static const char *
ask(const struct world *w, const char *text, size_t len, char *buf, size_t cap)
{
    auto_fd fd = dial(w);

    send_all(fd, text, len);
    (void)shutdown(fd, SHUT_WR);
    assert_true(read_all(fd, buf, cap) >= 0);
    return buf;
}

static const struct {
    const char *request;
    int status;
    const char *contains;
} cases[] = {
    { GET("/hello"), 200, "Content-Type: application/octet-stream\r\n" },
    { GET("/hello"), 200, "Cache-Control: max-age=5\r\n" },
    { GET("/hello"), 200, "\r\n\r\nhello" },
    { "GET /hello HTTP/1.0\r\n\r\n", 200, "Connection: close\r\n" },
    { "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200,
        "Connection: keep-alive\r\n" },
    { "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "Content-Length: 5\r\n" },
    { GET("/refuse"), 422,
        "{\"error\":{\"class\":\"log\",\"message\":\"say \\\"no\\\"\"}}" },
    { GET("/path/a/b?a=1"), 200, "\r\n\r\n/path/a/b|1|-" },
    { GET("/path/a?b=2&a=%41%2f%25+c"), 200, "|A/%+c|-" },
    { GET("/path/a?a"), 200, "\r\n\r\n/path/a||-" },
    { GET("/path/a?"), 200, "\r\n\r\n/path/a|-|-" },
    { GET("/path/%61b"), 200, "\r\n\r\n/path/ab|-|-" },
    { GET("/path/"), 200, "\r\n\r\n/path/|-|-" },
    { GET("/path/..."), 200, "\r\n\r\n/path/...|" },
    { "GET /path/a HTTP/1.1\r\nHost: x\r\nX-Test:  v \t\r\n\r\n", 200, "|-|v" },
    { POST("/echo", "Content-Length: 3\r\n", "abc"), 200, "\r\n\r\nabc" },
    { POST("/echo", "Content-Length: 0\r\n", ""), 200, "Content-Length: 0\r\n" },
    { POST("/echo", "", ""), 200, "Content-Length: 0\r\n" },
    { POST("/echo", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        200, "\r\n\r\nabc" },
    { POST("/later", "Content-Length: 4\r\n", "kept"), 200, "\r\n\r\nkept" },
    /* paths that are not */
    { GET("/"), 404, "usage" },
    { GET("/hell"), 404, "" },
    { GET("/hello/"), 404, "" },
    { GET("/hello/x"), 404, "" },
    { GET("/path"), 404, "" },
    { POST("/hello", "Content-Length: 0\r\n", ""), 405,
        "Allow: GET, HEAD, OPTIONS\r\n" },
    { GET("/echo"), 405, "Allow: POST, OPTIONS\r\n" },
    { "PUT /object HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 200, "PUT a" },
    { "PATCH /object HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb", 200,
        "PATCH b" },
    { "DELETE /object HTTP/1.1\r\nHost: x\r\n\r\n", 200, "DELETE " },
    { "OPTIONS /object HTTP/1.1\r\nHost: x\r\n\r\n", 204,
        "Allow: PUT, PATCH, DELETE, GET, HEAD, OPTIONS\r\n" },
    { "OPTIONS /object HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 204,
        "Connection: close\r\n" },
    { "OPTIONS /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, "" },
    { "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "" },
    { POST("/object", "Content-Length: 0\r\n", ""), 405,
        "Allow: PUT, PATCH, DELETE, GET, HEAD, OPTIONS\r\n" },
    { "get /hello HTTP/1.1\r\nHost: x\r\n\r\n", 405, "" },
    { "GETS /hello HTTP/1.1\r\nHost: x\r\n\r\n", 405, "" },
    { "DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n", 405, "" },
    { "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n", 405, "" },
    /* targets that play games */
    { GET("/path/../hello"), 400, "malformed" },
    { GET("/path/.."), 400, "" },
    { GET("/path/./a"), 400, "" },
    { GET("//hello"), 400, "" },
    { GET("/path//a"), 400, "" },
    { GET("/path/%2e%2e/hello"), 400, "" },
    { GET("/path/.%2e"), 400, "" },
    { GET("/path/a%2fb"), 400, "" },
    { GET("/path/a%5cb"), 400, "" },
    { GET("/path/a\\b"), 400, "" },
    { GET("/path/%252e"), 400, "" },
    { GET("/path/%00"), 400, "" },
    { GET("/path/a?a=%00"), 400, "" },
    { GET("/path/a?a=%0d%0a"), 400, "" },
    { GET("/path/%0a"), 400, "" },
    { GET("/path/%"), 400, "" },
    { GET("/path/%4"), 400, "" },
    { GET("/path/%4g"), 400, "" },
    { GET("/path/%ff"), 400, "" },
    { GET("/path/a?a=%ff"), 400, "" },
    { GET("/path/a?a=1&a=2"), 400, "" },
    { GET("/path/a?=1"), 400, "" },
    { GET("/path/a?&"), 400, "" },
    { GET("/path/a?a=1#b"), 400, "" },
    { GET("http://x/hello"), 400, "" },
    { GET("hello"), 400, "" },
    { GET("*"), 400, "" },
    { "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "" },
    { GET("/path/a?1=&2=&3=&4=&5=&6=&7=&8=&9=&10=&11=&12=&13=&14=&15=&16=&17="), 400,
        "" },
    /* framing that two parsers would not share */
    { "GET /hello HTTP/1.1\r\n\r\n", 400, "Host" },
    { "GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, "Host" },
    { "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n", 400, "" },
    { "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n", 400, "" },
    { "GET /hello HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", 400, "" },
    { "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 400, "" },
    { POST("/echo", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400, "" },
    { POST("/echo", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        400, "" },
    { POST("/echo", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400, "" },
    { POST("/echo", "Content-Length: -1\r\n", ""), 400, "" },
    { POST("/echo", "Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"), 400,
        "" },
    { POST("/echo", "Content-Length: 20001\r\n", ""), 413, "too large" },
    { POST("/echo", "Transfer-Encoding: chunked\r\n", "ffffff\r\n"), 0, "" },
    { POST("/echo", "Expect: cake\r\nContent-Length: 1\r\n", "a"), 417, "" },
};

static void
requests_have_their_status(void **state)
{
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *got = ask(
            &w, cases[i].request, strlen(cases[i].request), buf, sizeof(buf));
        uint64_t status = 0;

        if (got[0] != '\0')
            assert_true(uint_parse(got + 9, 3, 999, &status));

        if (status != (uint64_t)cases[i].status ||
            strstr(got, cases[i].contains) == NULL)
            fail_msg("expected %d with \"%s\" for\n%s\ngot\n%s", cases[i].status,
                cases[i].contains, cases[i].request, got);
        if (status != 0)
            assert_non_null(strstr(got, " GMT\r\n"));
    }
    end(&w);
}

static void
head_has_no_body(void **state)
{
    static const char head[] = "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    const char *got = ask(&w, head, sizeof(head) - 1, buf, sizeof(buf));
    const char *over = strstr(got, "\r\n\r\n");
    assert_non_null(over);
    assert_string_equal(over, "\r\n\r\n");
    end(&w);
}

/* NUL bytes cannot stand in the table above. */
static void
nul_in_a_target_is_refused(void **state)
{
    static const char get[] = "GET /hello\0x HTTP/1.1\r\nHost: x\r\n\r\n";
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    assert_memory_equal(
        ask(&w, get, sizeof(get) - 1, buf, sizeof(buf)), "HTTP/1.1 400", 12);
    end(&w);
}

static size_t
count_of(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* What follows a request that two parsers would frame differently is not looked at. */
static void
nothing_behind_doubt_is_answered(void **state)
{
#define CHUNKED(body) POST("/echo", "Transfer-Encoding: chunked\r\n", body)
    static const char *const doubtful[] = {
        POST("/echo", "Content-Length: 3\r\nContent-Length: 4\r\n", "abc"),
        POST("/echo", "Content-Length: 3, 3\r\n", "abc"),
        POST("/echo", "Content-Length: +3\r\n", "abc"),
        POST("/echo", "Content-Length: 0x3\r\n", "abc"),
        POST("/echo", "Content-Length: 3 4\r\n", "abc"),
        POST("/echo", "Content-Length: \r\n", "abc"),
        POST("/echo", "Content-Length: 99999999999999999999\r\n", "abc"),
        POST("/echo", "Content-Length : 3\r\n", "abc"),
        POST("/echo", " Content-Length: 3\r\n", "abc"),
        POST("/echo", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n"),
        POST("/echo", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "0\r\n\r\n"),
        POST("/echo", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        POST("/echo", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        POST("/echo", "Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"),
        POST("/echo", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n"),
        POST("/echo", "Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"),
        POST("/echo", "X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        POST("/echo", "X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED("3\nabc\r\n0\r\n\r\n"),
        CHUNKED("3\r\nabcd\r\n0\r\n\r\n"),
        CHUNKED("3\r\nabc0\r\n\r\n"),
        CHUNKED("-3\r\nabc\r\n0\r\n\r\n"),
        CHUNKED("0x3\r\nabc\r\n0\r\n\r\n"),
        CHUNKED(" 3\r\nabc\r\n0\r\n\r\n"),
        CHUNKED("3 x\r\nabc\r\n0\r\n\r\n"),
        CHUNKED("\r\nabc\r\n0\r\n\r\n"),
        CHUNKED("10000000000000003\r\nabc\r\n0\r\n\r\n"),
        CHUNKED("0\r\nX : y\r\n\r\n"),
        CHUNKED("0\r\n X: y\r\n\r\n"),
        "\r\n" GET("/hello"),
        "GET /hello HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET\t/hello HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\nX\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x, y\r\nHost: z\r\n\r\n",
    };
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[8192], text[1024];

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(doubtful); i++) {
        int len = snprintf(text, sizeof(text), "%s%s", doubtful[i], GET("/hello"));
        const char *got = ask(&w, text, (size_t)len, buf, sizeof(buf));

        if (strncmp(got, "HTTP/1.1 4", 10) != 0 || count_of(got, "HTTP/1.1 ") != 1 ||
            strstr(got, "Connection: close\r\n") == NULL)
            fail_msg("expected one refusal and an end for\n%s\ngot\n%s", text, got);
    }
    assert_int_equal(atomic_load(&w.served), 0);
    end(&w);
}

static void
chunks_of_all_shapes_are_a_body(void **state)
{
    static const struct {
        const char *request, *body;
    } shapes[] = {
        { CHUNKED("0\r\n\r\n"), "" },
        { CHUNKED("000\r\n\r\n"), "" },
        { CHUNKED("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n"),
            "0123456789abcdefghij" },
        { CHUNKED("1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n"), "\r\n" },
        { CHUNKED("000000000000003\r\nabc\r\n0\r\n\r\n"), "abc" },
        { CHUNKED("0\r\nX: y\r\nContent-Length: 7\r\n\r\n"), "" },
        { CHUNKED("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "0\r\n\r\n" },
    };
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[8192], text[1024], want[256];

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        /* What follows is the next request, to the byte. */
        int len = snprintf(
            text, sizeof(text), "%s%s", shapes[i].request, GET("/hello"));
        (void)snprintf(
            want, sizeof(want), "\r\n\r\n%sHTTP/1.1 200 OK\r\n", shapes[i].body);
        for (int cut = 0; cut < len; cut += 7) {
            auto_fd fd = dial(&w);
            send_all(fd, text, (size_t)cut);
            if (cut % 2 == 0)
                (void)usleep(1000);
            send_all(fd, text + cut, (size_t)(len - cut));
            (void)shutdown(fd, SHUT_WR);
            assert_true(read_all(fd, buf, sizeof(buf)) > 0);
            if (strstr(buf, want) == NULL || strstr(buf, "\r\n\r\nhello") == NULL)
                fail_msg("expected %s for\n%s\ngot\n%s", want, text, buf);
        }
    }
    end(&w);
#undef CHUNKED
}

/* A client that says that no more comes gets its answer; half a request gets none. */
static void
half_closed_connections_are_answered(void **state)
{
    const struct httpd_config c = { .loops = 2 };
    struct world w;
    char buf[4096];
    static const char later[] = POST("/later", "Content-Length: 4\r\n", "kept");

    (void)state;
    begin(&w, &c);
    for (size_t len = 0; len < sizeof(later); len++) {
        const char *got = ask(&w, later, len, buf, sizeof(buf));
        if (len < sizeof(later) - 1)
            assert_string_equal(got, "");
        else
            assert_non_null(strstr(got, "\r\n\r\nkept"));
    }
    end(&w);
}

static void
heads_and_bodies_over_the_limit(void **state)
{
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096], *text = calloc(1, 100000);

    (void)state;
    assert_non_null(text);
    begin(&w, &c);
    /* Just within, then over: in length and in chunks. */
    for (int n = LIMIT; n <= LIMIT + 1; n++) {
        char *big = calloc(1, LIMIT + 4096);
        assert_non_null(big);
        int len = snprintf(text, 100000,
            "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
            "chunked\r\n\r\n%x\r\n",
            (unsigned)n);
        memset(text + len, 'a', (size_t)n);
        memcpy(text + len + n, "\r\n0\r\n\r\n", 8);
        const char *got = ask(&w, text, (size_t)len + (size_t)n + 7, big, LIMIT + 4096);
        assert_memory_equal(got, n > LIMIT ? "HTTP/1.1 413" : "HTTP/1.1 200", 12);
        free(big);
    }
    int len = snprintf(text, 100, "GET /hello HTTP/1.1\r\nHost: x\r\nX: ");
    memset(text + len, 'a', 50000);
    assert_memory_equal(ask(&w, text, 50000, buf, sizeof(buf)), "HTTP/1.1 431", 12);
    /* What is refused by its head arrives whole at a client that sends on. */
    len = snprintf(
        text, 200, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n");
    memset(text + len, 'a', 90000);
    assert_memory_equal(
        ask(&w, text, (size_t)len + 90000, buf, sizeof(buf)), "HTTP/1.1 413", 12);
    free(text);
    end(&w);
}

static void
headers_are_sent_unless_they_break_lines(void **state)
{
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    const char *got = ask(
        &w, GET("/headers"), strlen(GET("/headers")), buf, sizeof(buf));
    assert_non_null(strstr(got, "\r\nETag: \"3\"\r\n"));
    assert_non_null(strstr(got, "\r\nLocation: /v1/objects/\xc3\xa4\r\n"));
    assert_non_null(strstr(got, "\r\nSet-Cookie: \r\n\r\nwith headers"));
    assert_null(strstr(got, "Bad"));
    assert_null(strstr(got, "bad"));
    assert_null(strstr(got, "Injected"));
    end(&w);
}

/* Refusals of the server itself, as the service says them. */
static char *
say_problem(void *ctx, int status, const struct selfsame_err *e, const char **ret_type)
{
    char text[64];

    (void)ctx;
    (void)e;
    *ret_type = "application/problem+json";
    (void)snprintf(text, sizeof(text), "{\"status\":%d}", status);
    return strdup(text);
}

static void
refusals_are_said_as_the_service_does(void **state)
{
    static const struct {
        const char *request;
        const char *body;
    } refused[] = {
        { GET("/nothing"), "{\"status\":404}" },
        { GET("/echo"), "{\"status\":405}" },
        { GET("/path/.."), "{\"status\":400}" },
        { POST("/echo", "Content-Length: 20001\r\n", ""), "{\"status\":413}" },
        { POST("/echo", "Expect: cake\r\n", ""), "{\"status\":417}" },
        { GET("/refuse"), "{\"status\":422}" },
        { GET("/never"), "{\"status\":503}" },
    };
    const struct httpd_config c = { .refusal = say_problem, .answer_s = 1 };
    struct world w;
    char buf[4096], status[24];

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *got = ask(
            &w, refused[i].request, strlen(refused[i].request), buf, sizeof(buf));
        const char *over = strstr(got, "\r\n\r\n");

        assert_non_null(over);
        assert_string_equal(over + 4, refused[i].body);
        assert_non_null(strstr(got, "Content-Type: application/problem+json\r\n"));
        (void)snprintf(status, sizeof(status), "HTTP/1.1 %.3s", over + 4 + 10);
        assert_memory_equal(got, status, 12);
    }
    say(w.never, 200, BYTES_LIT("late"));
    end(&w);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
    static const char three[] = GET("/path/1")
        POST("/later", "Content-Length: 1\r\n", "2") GET("/nothing") GET("/path/3");
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[8192];

    (void)state;
    begin(&w, &c);
    for (size_t cut = 0; cut < sizeof(three) - 1; cut += 7) {
        auto_fd fd = dial(&w);
        send_all(fd, three, cut);
        if (cut % 5 == 0)
            (void)usleep(2000);
        send_all(fd, three + cut, sizeof(three) - 1 - cut);
        (void)shutdown(fd, SHUT_WR);
        assert_true(read_all(fd, buf, sizeof(buf)) > 0);
        const char *one = strstr(buf, "\r\n\r\n/path/1|"),
                   *two = strstr(buf, "\r\n\r\n2HTTP"), *none = strstr(buf, " 404 "),
                   *last = strstr(buf, "\r\n\r\n/path/3|");
        assert_true(one != NULL && two > one && none > two && last > none);
        assert_int_equal(count_of(buf, "HTTP/1.1 "), 4);
    }
    end(&w);
}

static void
bytes_one_by_one_are_a_request(void **state)
{
    static const char post[] = POST("/echo", "Content-Length: 3\r\n", "abc");
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    auto_fd fd = dial(&w);
    for (size_t i = 0; i < sizeof(post) - 1; i++) {
        send_all(fd, post + i, 1);
        (void)usleep(100);
    }
    (void)shutdown(fd, SHUT_WR);
    assert_true(read_all(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\r\n\r\nabc"));
    end(&w);
}

static void
expected_continue_is_said(void **state)
{
    static const char head[] = POST(
        "/echo", "Expect: 100-continue\r\nContent-Length: 3\r\n", "");
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096] = "";

    (void)state;
    begin(&w, &c);
    auto_fd fd = dial(&w);
    send_all(fd, head, sizeof(head) - 1);
    assert_int_equal(recv(fd, buf, 25, MSG_WAITALL), 25);
    assert_string_equal(buf, "HTTP/1.1 100 Continue\r\n\r\n");
    send_all(fd, "abc", 3);
    (void)shutdown(fd, SHUT_WR);
    assert_true(read_all(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\r\n\r\nabc"));
    end(&w);
}

/* Slow ones get 408, silent ones nothing, and nobody else waits for them. */
static void
slow_clients_are_cut_off_and_stall_nobody(void **state)
{
    const struct httpd_config c = { .idle_s = 1 };
    struct world w;
    char buf[4096];
    int slow[20];

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(slow); i++) {
        slow[i] = dial(&w);
        if (i % 2 == 0)
            send_all(slow[i], "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Le", 41);
    }
    int64_t began_ms = net_clock_ms();
    for (int i = 0; i < 50; i++)
        (void)ask(&w, GET("/hello"), strlen(GET("/hello")), buf, sizeof(buf));
    assert_true(net_clock_ms() - began_ms < 1000);
    for (int i = 0; i < 4; i++) {
        (void)usleep(200000);
        send_all(slow[0], "n", 1); /* a byte now and then buys no time */
    }
    for (size_t i = 0; i < COUNT(slow); i++) {
        ssize_t n = read_all(slow[i], buf, sizeof(buf));
        assert_true(i % 2 == 0 ? n > 0 : n == 0);
        if (i % 2 == 0)
            assert_memory_equal(buf, "HTTP/1.1 408", 12);
        fd_close(&slow[i]);
    }
    assert_true(net_clock_ms() - began_ms < 4000);
    end(&w);
}

static void
reader_that_does_not_read_is_cut_off(void **state)
{
    const struct httpd_config c = { .idle_s = 1 };
    struct world w;
    char small[4096], *buf = malloc(9 << 20);

    (void)state;
    assert_non_null(buf);
    begin(&w, &c);
    auto_fd fd = dial(&w);
    send_all(fd, GET("/large"), strlen(GET("/large")));
    (void)usleep(50000);
    (void)ask(&w, GET("/hello"), strlen(GET("/hello")), small, sizeof(small));
    assert_memory_equal(small, "HTTP/1.1 200", 12);
    /* The first second moved what the sockets hold; the next ones move nothing. */
    (void)usleep(3500000);
    assert_true(read_all(fd, buf, 9 << 20) < 8 << 20);
    free(buf);
    end(&w);
}

static void
large_answers_arrive_whole(void **state)
{
    const struct httpd_config c = { 0 };
    struct world w;
    char *buf = malloc(9 << 20);

    (void)state;
    assert_non_null(buf);
    begin(&w, &c);
    auto_fd fd = dial(&w);
    send_all(fd, GET("/large"), strlen(GET("/large")));
    (void)shutdown(fd, SHUT_WR);
    ssize_t n = read_all(fd, buf, 9 << 20);
    const char *over = strstr(buf, "\r\n\r\n");
    assert_non_null(over);
    assert_int_equal(n - (over + 4 - buf), 8 << 20);
    free(buf);
    end(&w);
}

static void
request_that_nobody_answers_gets_503(void **state)
{
    const struct httpd_config c = { .answer_s = 1 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    const char *got = ask(&w, GET("/never"), strlen(GET("/never")), buf, sizeof(buf));
    assert_memory_equal(got, "HTTP/1.1 503", 12);
    assert_non_null(strstr(got, "Retry-After: 1\r\n"));
    /* An answer that comes too late goes nowhere. */
    say(w.never, 200, BYTES_LIT("late"));
    (void)ask(&w, GET("/hello"), strlen(GET("/hello")), buf, sizeof(buf));
    assert_memory_equal(buf, "HTTP/1.1 200", 12);
    end(&w);
}

static void
client_that_leaves_does_not_hurt(void **state)
{
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    for (int i = 0; i < 200; i++) {
        auto_fd fd = dial(&w);
        net_reset_on_close(fd);
        send_all(fd, POST("/later", "Content-Length: 1\r\n", "x"),
            strlen(POST("/later", "Content-Length: 1\r\n", "x")));
    }
    (void)ask(&w, GET("/hello"), strlen(GET("/hello")), buf, sizeof(buf));
    assert_memory_equal(buf, "HTTP/1.1 200", 12);
    end(&w);
}

/* Half-open connections at the limit make room for who comes with a request. */
static void
silent_connections_make_room(void **state)
{
    const struct httpd_config c = { .connections = 8 };
    struct world w;
    char buf[4096];
    int silent[40];

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(silent); i++)
        silent[i] = dial(&w);
    for (int i = 0; i < 20; i++) {
        const char *got = ask(
            &w, GET("/hello"), strlen(GET("/hello")), buf, sizeof(buf));
        assert_memory_equal(got, "HTTP/1.1 200", 12);
    }
    for (size_t i = 0; i < COUNT(silent); i++)
        fd_close(&silent[i]);
    end(&w);
}

/* Asks for what is large, with so much room for it. */
static int
ask_for_large(const struct world *w, int room)
{
    int fd = dial(w);

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    send_all(fd, GET("/large"), strlen(GET("/large")));
    return fd;
}

static void
connections_that_do_not_read_make_room(void **state)
{
    const struct httpd_config c = { .connections = 8 };
    struct world w;
    char buf[4096];
    int deaf[8];

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(deaf); i++)
        deaf[i] = ask_for_large(&w, 4096);
    (void)usleep(1500000);
    for (int i = 0; i < 20; i++) {
        const char *got = ask(
            &w, GET("/hello"), strlen(GET("/hello")), buf, sizeof(buf));
        assert_memory_equal(got, "HTTP/1.1 200", 12);
    }
    for (size_t i = 0; i < COUNT(deaf); i++)
        fd_close(&deaf[i]);
    end(&w);
}

/* Among the deaf one reads on, slowly: it gets all. */
static void
connections_that_read_stay(void **state)
{
    const struct httpd_config c = { .connections = 4 };
    struct world w;
    char *buf = malloc(9 << 20), small[4096];
    int deaf[3];
    size_t len = 0;

    (void)state;
    assert_non_null(buf);
    begin(&w, &c);
    auto_fd reader = ask_for_large(&w, 128 << 10);
    for (size_t i = 0; i < COUNT(deaf); i++)
        deaf[i] = ask_for_large(&w, 4096);
    for (int i = 0; i < 15; i++) {
        ssize_t n = recv(reader, buf + len, 64 << 10, MSG_WAITALL);
        assert_true(n > 0);
        len += (size_t)n;
        (void)usleep(100000);
    }
    const char *got = ask(
        &w, GET("/hello"), strlen(GET("/hello")), small, sizeof(small));
    assert_memory_equal(got, "HTTP/1.1 200", 12);
    (void)shutdown(reader, SHUT_WR);
    ssize_t n = read_all(reader, buf + len, (9 << 20) - len);
    assert_true(n > 0 && len + (size_t)n > 8 << 20);
    for (size_t i = 0; i < COUNT(deaf); i++)
        fd_close(&deaf[i]);
    free(buf);
    end(&w);
}

static unsigned
descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Twice on a connection, and HEAD between, which is the head of the same. */
static void
files_are_sent_as_they_are_read(void **state)
{
    const struct httpd_config c = { .files = true };
    static const char text[] = GET(
        "/file") "HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n" GET("/file");
    struct world w;
    const size_t cap = 7 << 20;
    char *buf = malloc(cap), *at = buf;

    (void)state;
    assert_non_null(buf);
    begin(&w, &c);
    const unsigned before = descriptors();
    (void)ask(&w, text, strlen(text), buf, cap);
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(at, "HTTP/1.1 200", 12);
        assert_non_null(strstr(at, "Content-Length: 3000001\r\n"));
        at = strstr(at, "\r\n\r\n") + 4;
        for (size_t k = 0; i != 1 && k < FILE_SIZE; k++)
            assert_int_equal((uint8_t)at[k], byte_at(k));
        at += i != 1 ? FILE_SIZE : 0;
    }
    assert_int_equal(*at, '\0');
    /* One that is shorter than was said ends the connection, and nothing is added. */
    {
        auto_fd fd = dial(&w);
        send_all(fd, GET("/short"), strlen(GET("/short")));
        assert_true(read_all(fd, buf, cap) < 100 + 640);
    }
    (void)usleep(300000);
    assert_int_equal(descriptors(), before);
    free(buf);
    end(&w);
}

/* Answers in memory are bounded together; files are not among them. */
static void
answers_that_wait_are_bounded_together(void **state)
{
    const struct httpd_config c = { .answers_limit = 20 << 20 };
    struct world w;
    char *buf = malloc(9 << 20);
    int deaf[2];

    (void)state;
    assert_non_null(buf);
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(deaf); i++)
        deaf[i] = ask_for_large(&w, 4096);
    (void)usleep(300000);
    const char *got = ask(&w, GET("/large"), strlen(GET("/large")), buf, 9 << 20);
    assert_memory_equal(got, "HTTP/1.1 503", 12);
    assert_non_null(strstr(got, "Retry-After: 1\r\n"));
    assert_non_null(strstr(got, "Content-Length: 0\r\n"));
    /* Of the answer that there is no room for, which may be kept for a year. */
    assert_non_null(strstr(got, "Cache-Control: no-store\r\n"));
    assert_null(strstr(got, "immutable"));
    got = ask(&w, GET("/hello"), strlen(GET("/hello")), buf, 9 << 20);
    assert_memory_equal(got, "HTTP/1.1 200", 12);
    got = ask(&w, GET("/file"), strlen(GET("/file")), buf, 9 << 20);
    assert_memory_equal(got, "HTTP/1.1 200", 12);
    for (size_t i = 0; i < COUNT(deaf); i++) {
        net_reset_on_close(deaf[i]);
        fd_close(&deaf[i]);
    }
    (void)usleep(300000);
    got = ask(&w, GET("/large"), strlen(GET("/large")), buf, 9 << 20);
    assert_memory_equal(got, "HTTP/1.1 200", 12);
    free(buf);
    end(&w);
}

static void
served_connections_are_not_thrown_out(void **state)
{
    const struct httpd_config c = { .connections = 1, .answer_s = 2 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    auto_fd fd = dial(&w);
    send_all(fd, GET("/never"), strlen(GET("/never")));
    (void)usleep(100000);
    const char *got = ask(&w, GET("/hello"), strlen(GET("/hello")), buf, sizeof(buf));
    assert_memory_equal(got, "HTTP/1.1 503", 12);
    say(w.never, 200, BYTES_LIT("found"));
    (void)shutdown(fd, SHUT_WR);
    assert_true(read_all(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\r\n\r\nfound"));
    end(&w);
}

static void
stopping_answers_what_is_under_way(void **state)
{
    const struct httpd_config c = { 0 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    auto_fd idle = dial(&w);
    auto_fd fd = dial(&w);
    send_all(fd, GET("/never"), strlen(GET("/never")));
    (void)usleep(100000);
    httpd_stop(w.h);
    assert_int_equal(read_all(idle, buf, sizeof(buf)), 0);
    say(w.never, 200, BYTES_LIT("at last"));
    assert_true(read_all(fd, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\r\n\r\nat last"));
    assert_non_null(strstr(buf, "Connection: close\r\n"));
    int64_t began_ms = net_clock_ms();
    end(&w);
    assert_true(net_clock_ms() - began_ms < 2000);
}

/* Many connections at once, answers from another thread, all of them right. */
struct flood {
    const struct world *w;
    unsigned number, count;
    const char *path;
};

static void *
flood(void *ctx)
{
    struct flood *f = ctx;
    auto_fd fd = dial(f->w);
    char out[256], in[4096];

    for (unsigned i = 0; i < f->count; i++) {
        char body[32];
        int body_len = snprintf(body, sizeof(body), "%u.%u.", f->number, i);
        int len = snprintf(out, sizeof(out),
            "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", f->path,
            body_len, body);
        send_all(fd, out, (size_t)len);
        size_t have = 0;
        const char *over = NULL;
        while (over == NULL || strlen(over) < (size_t)body_len + 4) {
            ssize_t n = recv(fd, in + have, sizeof(in) - 1 - have, 0);
            assert_true(n > 0);
            have += (size_t)n;
            in[have] = '\0';
            over = strstr(in, "\r\n\r\n");
        }
        assert_string_equal(over + 4, body);
    }
    return NULL;
}

static void
answers_find_their_way(unsigned loops)
{
    const struct httpd_config c = { .loops = loops };
    struct world w;
    pthread_t threads[32];
    struct flood f[COUNT(threads)];

    begin(&w, &c);
    for (size_t i = 0; i < COUNT(threads); i++) {
        f[i] = (struct flood){ &w, (unsigned)i, 200, i % 2 == 0 ? "/later" : "/echo" };
        assert_int_equal(pthread_create(&threads[i], NULL, flood, &f[i]), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++)
        (void)pthread_join(threads[i], NULL);
    end(&w);
}

static void
answers_go_to_who_asked(void **state)
{
    (void)state;
    answers_find_their_way(1);
    answers_find_their_way(4);
    answers_find_their_way(1000); /* as many as may be */
}

/* ---- several loops ---- */

/* Each holds its part; the others' places are no help, but silent ones go. */
static void
loops_make_room_each(void **state)
{
    const struct httpd_config c = { .loops = 3, .connections = 12 };
    struct world w;
    char buf[4096];
    int silent[60];
    size_t max = 0;

    (void)state;
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(silent); i++)
        silent[i] = dial(&w);
    for (int i = 0; i < 60; i++) {
        const char *got = ask(
            &w, GET("/hello"), strlen(GET("/hello")), buf, sizeof(buf));
        assert_memory_equal(got, "HTTP/1.1 200", 12);
    }
    (void)usleep(100000);
    assert_true(httpd_connections(w.h, &max) <= 12);
    assert_int_equal(max, 12);
    for (size_t i = 0; i < COUNT(silent); i++)
        fd_close(&silent[i]);
    (void)usleep(300000);
    assert_int_equal(httpd_connections(w.h, &max), 0);
    end(&w);
}

/* A handler that takes its time keeps its own loop alone. */
static void
slow_handler_stalls_its_loop_alone(void **state)
{
    const struct httpd_config c = { .loops = 2 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    for (int i = 0; i < 4; i++) {
        (void)usleep(100000); /* former ones are gone */
        auto_fd slow = dial(&w);
        auto_fd fast = dial(&w); /* the other loop's, for it has less */
        send_all(slow, GET("/slow"), strlen(GET("/slow")));
        (void)usleep(50000);
        const int64_t began_ms = net_clock_ms();
        send_all(fast, GET("/hello"), strlen(GET("/hello")));
        assert_true(recv(fast, buf, sizeof(buf), 0) > 0);
        assert_true(net_clock_ms() - began_ms < SLOW_MS / 2);
        assert_true(recv(slow, buf, sizeof(buf), 0) > 0);
    }
    end(&w);
}

/* ---- draining ---- */

static void *
rest(void *ctx)
{
    return ctx;
}

static void
draining_is_in_peace(void **state)
{
    struct world w;
    struct selfsame_err e = { 0 };
    char buf[4096];

    (void)state;
    for (unsigned loops = 1; loops <= 3; loops += 2) {
        const struct httpd_config c = { .loops = loops };
        begin(&w, &c);
        auto_fd idle = dial(&w);
        auto_fd kept = dial(&w);
        auto_fd half = dial(&w);
        send_all(kept, GET("/never"), strlen(GET("/never")));
        send_all(half, GET("/hello"), 10);
        (void)usleep(150000);
        httpd_drain(w.h, 3000);
        (void)usleep(300000);
        /* Nobody comes in. */
        int fd = -1;
        assert_int_not_equal(
            net_connect(&w.addr, net_clock_ms() + 1000, &fd, &e), SELFSAME_OK);
        /* Who was idle may ask, who had begun may end, and who waits gets an answer. */
        send_all(idle, GET("/hello"), strlen(GET("/hello")));
        send_all(half, &GET("/hello")[10], strlen(GET("/hello")) - 10);
        say(w.never, 200, BYTES_LIT("at last"));
        const int fds[] = { idle, half, kept };
        for (size_t i = 0; i < COUNT(fds); i++) {
            assert_true(read_all(fds[i], buf, sizeof(buf)) > 0);
            assert_memory_equal(buf, "HTTP/1.1 200", 12);
            assert_non_null(strstr(buf, "Connection: close\r\n"));
        }
        const int64_t began_ms = net_clock_ms();
        end(&w);
        assert_true(net_clock_ms() - began_ms < 500);
    }
}

static void
draining_ends(void **state)
{
    struct world w;
    char buf[4096];

    (void)state;
    for (unsigned loops = 1; loops <= 3; loops += 2) {
        const struct httpd_config c = { .loops = loops };
        begin(&w, &c);
        auto_fd idle = dial(&w);
        auto_fd kept = dial(&w);
        send_all(kept, GET("/never"), strlen(GET("/never")));
        (void)usleep(150000);
        const int64_t began_ms = net_clock_ms();
        httpd_drain(w.h, 1000);
        assert_int_equal(read_all(idle, buf, sizeof(buf)), 0);
        assert_true(net_clock_ms() - began_ms < 900);
        (void)pthread_join(w.loop, NULL);
        const int64_t took_ms = net_clock_ms() - began_ms;
        assert_true(took_ms >= 900 && took_ms < 1900);
        say(w.never, 200, BYTES_LIT("too late"));
        assert_int_equal(pthread_create(&w.loop, NULL, rest, NULL), 0);
        end(&w);
    }
}

static void
stopping_ends_draining(void **state)
{
    const struct httpd_config c = { .loops = 2, .stop_s = 1 };
    struct world w;
    char buf[4096];

    (void)state;
    begin(&w, &c);
    auto_fd idle = dial(&w);
    (void)usleep(150000);
    httpd_drain(w.h, 60000);
    (void)usleep(300000);
    const int64_t began_ms = net_clock_ms();
    httpd_stop(w.h);
    assert_int_equal(read_all(idle, buf, sizeof(buf)), 0);
    end(&w);
    assert_true(net_clock_ms() - began_ms < 500);
}

/* ---- memory ---- */

/* Bodies that never end are bounded together; small ones always have room. */
static void
bodies_that_wait_are_bounded_together(void **state)
{
    enum { SENT = 19000 };
    static const char head[] = POST("/echo", "Content-Length: 20000\r\n", "");
    static const char small[] = POST("/echo", "Content-Length: 3\r\n", "abc");
    const struct httpd_config c = { .bodies_limit = 100000 };
    struct world w;
    char buf[4096], *body = calloc(1, SENT);
    int fds[30];
    unsigned refused = 0;

    (void)state;
    assert_non_null(body);
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = dial(&w);
        send_all(fds[i], head, sizeof(head) - 1);
        send_all(fds[i], body, SENT);
    }
    (void)usleep(300000);
    assert_memory_equal(
        ask(&w, small, sizeof(small) - 1, buf, sizeof(buf)), "HTTP/1.1 200", 12);
    for (size_t i = 0; i < COUNT(fds); i++) {
        ssize_t n = recv(fds[i], buf, sizeof(buf) - 1, MSG_DONTWAIT);
        if (n > 12) {
            assert_memory_equal(buf, "HTTP/1.1 503", 12);
            refused++;
        }
        net_reset_on_close(fds[i]);
        fd_close(&fds[i]);
    }
    assert_true(refused >= 20 && refused < 30);
    (void)usleep(300000);
    auto_fd fd = dial(&w);
    send_all(fd, head, sizeof(head) - 1);
    send_all(fd, body, SENT);
    send_all(fd, body, 1000);
    assert_true(recv(fd, buf, sizeof(buf) - 1, 0) > 0);
    assert_memory_equal(buf, "HTTP/1.1 200", 12);
    free(body);
    end(&w);
}

/* Who holds a lot of bodies that never end does not keep out who sends less. */
static void
whoever_holds_much_makes_room(void **state)
{
    enum { SENT = 19000, LITTLE = 6000 };
    static const char head[] = POST("/echo", "Content-Length: 20000\r\n", "");
    static const char less[] = POST("/echo", "Content-Length: 6000\r\n", "");
    const struct httpd_config c = { .bodies_limit = 100000 };
    struct world w;
    char buf[8192], *body = calloc(1, SENT);
    int fds[30];

    (void)state;
    assert_non_null(body);
    begin(&w, &c);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = dial(&w);
        send_all(fds[i], head, sizeof(head) - 1);
        send_all(fds[i], body, SENT - 500 * i);
        (void)usleep(5000);
    }
    for (int i = 0; i < 8; i++) {
        auto_fd fd = dial(&w);
        send_all(fd, less, sizeof(less) - 1);
        send_all(fd, body, LITTLE);
        assert_true(recv(fd, buf, sizeof(buf) - 1, 0) > 0);
        assert_memory_equal(buf, "HTTP/1.1 200", 12);
    }
    for (size_t i = 0; i < COUNT(fds); i++) {
        net_reset_on_close(fds[i]);
        fd_close(&fds[i]);
    }
    free(body);
    end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_have_their_status),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(nul_in_a_target_is_refused),
        cmocka_unit_test(nothing_behind_doubt_is_answered),
        cmocka_unit_test(chunks_of_all_shapes_are_a_body),
        cmocka_unit_test(half_closed_connections_are_answered),
        cmocka_unit_test(heads_and_bodies_over_the_limit),
        cmocka_unit_test(headers_are_sent_unless_they_break_lines),
        cmocka_unit_test(refusals_are_said_as_the_service_does),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(bytes_one_by_one_are_a_request),
        cmocka_unit_test(expected_continue_is_said),
        cmocka_unit_test(slow_clients_are_cut_off_and_stall_nobody),
        cmocka_unit_test(reader_that_does_not_read_is_cut_off),
        cmocka_unit_test(large_answers_arrive_whole),
        cmocka_unit_test(request_that_nobody_answers_gets_503),
        cmocka_unit_test(client_that_leaves_does_not_hurt),
        cmocka_unit_test(silent_connections_make_room),
        cmocka_unit_test(connections_that_do_not_read_make_room),
        cmocka_unit_test(connections_that_read_stay),
        cmocka_unit_test(files_are_sent_as_they_are_read),
        cmocka_unit_test(answers_that_wait_are_bounded_together),
        cmocka_unit_test(served_connections_are_not_thrown_out),
        cmocka_unit_test(stopping_answers_what_is_under_way),
        cmocka_unit_test(answers_go_to_who_asked),
        cmocka_unit_test(loops_make_room_each),
        cmocka_unit_test(slow_handler_stalls_its_loop_alone),
        cmocka_unit_test(draining_is_in_peace),
        cmocka_unit_test(draining_ends),
        cmocka_unit_test(stopping_ends_draining),
        cmocka_unit_test(whoever_holds_much_makes_room),
        cmocka_unit_test(bodies_that_wait_are_bounded_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
