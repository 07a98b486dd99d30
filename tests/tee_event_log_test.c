/* SPDX-License-Identifier: Apache-2.0 */
#include "event_log_made.h"

#include "codec/json.h"

#define TDX "vectors/tdx/"
#define COCO TDX "confidential-containers+trustee/ccel/"

static struct event_log
parsed(struct selfsame_bytes in)
{
    struct selfsame_err e = { .depth = 0 };
    struct event_log log;

    assert_code(event_log_parse(in, &log, &e), SELFSAME_OK, &e);
    return log;
}

static enum selfsame_code
parse_code(struct selfsame_bytes in)
{
    struct selfsame_err e = { .depth = 0 };
    struct event_log log;

    return event_log_parse(in, &log, &e);
}

static struct cc_replay
replayed(const struct event_log *log)
{
    struct selfsame_err e = { .depth = 0 };
    struct cc_replay r;

    assert_code(cc_replay(log, &r, &e), SELFSAME_OK, &e);
    return r;
}

static struct event
event_at(const struct event_log *log, size_t n)
{
    struct selfsame_bytes rest = log->events;
    struct event event = { 0 };

    for (size_t i = 0; i <= n; i++)
        assert_true(event_next(log, &rest, &event));
    return event;
}

static struct event_fact
judged(const struct event_log *log, size_t n)
{
    struct event event = event_at(log, n);
    struct selfsame_err e = { .depth = 0 };
    struct event_fact fact;

    assert_code(event_judge(log, &event, &fact, &e), SELFSAME_OK, &e);
    return fact;
}

/* ---- real logs ---- */

/* The number behind `name`, "'n': 88", in a row of the manifest; SIZE_MAX: none. */
static size_t
row_number(const char *row, const char *name)
{
    const char *at = strstr(row, name);

    return at != NULL ? strtoul(at + strlen(name), NULL, 10) : SIZE_MAX;
}

static void
check_row(const char *path, const char *row, struct arena *a)
{
    const struct event_log log = parsed(
        shared_file(arena_printf(a, "vectors/%s", path), a));
    const struct cc_replay r = replayed(&log);
    int said = 0;

    const size_t n = row_number(row, "'n': "), used = row_number(row, "'used': "),
                 total = row_number(row, "'total': ");
    if (n != SIZE_MAX) { /* with the header */
        assert_int_equal(log.count + 1, n);
        assert_int_equal(log.padding, total - used);
    }
    for (unsigned i = 0; i < 4; i++) {
        const char *at = strstr(row, arena_printf(a, "RTMR%u=", i));

        if (at == NULL)
            continue;
        char *hex = arena_str(a, BYTES((const uint8_t *)at + 6, 96));
        assert_bytes(BYTES_ARR(r.value[i + 1]), unhex(hex, a));
        said++;
    }
    assert_true(said >= 3);
    assert_int_equal(r.count[0], 0);
}

static void
real_logs_replay_as_their_manifest_says(void **state)
{
    struct arena a = arena_new(16 << 20);
    int rows = 0;

    (void)state;
    need_shared();
    struct selfsame_bytes rest = shared_file("vectors/MANIFEST.tsv", &a), line;
    while (bytes_line(&rest, &line)) {
        char *row = arena_str(&a, line);
        char *path = arena_str(&a, BYTES(line.ptr, strcspn(row, "\t")));

        if (strncmp(path, "tdx/", 4) != 0 || strstr(path, "/ccel/") == NULL ||
            strstr(row, "RTMR0=") == NULL)
            continue;
        check_row(path, row, &a);
        rows++;
    }
    assert_int_equal(rows, 8);
    arena_free(&a);
}

