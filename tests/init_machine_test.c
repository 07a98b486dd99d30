/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "init/dhcp.h"

static struct machine machine;
static unsigned line;

static const char *
parse(const char *text, size_t len)
{
    static char buf[MACHINE_SIZE + 2];

    assert_true(len <= MACHINE_SIZE + 1);
    memcpy(buf, text, len);
    return machine_parse(buf, len, &machine, &line);
}

static void
modules_and_an_address_are_read(void **state)
{
    static const char text[] = "module /selfsame/modules/a.ko\nnet 10.0.2.15/24 "
                               "10.0.2.2\nmodule /b.ko\n";

    (void)state;
    assert_null(parse(text, sizeof(text) - 1));
    assert_int_equal(machine.modules, 2);
    assert_string_equal(machine.module[0], "/selfsame/modules/a.ko");
    assert_string_equal(machine.module[1], "/b.ko");
    assert_int_equal(machine.net, NET_STATIC);
    assert_true(machine.address == 0x0a00020f && machine.netmask == 0xffffff00 &&
                machine.gateway == 0x0a000202);
    assert_null(parse("net 1.2.3.4/32\n", 15));
    assert_true(machine.netmask == 0xffffffff && machine.gateway == 0);
    assert_null(parse("net dhcp\n", 9));
    assert_int_equal(machine.net, NET_DHCP);
    assert_null(parse("", 0));
    assert_int_equal(machine.net, NET_NONE);
}

static void
what_is_not_understood_is_refused_by_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *says;
    } rows[] = {
        { "module /a.ko", 1, "does not end" },
        { "module a.ko\n", 1, "absolute" },
        { "module\n", 1, "unknown key" },
        { "modules /a.ko\n", 1, "unknown key" },
        { "module /a.ko\n\n", 2, "unknown key" },
        { "net\n", 1, "unknown key" },
        { "net \n", 1, "ADDRESS" },
        { "net DHCP\n", 1, "ADDRESS" },
        { "net dhcp \n", 1, "ADDRESS" },
        { "net dhcp\nnet dhcp\n", 2, "twice" },
        { "net 10.0.2.15\n", 1, "ADDRESS" },
        { "net 10.0.2/24\n", 1, "ADDRESS" },
        { "net 10.0.2.256/24\n", 1, "ADDRESS" },
        { "net 10.0.02.1/24\n", 1, "ADDRESS" },
        { "net 10.0.2.1.1/24\n", 1, "ADDRESS" },
        { "net 10.0.2.15/33\n", 1, "ADDRESS" },
        { "net 10.0.2.15/0\n", 1, "ADDRESS" },
        { "net 0.0.0.0/8\n", 1, "ADDRESS" },
        { "net 10.0.2.15/24 \n", 1, "ADDRESS" },
        { "net 10.0.2.15/24 10.0.2\n", 1, "ADDRESS" },
        { "net 10.0.2.15/24 0.0.0.0\n", 1, "ADDRESS" },
        { "net 10.0.2.15/24 10.0.2.2 \n", 1, "ADDRESS" },
        { "net 10.0.2.15/24  10.0.2.2\n", 1, "ADDRESS" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *fault = parse(rows[i].text, strlen(rows[i].text));

        if (fault == NULL || strstr(fault, rows[i].says) == NULL)
            fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].text, rows[i].says,
                fault != NULL ? fault : "nothing");
        assert_int_equal(line, rows[i].line);
    }
    assert_non_null(parse("net dhcp\n\0", 10));
}

static void
too_many_modules_and_too_much_text_are_refused(void **state)
{
    static char text[MACHINE_SIZE + 1];
    size_t n = 0;

    (void)state;
    for (int i = 0; i < MACHINE_MODULES; i++, n += 10)
        memcpy(text + n, "module /a\n", 10);
    assert_null(parse(text, n));
    memcpy(text + n, "module /a\n", 10);
    assert_non_null(parse(text, n + 10));
    assert_int_equal(line, MACHINE_MODULES + 1);
    memset(text, 'a', sizeof(text));
    assert_non_null(parse(text, sizeof(text)));
}

/* ---- DHCP ---- */

static const struct dhcp_message ours = { .kind = DHCP_REQUEST,
    .id = 0x12345678,
    .address = 0x0a00020f,
    .server = 0x0a000202,
    .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 } };
enum { OPTIONS = 240 };

