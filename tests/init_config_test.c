/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "init/config.h"

static struct config config;
static unsigned line;

static const char *
parse(const char *text, size_t len)
{
    static char buf[CONFIG_SIZE + 2];

    assert_true(len <= CONFIG_SIZE + 1);
    memcpy(buf, text, len);
    return config_parse(buf, len, &config, &line);
}

static void
a_whole_configuration_is_read(void **state)
{
    (void)state;
    static const char text[] = "arg /bin/sh\narg -c\narg a\\nb\\\\n c\narg \n"
                               "env A=1\nenv B=x=y\nenv A=2\nenv PATH=/bin\n"
                               "user 1000\ngroup 4294967294\ngroups 0 5 10\ndir /srv\n"
                               "agent /usr/bin/selfsame\nagent serve\n"
                               "heartbeat vsock\nnsm all\n";

    assert_null(parse(text, sizeof(text) - 1));
    assert_int_equal(config.args, 4);
    assert_string_equal(config.arg[2], "a\nb\\n c");
    assert_string_equal(config.arg[3], "");
    assert_null(config.arg[4]);
    assert_int_equal(config.envs, 3);
    assert_string_equal(config.env[0], "A=2");
    assert_string_equal(config.env[1], "B=x=y");
    assert_null(config.env[3]);
    assert_int_equal(config.user, 1000);
    assert_true(config.group == 4294967294u);
    assert_int_equal(config.group_count, 3);
    assert_int_equal(config.groups[2], 10);
    assert_string_equal(config.dir, "/srv");
    assert_string_equal(config.agent[1], "serve");
    assert_null(config.agent[2]);
    assert_true(config.heartbeat_vsock && config.nsm_all);
}

static void
what_is_not_said_is_the_safe_choice(void **state)
{
    (void)state;
    assert_null(parse("arg x\n", 6));
    assert_int_equal(config.user, 0);
    assert_int_equal(config.group_count, 0);
    assert_string_equal(config.dir, "/");
    assert_string_equal(config.env[0],
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    assert_null(config.env[1]);
    assert_int_equal(config.agents, 0);
    assert_false(config.heartbeat_vsock || config.nsm_all);
}

static void
bad_lines_are_refused_by_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
    } bad[] = {
        { "", 1 },
        { "\n", 1 },
        { "arg x\n\n", 2 },
        { "arg x", 1 },
        { "arg x\nenv A=1", 2 },
        { "arg\n", 1 },
        { "arg \n", 2 },
        { "env A=1\n", 2 },
        { "arg x\nargs y\n", 2 },
        { "arg x\nARG y\n", 2 },
        { " arg x\n", 1 },
        { "arg x\nmode y\n", 2 },
        { "arg x\\t\n", 1 },
        { "arg x\\\n", 1 },
        { "arg x\nenv A\n", 2 },
        { "arg x\nenv =1\n", 2 },
        { "arg x\nuser root\n", 2 },
        { "arg x\nuser \n", 2 },
        { "arg x\nuser -1\n", 2 },
        { "arg x\nuser 01\n", 2 },
        { "arg x\nuser 4294967295\n", 2 },
        { "arg x\nuser 18446744073709551616\n", 2 },
        { "arg x\nuser 1\nuser 1\n", 3 },
        { "arg x\ngroup 1 2\n", 2 },
        { "arg x\ngroups 1  2\n", 2 },
        { "arg x\ngroups 1 \n", 2 },
        { "arg x\ngroups 1\ngroups 2\n", 3 },
        { "arg x\ndir srv\n", 2 },
        { "arg x\nnsm none\n", 2 },
        { "arg x\nheartbeat tcp\n", 2 },
        { "arg x\nagent selfsame\n", 3 },
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        if (parse(bad[i].text, strlen(bad[i].text)) == NULL)
            fail_msg("\"%s\" is not refused", bad[i].text);
        if (line != bad[i].line)
            fail_msg("\"%s\" is refused in line %u", bad[i].text, line);
    }
    assert_non_null(parse("arg x\0\n", 7));
    assert_non_null(parse("arg x\n\0", 7));
}

static void
too_much_of_anything_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *first, *format;
        unsigned limit;
    } cases[] = {
        { "", "arg %u\n", 1024 },
        { "arg x\n", "env V%u=\n", 1024 },
        { "arg x\n", "agent /%u\n", 1024 },
    };
    static char text[CONFIG_SIZE + 1];

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t at = (size_t)snprintf(text, sizeof(text), "%s", cases[i].first);
        for (unsigned n = 0; n < cases[i].limit; n++) {
            const char *format = cases[i].format;
            size_t head = strcspn(format, "%");
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s%u%s", (int)head,
                format, n, format + head + 2);
        }
        assert_null(parse(text, at));
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s",
            i == 0 ? "arg y\n" : (i == 1 ? "env NEW=\n" : "agent y\n"));
        assert_non_null(parse(text, at));
    }
    memset(text, 'x', sizeof(text));
    memcpy(text, "arg ", 4);
    text[CONFIG_SIZE - 1] = '\n';
    assert_null(parse(text, CONFIG_SIZE));
    assert_non_null(parse(text, CONFIG_SIZE + 1));
    static const char start[] = "arg x\ngroups 1";
    memcpy(text, start, sizeof(start));
    for (size_t at = sizeof(start) - 1, n = 1; n <= 65; n++, at += 2) {
        memcpy(text + at, "\n", 1);
        assert_true((parse(text, at + 1) == NULL) == (n <= 64));
        memcpy(text + at, " 1", 2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_read),
        cmocka_unit_test(what_is_not_said_is_the_safe_choice),
        cmocka_unit_test(bad_lines_are_refused_by_number),
        cmocka_unit_test(too_much_of_anything_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