static void
a_log_of_another_algorithm_is_read_and_not_replayed(void **state)
{
    struct arena a = arena_new(4 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct cc_replay r;

    (void)state;
    need_shared();
    const struct event_log log = parsed(shared_file(COCO "CCEL_data_csv", &a));
    assert_int_equal(log.count, 82);
    assert_int_equal(log.alg[0].id, EVENT_SM3);
    assert_string_equal(event_alg_name(log.alg[0].id), "sm3");
    const struct event event = event_at(&log, 0);
    assert_int_equal(event_digest(&log, &event, EVENT_SM3).len, 32);
    assert_null(event_digest(&log, &event, EVENT_SHA384).ptr);
    assert_int_equal(judged(&log, 0).cover, EVENT_UNCHECKED);
    assert_code(cc_replay(&log, &r, &e), SELFSAME_UNSUPPORTED, &e);
    arena_free(&a);
}

/* One entry of a list that another implementation wrote. */
static void
compare_event(const struct event_log *log, size_t n, const json_t *x, struct arena *a)
{
    const struct event event = event_at(log, n);
    const struct event_fact fact = judged(log, n);
    const json_t *digest = json_array_get(json_object_get(x, "digests"), 0);
    const json_t *details = json_object_get(x, "details");
    const char *base64 = json_string_value(json_object_get(x, "event"));
    const char *name = json_string_value(json_object_get(details, "unicode_name"));
    uint8_t *data = arena_alloc(a, 1, strlen(base64) + 1);
    size_t len;
    char text[EVENT_TEXT];

    assert_int_equal(event.index, json_integer_value(json_object_get(x, "index")));
    assert_string_equal(event_type_name(event.type),
        json_string_value(json_object_get(x, "type_name")));
    assert_bytes(event_digest(log, &event, EVENT_SHA384),
        unhex(json_string_value(json_object_get(digest, "digest")), a));
    assert_true(
        base64_decode(base64, strlen(base64), false, data, strlen(base64), &len));
    assert_bytes(event.data, BYTES(data, len));
    assert_int_equal(fact.covered.ptr != NULL && fact.covered.len == event.data.len,
        json_is_true(json_object_get(x, "digest_matches_event")));
    event_text(&event, text, sizeof(text));
    const char *string = json_string_value(json_object_get(details, "string"));
    if (name != NULL)
        assert_int_equal(strncmp(text, name, strlen(name)), 0);
    else if (string != NULL && *string != '\0')
        assert_string_equal(text, string);
}

static void
check_list(const char *log_path, const char *json_path)
{
    struct arena a = arena_new(8 << 20);
    struct selfsame_err e = { .depth = 0 };
    auto_json *root = NULL;

    const struct event_log log = parsed(shared_file(log_path, &a));
    assert_code(
        json_parse(shared_file(json_path, &a), json_path, &root, &e), SELFSAME_OK, &e);
    const json_t *list = json_object_get(root, "uefi_event_logs");
    assert_int_equal(json_array_size(list), log.count);
    for (size_t i = 0; i < log.count; i++)
        compare_event(&log, i, json_array_get(list, i), &a);
    arena_free(&a);
}

static void
events_are_those_that_another_parser_gave(void **state)
{
    (void)state;
    need_shared();
    check_list(COCO "CCEL_data", COCO "CCEL_data_out.json");
    check_list(COCO "CCEL_data_ovmf", COCO "CCEL_data_ovmf_out.json");
}

/* No firmware or boot loader of these says that a digest is of data that it is not of. */
static void
real_logs_have_no_mismatch(void **state)
{
    static const char *const paths[] = { COCO "CCEL_AAEL_alibabacloud",
        COCO "CCEL_data", COCO "CCEL_data_gcp", COCO "CCEL_data_grub",
        COCO "CCEL_data_grub_gke", COCO "CCEL_data_ovmf",
        TDX "google+go-eventlog/ccel/CCEL_unpadded.data.bin",
        TDX "google+go-tdx-guest/ccel/ccel_data.dat" };
    struct arena a = arena_new(16 << 20);
    size_t count[5] = { 0 };

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(paths); i++) {
        const struct event_log log = parsed(shared_file(paths[i], &a));

        for (size_t n = 0; n < log.count; n++) {
            const enum event_cover cover = judged(&log, n).cover;

            if (cover == EVENT_MISMATCH)
                fail_msg("%s: event %zu is a mismatch", paths[i], n);
            count[cover]++;
        }
    }
    assert_true(count[EVENT_COVERED] > count[EVENT_NOT_COVERED]);
    assert_int_equal(count[EVENT_NOT_EXTENDED], 2);
    assert_int_equal(count[EVENT_UNCHECKED], 0);
    arena_free(&a);
}

static void
what_digests_cover_of_a_real_log(void **state)
{
    static const struct {
        size_t event;
        enum event_cover cover;
        const char *text;
    } want[] = {
        { 0, EVENT_NOT_COVERED, "TdxTable" },
        { 2, EVENT_COVERED, "SecureBoot = 0" },
        { 7, EVENT_COVERED, "" },
        { 8, EVENT_NOT_COVERED, "ACPI DATA" },
        { 11, EVENT_COVERED, "BootOrder" },
        { 14, EVENT_COVERED, "Calling EFI Application from Boot Option" },
        { 17, EVENT_NOT_COVERED, "\\EFI\\BOOT\\BOOTX64.EFI" },
        { 18, EVENT_NOT_COVERED, "MokList" },
        { 20, EVENT_COVERED, "SbatLevel" },
        { 25, EVENT_COVERED, "grub_cmd: defaultA=2" },
        { 39, EVENT_NOT_COVERED, "/syslinux/vmlinuz.A" },
    };
    struct arena a = arena_new(4 << 20);
    char text[EVENT_TEXT];

    (void)state;
    need_shared();
    const struct event_log log = parsed(
        shared_file(TDX "google+go-tdx-guest/ccel/ccel_data.dat", &a));
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct event event = event_at(&log, want[i].event);

        event_text(&event, text, sizeof(text));
        assert_string_equal(text, want[i].text);
        if (judged(&log, want[i].event).cover != want[i].cover)
            fail_msg("event %zu: expected %s, got %s", want[i].event,
                event_cover_word(want[i].cover),
                event_cover_word(judged(&log, want[i].event).cover));
    }
    assert_bytes(judged(&log, 25).covered, BYTES_LIT("defaultA=2"));
    arena_free(&a);
}