/* What a server says: the client's message turned round, with these options. */
static size_t
answer(uint8_t ret[static DHCP_SIZE], const char *options, size_t len)
{
    memset(ret, 0, DHCP_SIZE);
    dhcp_write(&ours, ret);
    memset(ret + OPTIONS, 0, DHCP_LEAST - OPTIONS);
    ret[0] = 2;
    memcpy(ret + 16, "\x0a\x00\x02\x0f", 4);
    memcpy(ret + OPTIONS, options, len);
    return OPTIONS + len;
}
static const char acknowledged[] =
    "\x35\x01\x05\x00\x01\x04\xff\xff\xff\x00\x03\x08"
    "\x0a\x00\x02\x02\x0a\x00\x02\x03\x36\x04\x0a\x00\x02"
    "\x02\x33\x04\x00\x01\x51\x80\xff";

static void
a_request_says_what_is_wanted(void **state)
{
    uint8_t bytes[DHCP_LEAST];

    (void)state;
    dhcp_write(&ours, bytes);
    assert_int_equal(bytes[0], 1);
    assert_memory_equal(bytes + 4, "\x12\x34\x56\x78", 4);
    assert_int_equal(bytes[10], 0x80);
    assert_memory_equal(bytes + 28, ours.mac, 6);
    assert_memory_equal(bytes + 236,
        "\x63\x82\x53\x63\x35\x01\x03\x32\x04\x0a\x00\x02\x0f\x36\x04\x0a\x00\x02\x02"
        "\x37\x02\x01\x03\xff",
        24);
}

static void
an_answer_is_read(void **state)
{
    uint8_t bytes[DHCP_SIZE];
    struct dhcp_message got;
    size_t n = answer(bytes, acknowledged, sizeof(acknowledged) - 1);

    (void)state;
    assert_true(dhcp_read(bytes, n, &ours, &got));
    assert_int_equal(got.kind, DHCP_ACK);
    assert_true(got.address == 0x0a00020f && got.netmask == 0xffffff00 &&
                got.gateway == 0x0a000202 && got.server == 0x0a000202);
}

static void
an_answer_to_somebody_else_is_none(void **state)
{
    uint8_t bytes[DHCP_SIZE];
    struct dhcp_message got, other = ours;
    size_t n = answer(bytes, acknowledged, sizeof(acknowledged) - 1);

    (void)state;
    other.id++;
    assert_false(dhcp_read(bytes, n, &other, &got));
    other = ours;
    other.mac[5]++;
    assert_false(dhcp_read(bytes, n, &other, &got));
}

static void
cut_and_wrong_answers_are_refused(void **state)
{
    static const struct {
        const char *what, *options;
        size_t len;
    } rows[] = {
        { "no kind", "\x01\x04\xff\xff\xff\x00\xff", 7 },
        { "a client's kind", "\x35\x01\x01\x01\x04\xff\xff\xff\x00\xff", 10 },
        { "a kind of two bytes", "\x35\x02\x05\x05\x01\x04\xff\xff\xff\x00\xff", 11 },
        { "no mask", "\x35\x01\x05\xff", 4 },
        { "a mask with a hole", "\x35\x01\x05\x01\x04\xff\x00\xff\x00\xff", 10 },
        { "a mask of zeros", "\x35\x01\x05\x01\x04\x00\x00\x00\x00\xff", 10 },
        { "a mask of three bytes", "\x35\x01\x05\x01\x03\xff\xff\xff\xff", 9 },
        { "a mask of eight", "\x35\x01\x05\x01\x08\xff\xff\xff\x00\xff\xff\xff\x00\xff",
            14 },
        { "an option over the end", "\x35\x01\x05\x01\x05\xff\xff\xff\x00", 9 },
        { "no end", "\x35\x01\x05\x01\x04\xff\xff\xff\x00", 9 },
    };
    uint8_t bytes[DHCP_SIZE];
    struct dhcp_message got;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = answer(bytes, rows[i].options, rows[i].len);

        if (dhcp_read(bytes, n, &ours, &got))
            fail_msg("%s was taken", rows[i].what);
    }
    size_t whole = answer(bytes, acknowledged, sizeof(acknowledged) - 1);
    for (size_t n = 0; n < whole; n++)
        assert_false(dhcp_read(bytes, n, &ours, &got));
    bytes[0] = 1;
    assert_false(dhcp_read(bytes, whole, &ours, &got));
    (void)answer(bytes, acknowledged, sizeof(acknowledged) - 1);
    memset(bytes + 16, 0, 4);
    assert_false(dhcp_read(bytes, whole, &ours, &got));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_and_an_address_are_read),
        cmocka_unit_test(what_is_not_understood_is_refused_by_line),
        cmocka_unit_test(too_many_modules_and_too_much_text_are_refused),
        cmocka_unit_test(a_request_says_what_is_wanted),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(an_answer_to_somebody_else_is_none),
        cmocka_unit_test(cut_and_wrong_answers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
