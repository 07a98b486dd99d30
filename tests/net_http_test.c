/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "net/http.h"

static enum selfsame_code
request(const char *text, struct http_head *ret, struct selfsame_err *e)
{
    return http_request_parse(bytes_str(text), ret, e);
}

static void
a_request_is_read(void **state)
{
    static const char text[] = "POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length:  5 "
                               "\r\nExpect: 100-continue\r\n\r\n";
    struct selfsame_err e = { 0 };
    struct http_head h;

    (void)state;
    assert_code(request(text, &h, &e), SELFSAME_OK, &e);
    assert_bytes(h.method, BYTES_LIT("POST"));
    assert_bytes(h.target, BYTES_LIT("/a?b"));
    assert_int_equal(h.framing, HTTP_LENGTH);
    assert_int_equal(h.length, 5);
    assert_int_equal(h.count, 3);
    assert_false(h.close);
    assert_false(h.upgrade);
    assert_true(h.expect_continue);
    assert_bytes(http_header(&h, "host"), BYTES_LIT("x"));
    assert_null(http_header(&h, "absent").ptr);
}

static void
ambiguous_or_broken_heads_are_refused(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1,1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1111111111111111111\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: a\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n",
        "GET / HTTP/1.1\nA: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n",
        "GET / HTTP/1.1\r\n Content-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA(b): c\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n\r\nX",
        "GET / HTTP/1.1\r\nA: b\r\n",
        "GET / HTTP/1.1",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET /\r\n\r\n",
        "GET /\x80 HTTP/1.1\r\n\r\n",
        " / HTTP/1.1\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\n\r\n",
        "",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct http_head h;
        if (request(bad[i], &h, &e) != SELFSAME_MALFORMED)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void
the_same_coding_twice_is_refused(void **state)
{
    struct selfsame_err e = { 0 };
    struct http_head h;

    (void)state;
    assert_code(request("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n",
                    &h, &e),
        SELFSAME_MALFORMED, &e);
}

static void
a_nul_byte_in_a_head_is_refused(void **state)
{
    static const char name[] = "GET / HTTP/1.1\r\nA\0: b\r\n\r\n";
    static const char value[] = "GET / HTTP/1.1\r\nA: \0b\r\n\r\n";
    struct selfsame_err e = { 0 };
    struct http_head h;

    (void)state;
    assert_code(http_request_parse(BYTES_LIT(name), &h, &e), SELFSAME_MALFORMED, &e);
    assert_code(http_request_parse(BYTES_LIT(value), &h, &e), SELFSAME_MALFORMED, &e);
}

/* Writes a string at an offset of a buffer with room for it; where it ends. */
static size_t
put(char *text, size_t at, const char *s)
{
    size_t n = strlen(s);

    memcpy(text + at, s, n + 1);
    return at + n;
}

static void
too_many_header_lines_are_refused(void **state)
{
    char text[8192] = "GET / HTTP/1.1\r\n";
    struct selfsame_err e = { 0 };
    struct http_head h;

    (void)state;
    size_t len = strlen(text);
    for (size_t i = 0; i < HTTP_HEADERS; i++)
        len = put(text, len, "A: b\r\n");
    (void)put(text, len, "\r\n");
    assert_code(request(text, &h, &e), SELFSAME_OK, &e);
    (void)put(text, len, "A: b\r\n\r\n");
    assert_code(request(text, &h, &e), SELFSAME_MALFORMED, &e);
}

static void
a_head_is_found_at_any_cut_and_not_beyond_the_limit(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nA: b\r\n\r\nbody";
    struct selfsame_err e = { 0 };
    size_t whole = sizeof(text) - 1 - 4, seen = 0, len = 0;

    (void)state;
    for (size_t n = 0; n <= whole; n++) {
        assert_code(http_head_find(BYTES((const uint8_t *)text, n), &seen, &len, &e),
            SELFSAME_OK, &e);
        assert_int_equal(len, n < whole ? 0 : whole);
    }
    uint8_t *big = malloc(HTTP_HEAD_LIMIT);
    assert_non_null(big);
    memset(big, 'a', HTTP_HEAD_LIMIT);
    seen = 0;
    assert_code(http_head_find(BYTES(big, HTTP_HEAD_LIMIT - 1), &seen, &len, &e),
        SELFSAME_OK, &e);
    assert_code(http_head_find(BYTES(big, HTTP_HEAD_LIMIT), &seen, &len, &e),
        SELFSAME_MALFORMED, &e);
    free(big);
}

struct response_case {
    const char *text;
    bool head_request;
    enum http_framing framing;
    bool close;
};

static void
the_end_of_a_response_is_known(void **state)
{
    static const struct response_case cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, HTTP_LENGTH, false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, HTTP_NO_BODY, false },
        { "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", false, HTTP_CHUNKED,
            false },
        { "HTTP/1.1 200 OK\r\n\r\n", false, HTTP_UNTIL_CLOSE, true },
        { "HTTP/1.1 204 OK\r\n\r\n", false, HTTP_NO_BODY, false },
        { "HTTP/1.1 304 OK\r\nContent-Length: 9\r\n\r\n", false, HTTP_NO_BODY, false },
        { "HTTP/1.1 100 OK\r\n\r\n", false, HTTP_NO_BODY, false },
        { "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", false, HTTP_LENGTH, true },
        { "HTTP/1.1 200 OK\r\nConnection: a, CLOSE\r\nContent-Length: 3\r\n\r\n", false,
            HTTP_LENGTH, true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selfsame_err e = { 0 };
        struct http_head h;
        assert_code(http_response_parse(
                        bytes_str(cases[i].text), cases[i].head_request, &h, &e),
            SELFSAME_OK, &e);
        assert_int_equal(h.framing, cases[i].framing);
        assert_int_equal(h.close, cases[i].close);
    }
}