static void
the_acpi_table_says_where_the_log_is(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct ccel_table t;
    uint8_t buf[57] = { 0 };

    (void)state;
    need_shared();
    const struct selfsame_bytes in = shared_file(
        TDX "google+go-tdx-guest/ccel/ccel_table.dat", &a);
    assert_code(ccel_table_parse(in, &t, &e), SELFSAME_OK, &e);
    assert_int_equal(t.type, CC_TDX);
    assert_int_equal(t.subtype, 0);
    assert_int_equal(t.log_size, 262144);
    assert_true(t.log_address == 0xbedbf000);
    assert_int_equal(in.len, 56);
    memcpy(buf, in.ptr, 56);
    for (size_t bit = 0; bit < 8 * 56; bit++) {
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(ccel_table_parse(BYTES(buf, 56), &t, &e), SELFSAME_MALFORMED);
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < 56; len++)
        assert_int_equal(ccel_table_parse(BYTES(buf, len), &t, &e), SELFSAME_MALFORMED);
    assert_int_equal(ccel_table_parse(BYTES(buf, 57), &t, &e), SELFSAME_MALFORMED);
    arena_free(&a);
}

/* ---- logs that are wrong ---- */

static void
headers_that_are_no_agile_log(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum selfsame_code code;
    } wrong[] = {
        { 4, 4, SELFSAME_UNSUPPORTED },   /* no EV_NO_ACTION */
        { 8, 1, SELFSAME_MALFORMED },     /* a digest */
        { 28, 34, SELFSAME_MALFORMED },   /* a byte too many */
        { 28, 32, SELFSAME_MALFORMED },   /* and too few */
        { 31, 0x80, SELFSAME_MALFORMED }, /* far too many */
        { 46, '0', SELFSAME_UNSUPPORTED },
        { 53, 1, SELFSAME_UNSUPPORTED }, /* version 1 */
        { 55, 0, SELFSAME_MALFORMED }, { 55, 3, SELFSAME_MALFORMED },
        { 56, 0, SELFSAME_MALFORMED }, /* no algorithm */
        { 56, 2, SELFSAME_MALFORMED }, /* more than there are */
        { 56, 9, SELFSAME_MALFORMED },
        { 60, 0x0b, SELFSAME_MALFORMED }, /* SHA-256 of 48 bytes */
        { 62, 32, SELFSAME_MALFORMED },   /* SHA-384 of 32 */
        { 62, 0, SELFSAME_MALFORMED },
        { 64, 1, SELFSAME_MALFORMED }, /* a vendor that is not there */
    };
    struct made_log m;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        made_header(&m);
        assert_int_equal(parse_code(writer_bytes(&m.w)), SELFSAME_OK);
        m.buf[wrong[i].at] = wrong[i].value;
        if (parse_code(writer_bytes(&m.w)) != wrong[i].code)
            fail_msg("case %zu: expected %s, got %s", i,
                selfsame_code_name(wrong[i].code),
                selfsame_code_name(parse_code(writer_bytes(&m.w))));
    }
}

/* Two algorithms in the header: an event must have both, in any order, and once. */
static void
events_have_each_algorithm_once(void **state)
{
    static const struct {
        uint8_t count, first, second;
        bool whole;
    } cases[] = { { 2, 0x0c, 0x0b, true }, { 2, 0x0b, 0x0c, true },
        { 2, 0x0c, 0x0c, false }, { 2, 0x0c, 0x04, false }, { 1, 0x0c, 0, false },
        { 3, 0x0c, 0x0b, false }, { 0, 0, 0, false } };
    struct made_log m;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        made_header(&m);
        m.w.len = 60;
        m.buf[28] = 37;
        m.buf[56] = 2;
        put_le32(&m.w, 48u << 16 | 0x0c);
        put_le32(&m.w, 32u << 16 | 0x0b);
        put_u8(&m.w, 0);
        put_le32(&m.w, 1);
        put_le32(&m.w, 4);
        put_le32(&m.w, cases[i].count);
        const uint8_t ids[] = { cases[i].first, cases[i].second };
        for (int k = 0; k < cases[i].count && k < 2; k++) {
            put_u8(&m.w, ids[k]);
            put_u8(&m.w, 0);
            for (int n = 0; n < (ids[k] == 0x0c ? 48 : 32); n++)
                put_u8(&m.w, ids[k]);
        }
        put_le32(&m.w, 0);
        assert_int_equal(parse_code(writer_bytes(&m.w)),
            cases[i].whole ? SELFSAME_OK : SELFSAME_MALFORMED);
        if (!cases[i].whole)
            continue;
        const struct event_log log = parsed(writer_bytes(&m.w));
        const struct event event = event_at(&log, 0);
        assert_int_equal(event_digest(&log, &event, EVENT_SHA384).ptr[0], 0x0c);
        assert_int_equal(event_digest(&log, &event, EVENT_SHA256).ptr[0], 0x0b);
        assert_int_equal(event_digest(&log, &event, EVENT_SHA256).len, 32);
        assert_null(event_digest(&log, &event, EVENT_SHA512).ptr);
    }
}

static void
an_algorithm_twice_in_the_header_is_refused(void **state)
{
    struct made_log m;

    (void)state;
    made_header(&m);
    m.w.len = 60;
    m.buf[28] = 37;
    m.buf[56] = 2;
    put_le32(&m.w, 48u << 16 | 0x0c);
    put_le32(&m.w, 48u << 16 | 0x0c);
    put_u8(&m.w, 0);
    assert_int_equal(parse_code(writer_bytes(&m.w)), SELFSAME_MALFORMED);
}

/* An algorithm of tomorrow has the size that the header says. */
static void
unknown_algorithms_have_the_size_they_say(void **state)
{
    struct made_log m;

    (void)state;
    made_header(&m);
    m.w.len = 60;
    put_le32(&m.w, 40u << 16 | 0x777);
    put_u8(&m.w, 0);
    put_le32(&m.w, 1);
    put_le32(&m.w, 4);
    put_le32(&m.w, 1);
    put_u8(&m.w, 0x77);
    put_u8(&m.w, 7);
    put_zeros(&m.w, 40);
    put_le32(&m.w, 0);
    const struct event_log log = parsed(writer_bytes(&m.w));
    const struct event event = event_at(&log, 0);
    assert_int_equal(event_digest(&log, &event, 0x777).len, 40);
    assert_null(event_alg_name(0x777));
    assert_int_equal(judged(&log, 0).cover, EVENT_UNCHECKED);
    m.buf[62] = 65;
    assert_int_equal(parse_code(writer_bytes(&m.w)), SELFSAME_MALFORMED);
}

static void
registers_that_do_not_exist_are_refused(void **state)
{
    static const struct {
        uint32_t index, type;
        enum selfsame_code code;
    } cases[] = {
        { 0, 4, SELFSAME_MALFORMED }, /* MRTD */
        { 0, 3, SELFSAME_OK },        /* which extends nothing */
        { 1, 4, SELFSAME_OK },
        { 4, 4, SELFSAME_OK },
        { 5, 4, SELFSAME_MALFORMED },
        { 5, 3, SELFSAME_MALFORMED },
        { 0xfffffffe, 4, SELFSAME_MALFORMED },
        { 0x80000001, 4, SELFSAME_MALFORMED },
    };
    struct selfsame_err e = { .depth = 0 };
    struct cc_replay r;
    struct made_log m;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        made_header(&m);
        made_plain(&m, cases[i].index, cases[i].type, BYTES_LIT("data"));
        const struct event_log log = parsed(writer_bytes(&m.w));
        assert_int_equal(log.count, 1);
        assert_int_equal(cc_replay(&log, &r, &e), cases[i].code);
    }
    assert_string_equal(cc_register_name(1), "RTMR0");
    assert_string_equal(cc_register_name(4), "RTMR3");
    assert_null(cc_register_name(5));
}

/* Each register is what its events give, and no event moves another. */
static void
replay_extends_the_register_of_the_event(void **state)
{
    uint8_t both[96] = { 0 }, want[HASH_MAX];
    struct made_log m;

    (void)state;
    for (uint32_t index = 1; index < CC_REGISTERS; index++) {
        made_header(&m);
        made_plain(&m, index, 4, BYTES_LIT("once"));
        made_plain(&m, index, 3, BYTES_LIT("not extended"));
        const struct event_log log = parsed(writer_bytes(&m.w));
        const struct cc_replay r = replayed(&log);
        assert_true(hash_bytes(HASH_SHA384, BYTES_LIT("once"), want));
        memcpy(both + 48, want, 48);
        assert_true(hash_bytes(HASH_SHA384, BYTES_ARR(both), want));
        for (uint32_t i = 0; i < CC_REGISTERS; i++) {
            assert_int_equal(r.count[i], i == index);
            assert_int_equal(bytes_is_zero(BYTES_ARR(r.value[i])), i != index);
        }
        assert_bytes(BYTES_ARR(r.value[index]), BYTES(want, 48));
        assert_int_equal(judged(&log, 1).cover, EVENT_NOT_EXTENDED);
    }
}

/* ---- the end of a log ---- */