static void
broken_status_lines_are_refused(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/3 200 OK\r\n\r\n",
        "200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct http_head h;
        assert_code(http_response_parse(bytes_str(bad[i]), false, &h, &e),
            SELFSAME_MALFORMED, &e);
    }
}

/* Feeds text in pieces; returns the content, or the class that stopped it. */
static enum selfsame_code
feed(struct http_body *b, const char *text, size_t piece, char *content)
{
    struct selfsame_bytes rest = bytes_str(text), data;
    struct selfsame_err e = { 0 };
    size_t used = 0, have = piece, out = 0;

    while (!b->done && have <= rest.len) {
        enum selfsame_code code = http_body_feed(
            b, BYTES(rest.ptr, have), &used, &data, &e);
        if (code != SELFSAME_OK)
            return code;
        if (data.len > 0)
            memcpy(content + out, data.ptr, data.len);
        out += data.len;
        rest = BYTES(rest.ptr + used, rest.len - used);
        have = used > 0 ? (piece < rest.len || rest.len == 0 ? piece : rest.len)
                        : have + 1;
    }
    content[out] = '\0';
    return SELFSAME_OK;
}

static void
a_chunked_body_is_read_in_any_pieces(void **state)
{
    static const char text[] = "5\r\nhello\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n"
                               "Trailer: t\r\n\r\nNEXT";

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct http_body b = { .framing = HTTP_CHUNKED };
        char content[64];
        assert_int_equal(feed(&b, text, piece, content), SELFSAME_OK);
        assert_true(b.done);
        assert_string_equal(content, "hello0123456789");
    }
}

static void
broken_chunks_are_refused(void **state)
{
    static const char *const bad[] = {
        "\r\nhello",
        "5\nhello\r\n",
        "5 x\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "1111111111111111\r\nh",
        "5;a\nb\r\nhello\r\n",
        "0\r\nbad trailer\r\n\r\n",
        "0\r\nA : b\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct http_body b = { .framing = HTTP_CHUNKED };
        char content[64];
        if (feed(&b, bad[i], 1, content) != SELFSAME_MALFORMED)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void
endless_trailers_and_chunk_lines_are_refused(void **state)
{
    enum { SIZE = 3 * HTTP_TRAILER_LIMIT };
    struct http_body b = { .framing = HTTP_CHUNKED };
    char *text = malloc(SIZE + 64), *content = malloc(SIZE + 64);

    (void)state;
    assert_non_null(text);
    assert_non_null(content);
    for (size_t len = put(text, 0, "0\r\n"); len < SIZE;)
        len = put(text, len, "Some-Trailer: with a value\r\n");
    assert_int_equal(feed(&b, text, 100, content), SELFSAME_MALFORMED);
    b = (struct http_body){ .framing = HTTP_CHUNKED };
    memset(text, 'a', SIZE);
    text[0] = '5';
    text[1] = ';';
    text[SIZE] = '\0';
    assert_int_equal(feed(&b, text, 100, content), SELFSAME_MALFORMED);
    free(text);
    free(content);
}

static void
a_body_of_known_length_ends_there(void **state)
{
    struct http_body b = { .framing = HTTP_LENGTH, .left = 5 };
    char content[64];

    (void)state;
    assert_int_equal(feed(&b, "helloNEXT", 3, content), SELFSAME_OK);
    assert_true(b.done);
    assert_string_equal(content, "hello");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(ambiguous_or_broken_heads_are_refused),
        cmocka_unit_test(the_same_coding_twice_is_refused),
        cmocka_unit_test(a_nul_byte_in_a_head_is_refused),
        cmocka_unit_test(too_many_header_lines_are_refused),
        cmocka_unit_test(a_head_is_found_at_any_cut_and_not_beyond_the_limit),
        cmocka_unit_test(the_end_of_a_response_is_known),
        cmocka_unit_test(broken_status_lines_are_refused),
        cmocka_unit_test(a_chunked_body_is_read_in_any_pieces),
        cmocka_unit_test(broken_chunks_are_refused),
        cmocka_unit_test(endless_trailers_and_chunk_lines_are_refused),
        cmocka_unit_test(a_body_of_known_length_ends_there),
    };

    return cmocka_run_group_tests_name("net/http", tests, NULL, NULL);
}