static void
a_log_ends_with_padding_or_exactly(void **state)
{
    struct made_log m;
    const size_t len = made_boot(&m).len;

    (void)state;
    for (size_t pad = 0; pad <= 40; pad++) {
        memset(m.buf + len, 0xff, pad);
        assert_int_equal(parsed(BYTES(m.buf, len + pad)).padding, pad);
        memset(m.buf + len, 0, pad);
        assert_int_equal(parsed(BYTES(m.buf, len + pad)).padding, pad);
        for (size_t at = 0; at < pad; at++)
            for (int fill = 0; fill < 2; fill++) {
                memset(m.buf + len, fill ? 0xff : 0, pad);
                m.buf[len + at] = 0x5a; /* something hidden behind the end */
                assert_int_equal(
                    parse_code(BYTES(m.buf, len + pad)), SELFSAME_MALFORMED);
            }
    }
}

static void
too_many_events_or_bytes_are_refused(void **state)
{
    const size_t each = 66, many = EVENT_COUNT_MAX + 1;
    struct made_log m;
    uint8_t *buf = calloc(1, EVENT_LOG_MAX + 1);

    (void)state;
    assert_non_null(buf);
    made_header(&m);
    const size_t head = m.w.len;
    made_plain(&m, 1, 4, BYTES_NONE);
    assert_int_equal(m.w.len, head + each);
    memcpy(buf, m.buf, head);
    assert_int_equal(parse_code(BYTES(buf, EVENT_LOG_MAX)), SELFSAME_OK);
    assert_int_equal(parse_code(BYTES(buf, EVENT_LOG_MAX + 1)), SELFSAME_MALFORMED);
    for (size_t i = 0; i < many; i++)
        memcpy(buf + head + i * each, m.buf + head, each);
    assert_int_equal(
        parsed(BYTES(buf, head + (many - 1) * each)).count, EVENT_COUNT_MAX);
    assert_int_equal(parse_code(BYTES(buf, head + many * each)), SELFSAME_MALFORMED);
    free(buf);
}

/* ---- sweeps over a small log ---- */

/* What replay proves of it: registers, and which events mismatch. */
struct seen {
    enum selfsame_code code;
    struct cc_replay r;
    size_t count, mismatches;
};
static struct seen
look(struct selfsame_bytes in)
{
    struct selfsame_err e = { .depth = 0 };
    struct seen s = { 0 };
    struct event_log log;
    struct event event;
    struct event_fact fact;
    char text[EVENT_TEXT];

    s.code = event_log_parse(in, &log, &e);
    if (s.code == SELFSAME_OK)
        s.code = cc_replay(&log, &s.r, &e);
    if (s.code != SELFSAME_OK)
        return s;
    s.count = log.count;
    for (struct selfsame_bytes rest = log.events; event_next(&log, &rest, &event);) {
        assert_code(event_judge(&log, &event, &fact, &e), SELFSAME_OK, &e);
        event_text(&event, text, sizeof(text));
        s.mismatches += fact.cover == EVENT_MISMATCH;
    }
    return s;
}

static bool
same_registers(const struct seen *a, const struct seen *b)
{
    return bytes_eq(BYTES((const uint8_t *)a->r.value, sizeof(a->r.value)),
        BYTES((const uint8_t *)b->r.value, sizeof(b->r.value)));
}

/* Bytes of the log that no digest covers, beside types: the header's words, and data. */
static bool
is_hearsay(const struct event_log *log, const uint8_t *base, size_t at)
{
    struct selfsame_bytes rest = log->events;
    struct event event;

    if (at < 4 || (at >= 48 && at < 56)) /* its index; class, version, errata */
        return true;
    for (size_t n = 0; event_next(log, &rest, &event); n++) {
        const size_t data = (size_t)(event.data.ptr - base);
        const size_t type = (size_t)(event.digests.ptr - base) - 8;
        const struct event_fact fact = judged(log, n);
        const size_t from = fact.covered.ptr != NULL ? (size_t)(fact.covered.ptr - base)
                                                     : data + event.data.len;

        if (at >= type && at < type + 4)
            return true;
        if (at >= data && at < data + event.data.len &&
            (at < from || at >= from + fact.covered.len))
            return true;
    }
    return false;
}

static void
every_bit_of_a_log_counts_or_is_hearsay(void **state)
{
    struct made_log m, copy;
    const struct selfsame_bytes in = made_boot(&m);
    const struct event_log log = parsed(in);
    const struct seen good = look(in);
    size_t refused = 0, moved = 0, mismatch = 0, hearsay = 0;

    (void)state;
    assert_int_equal(good.code, SELFSAME_OK);
    assert_int_equal(good.mismatches, 0);
    for (size_t bit = 0; bit < 8 * in.len; bit++) {
        memcpy(copy.buf, m.buf, in.len);
        copy.buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const struct seen s = look(BYTES(copy.buf, in.len));

        if (s.code != SELFSAME_OK)
            refused++;
        else if (!same_registers(&s, &good))
            moved++;
        else if (s.mismatches > 0)
            mismatch++;
        else if (is_hearsay(&log, m.buf, bit / 8))
            hearsay++;
        else
            fail_msg("bit %zu of byte %zu makes no difference", bit % 8, bit / 8);
    }
    print_message("%zu refused, %zu other registers, %zu mismatch, %zu hearsay\n",
        refused, moved, mismatch, hearsay);
    assert_true(refused > 0 && moved > 0 && mismatch > 0 && hearsay > 0);
}

static void
every_cut_of_a_log_is_seen(void **state)
{
    struct made_log m;
    const struct selfsame_bytes in = made_boot(&m);
    const struct seen good = look(in);
    size_t whole = 0;

    (void)state;
    for (size_t len = 0; len < in.len; len++) {
        uint8_t *exact = malloc(len + 1); /* what is read behind it is reported */
        assert_non_null(exact);
        memcpy(exact, in.ptr, len);
        const struct seen s = look(BYTES(exact, len));

        free(exact);
        if (s.code != SELFSAME_OK)
            continue;
        assert_true(s.count < good.count);
        assert_false(same_registers(&s, &good));
        whole++;
    }
    assert_int_equal(whole, good.count); /* between two events */
    for (int byte = 1; byte < 0xff; byte++) {
        m.buf[in.len] = (uint8_t)byte;
        assert_int_equal(look(BYTES(m.buf, in.len + 1)).code, SELFSAME_MALFORMED);
    }
}

/* ---- what a digest covers ---- */

static void
rules_of_what_is_covered(void **state)
{
    static const uint8_t zeros[4], failed[4] = { 255, 255, 255, 255 };
#define LITERAL(s)                          \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
#define OWNER "0123456789abcdef"
    static const struct {
        const char *what;
        uint32_t type;
        struct selfsame_bytes hashed, data;
        enum event_cover cover;
        size_t covered;
    } cases[] = {
        { "a separator", 4, { zeros, 4 }, { zeros, 4 }, EVENT_COVERED, 4 },
        { "a separator of an error", 4, { failed, 4 }, { failed, 4 }, EVENT_COVERED,
            4 },
        { "a separator with other data", 4, { zeros, 4 }, { failed, 4 }, EVENT_MISMATCH,
            0 },
        { "a separator in disguise", 0xd, { zeros, 4 }, LITERAL("file"), EVENT_MISMATCH,
            0 },
        { "that of an error, of a type that promises nothing", 0x80000003u,
            { failed, 4 }, LITERAL("x"), EVENT_MISMATCH, 0 },
        { "an action", 0x80000007u, LITERAL("a"), LITERAL("a"), EVENT_COVERED, 1 },
        { "another action", 0x80000007u, LITERAL("a"), LITERAL("b"), EVENT_MISMATCH,
            0 },
        { "an image", 0x80000003u, LITERAL("a"), LITERAL("b"), EVENT_NOT_COVERED, 0 },
        { "a command of GRUB", 0xd, LITERAL("x y"), LITERAL("grub_cmd: x y\0"),
            EVENT_COVERED, 3 },
        { "an older one with a letter behind", 0xd, LITERAL("x y"),
            LITERAL("grub_cmd x y\0z"), EVENT_COVERED, 3 },
        { "one that hashes its NUL", 0xd, LITERAL("x y\0"), LITERAL("grub_cmd x y\0z"),
            EVENT_COVERED, 4 },
        { "one that has none", 0xd, LITERAL("x"), LITERAL("grub_cmd: x y"),
            EVENT_MISMATCH, 0 },
        { "another command", 0xd, LITERAL("x z"), LITERAL("grub_cmd: x y\0"),
            EVENT_MISMATCH, 0 },
        { "a command line", 0xd, LITERAL("ro"), LITERAL("kernel_cmdline: ro\0"),
            EVENT_COVERED, 2 },
        { "a file of GRUB", 0xd, LITERAL("content"), LITERAL("/grub.cfg\0"),
            EVENT_NOT_COVERED, 0 },
        { "a section of systemd-stub", 0xd, LITERAL(".linux\0"),
            LITERAL(".\0l\0i\0n\0u\0x\0\0\0"), EVENT_COVERED, 14 },
        { "its content", 0xd, LITERAL("ELF"), LITERAL(".\0l\0i\0n\0u\0x\0\0\0"),
            EVENT_NOT_COVERED, 0 },
        { "contents of a variable", 0x80000002u, LITERAL("value"),
            LITERAL(OWNER "\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0A\0value"), EVENT_COVERED,
            5 },
        { "all of a variable", 0x80000002u,
            LITERAL(OWNER "\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0A\0value"),
            LITERAL(OWNER "\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0A\0value"), EVENT_COVERED,
            39 },
        { "a variable whose length is past its end", 0x80000002u, LITERAL("value"),
            LITERAL(OWNER "\1\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0A\0value"), EVENT_MISMATCH,
            0 },
        { "a variable whose name wraps round", 0x80000002u, LITERAL("value"),
            LITERAL(OWNER "\0\0\0\0\0\0\0\x80\5\0\0\0\0\0\0\0value"), EVENT_MISMATCH,
            0 },
        { "a certificate without its owner", 0x800000e0u, LITERAL("cert"),
            LITERAL(OWNER "\1\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0A\0" OWNER "cert"),
            EVENT_COVERED, 4 },
        { "another certificate", 0x800000e0u, LITERAL("tree"),
            LITERAL(OWNER "\1\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0A\0" OWNER "cert"),
            EVENT_MISMATCH, 0 },
        { "parameters of td-shim", 0xa, LITERAL("ro"),
            LITERAL("td_payload_info\0\2\0\0\0ro"), EVENT_COVERED, 2 },
        { "tables elsewhere", 0xa, LITERAL("ro"), LITERAL("ACPI DATA"),
            EVENT_NOT_COVERED, 0 },
        { "a tagged event", 6, LITERAL("data"), LITERAL("TAG!\4\0\0\0data"),
            EVENT_COVERED, 4 },
        { "a whole tagged event", 6, LITERAL("TAG!\4\0\0\0data"),
            LITERAL("TAG!\4\0\0\0data"), EVENT_COVERED, 12 },
        { "a tagged event of something else", 6, LITERAL("initrd"),
            LITERAL("TAG!\4\0\0\0data"), EVENT_NOT_COVERED, 0 },
        { "an unknown type of its data", 0x4242, LITERAL("data"), LITERAL("data"),
            EVENT_COVERED, 4 },
        { "an unknown type of anything", 0x4242, LITERAL("x"), LITERAL("data"),
            EVENT_NOT_COVERED, 0 },
    };
#undef LITERAL
    struct made_log m;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        made_header(&m);
        made_event(&m, 3, cases[i].type, cases[i].hashed, cases[i].data);
        const struct event_log log = parsed(writer_bytes(&m.w));
        const struct event_fact fact = judged(&log, 0);

        if (fact.cover != cases[i].cover || fact.covered.len != cases[i].covered)
            fail_msg("%s: expected %s of %zu bytes, got %s of %zu", cases[i].what,
                event_cover_word(cases[i].cover), cases[i].covered,
                event_cover_word(fact.cover), fact.covered.len);
    }
}

/* The first is not plain, and no name of a type or a file may command a terminal. */
static void
texts_are_clean_and_cut(void **state)
{
    char text[8], longer[EVENT_TEXT];
    struct made_log m;

    (void)state;
    made_header(&m);
    made_plain(&m, 3, 0xd, BYTES_LIT("\x1b[2J"));
    made_plain(&m, 3, 0xd, BYTES_LIT("a long sentence"));
    made_plain(&m, 3, 0xd, BYTES_LIT("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"));
    made_plain(&m, 3, 0x4242, BYTES_LIT("text"));
    made_plain(&m, 2, 0x80000003u,
        BYTES_LIT(
            "0123456789abcdef0123456789abcdef\4\4\x0e\0\\\0a\0/\0b\0\0\0\x7f\xff\4"));
    made_plain(&m, 2, 0x80000003u,
        BYTES_LIT("0123456789abcdef0123456789abcdef\4\4\3\0\\\0a\0"));
    made_plain(&m, 4, 4, BYTES_LIT("\xff\xff\xff\xff"));
    const struct event_log log = parsed(writer_bytes(&m.w));
    static const char *const want[] = { "?[2J", "a long ", "\xc3\xa4\xc3\xa4\xc3\xa4",
        "", "\\a/b", "", "error" };
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct event event = event_at(&log, i);

        event_text(&event, text, sizeof(text));
        assert_string_equal(text, want[i]);
        event_text(&event, longer, sizeof(longer));
        assert_int_equal(strncmp(longer, text, strlen(text)), 0);
    }
    assert_null(event_type_name(0x4242));
}

/* ---- Secure Boot ---- */

static enum secure_boot
secure_boot_of(struct made_log *m)
{
    const struct event_log log = parsed(writer_bytes(&m->w));
    struct selfsame_err e = { .depth = 0 };
    enum secure_boot ret;

    assert_code(event_secure_boot(&log, &ret, &e), SELFSAME_OK, &e);
    return ret;
}

static void
secure_boot_is_read_from_digests_alone(void **state)
{
    struct made_log m;

    (void)state;
    made_header(&m);
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_UNKNOWN);
    made_plain(&m, 2, 0x80000001u, made_secure_boot(1)); /* another register */
    made_plain(&m, 1, 3, made_secure_boot(1));           /* extends nothing */
    made_event(&m, 1, 0x80000001u, BYTES_LIT("x"), made_secure_boot(1));
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_UNKNOWN);
    made_plain(&m, 1, 0x80000001u, made_secure_boot(0));
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_OFF);
    made_plain(&m, 1, 0x80000001u, made_secure_boot(1)); /* a second, after the boot */
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_UNKNOWN);
    made_header(&m);
    made_plain(&m, 1, 0x80000001u, made_secure_boot(1));
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_ON);
    /* Variables that were never set. */
    made_header(&m);
    struct selfsame_bytes unset = made_secure_boot(0);
    uint8_t copy[52];
    memcpy(copy, unset.ptr, 52);
    copy[24] = 0;
    made_plain(&m, 1, 0x80000001u, BYTES_ARR(copy));
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_OFF);
}

/* The real one called a blob, and a forged one put behind it under its name. */
static void
events_that_swap_their_types_change_nothing(void **state)
{
    struct made_log m;

    (void)state;
    made_header(&m);
    made_event(&m, 1, 0x8000000au, made_secure_boot(0), BYTES_LIT("blob"));
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_OFF);
    made_plain(&m, 1, 0x80000001u, made_secure_boot(1));
    assert_int_equal(secure_boot_of(&m), SECURE_BOOT_UNKNOWN);
}

/* ---- predictions ---- */

static void
predictions_are_compared_in_order(void **state)
{
    uint8_t digest[4][HASH_MAX];
    struct made_log m;
    long match[5];
    bool found[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_true(
            hash_bytes(HASH_SHA384, BYTES((const uint8_t *)&"abcd"[i], 1), digest[i]));
    made_header(&m);
    for (int i = 0; i < 3; i++)
        made_plain(&m, i < 2 ? 2 : 3, 4, BYTES((const uint8_t *)&"abc"[i], 1));
    made_plain(&m, 1, 4, BYTES_LIT("a"));
    made_plain(&m, 2, 3, BYTES_LIT("d"));
    const struct event_log log = parsed(writer_bytes(&m.w));
#define OF(index_, i)                                     \
    {                                                     \
        .index = (index_), .digest = BYTES(digest[i], 48) \
    }
    const struct event_prediction good[] = { OF(2, 0), OF(3, 2), OF(2, 1) };
    assert_true(event_compare(&log, good, 3, match, found));
    assert_int_equal(match[0], 0);
    assert_int_equal(match[1], 2);
    assert_int_equal(match[2], 1);
    assert_int_equal(match[3], EVENT_NOT_COMPARED); /* nothing is predicted of RTMR0 */
    assert_int_equal(match[4], EVENT_NOT_COMPARED);
    const struct event_prediction swapped[] = { OF(2, 1), OF(2, 0) };
    assert_false(event_compare(&log, swapped, 2, match, found));
    assert_int_equal(match[0], 1);
    assert_int_equal(match[1], EVENT_OTHER);
    assert_false(found[0]);
    const struct event_prediction more[] = { OF(2, 0), OF(2, 3), OF(2, 1) };
    assert_false(event_compare(&log, more, 3, match, found));
    assert_true(found[0] && !found[1] && found[2]);
    const struct event_prediction fewer[] = { OF(2, 0) };
    assert_false(event_compare(&log, fewer, 1, match, found));
    assert_int_equal(match[1], EVENT_OTHER);
    const struct event_prediction elsewhere[] = { OF(3, 0), OF(3, 1) };
    assert_false(event_compare(&log, elsewhere, 2, match, found));
#undef OF
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_logs_replay_as_their_manifest_says),
        cmocka_unit_test(a_log_of_another_algorithm_is_read_and_not_replayed),
        cmocka_unit_test(events_are_those_that_another_parser_gave),
        cmocka_unit_test(real_logs_have_no_mismatch),
        cmocka_unit_test(what_digests_cover_of_a_real_log),
        cmocka_unit_test(the_acpi_table_says_where_the_log_is),
        cmocka_unit_test(headers_that_are_no_agile_log),
        cmocka_unit_test(events_have_each_algorithm_once),
        cmocka_unit_test(an_algorithm_twice_in_the_header_is_refused),
        cmocka_unit_test(unknown_algorithms_have_the_size_they_say),
        cmocka_unit_test(registers_that_do_not_exist_are_refused),
        cmocka_unit_test(replay_extends_the_register_of_the_event),
        cmocka_unit_test(a_log_ends_with_padding_or_exactly),
        cmocka_unit_test(too_many_events_or_bytes_are_refused),
        cmocka_unit_test(every_bit_of_a_log_counts_or_is_hearsay),
        cmocka_unit_test(every_cut_of_a_log_is_seen),
        cmocka_unit_test(rules_of_what_is_covered),
        cmocka_unit_test(texts_are_clean_and_cut),
        cmocka_unit_test(secure_boot_is_read_from_digests_alone),
        cmocka_unit_test(events_that_swap_their_types_change_nothing),
        cmocka_unit_test(predictions_are_compared_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
