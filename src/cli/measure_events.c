/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/measure_events.h"

#include "cli/events.h"
#include "cli/print.h"
#include "codec/text_input.h"
#include "os/os.h"
#include "show/events.h"
#include "show/show.h"
#include "tee/tdx/tdx.h"

#include <stdio.h>

struct measured_log {
    struct event_log log;
    struct cc_replay replay;
    bool has_quote;
    struct tdx_body quote;
    const struct event_prediction *predicted;
    size_t predicted_count;
    long *match;
    bool *found;
    bool as_predicted;
};

bool
measure_events_wanted(struct cli *c)
{
    return cli_value(c, "event-log") != NULL;
}

enum selfsame_code
measure_events_check(struct cli *c, struct selfsame_err *e)
{
    const bool wanted = measure_events_wanted(c);
    const char *tee = cli_value(c, "tee");

    if (wanted && tee != NULL && strcmp(tee, "tdx") != 0)
        FAIL(e, SELFSAME_USAGE, "--event-log: expected --tee tdx, got %.40s", tee);
    if (wanted && tee == NULL && cli_operand_count(c) > 0)
        FAIL(e, SELFSAME_USAGE, "--event-log: expected --tee tdx with an image");
    if (!wanted && cli_value(c, "quote") != NULL)
        FAIL(e, SELFSAME_USAGE, "--quote: expected --event-log beside it");
    if (!wanted && cli_operand_count(c) == 0)
        FAIL(e, SELFSAME_USAGE, "measure: expected IMAGE, got nothing");
    return SELFSAME_OK;
}

/* ---- reading ---- */

static enum selfsame_code
read_file(struct cli *c, const char *option, size_t limit, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const char *path = cli_value(c, option);

    TRY(file_read(path, limit, cli_arena(c), ret, e));
    if (ret->len == 0)
        TRY_WHILE(e, file_empty(e, option), "%s", path);
    (void)text_input_decode(ret, cli_arena(c));
    return SELFSAME_OK;
}

static enum selfsame_code
read_log(struct cli *c, struct measured_log *m, struct selfsame_err *e)
{
    struct selfsame_bytes in;

    TRY(read_file(c, "event-log", 2 * EVENT_LOG_MAX, &in, e));
    TRY_WHILE(e, event_log_parse(in, &m->log, e), "%s", cli_value(c, "event-log"));
    TRY_WHILE(e, cc_replay(&m->log, &m->replay, e), "%s", cli_value(c, "event-log"));
    return SELFSAME_OK;
}

/* What it says; nothing of it is verified here. */
static enum selfsame_code
read_quote(struct cli *c, struct measured_log *m, struct selfsame_err *e)
{
    struct selfsame_bytes in;
    struct dcap_quote q;

    if (cli_value(c, "quote") == NULL)
        return SELFSAME_OK;
    TRY(read_file(c, "quote", DCAP_QUOTE_MAX, &in, e));
    TRY_WHILE(e, dcap_quote_parse(in, &q, e), "%s", cli_value(c, "quote"));
    if (q.tee != DCAP_TDX)
        FAIL(e, SELFSAME_UNSUPPORTED, "%s: expected a quote of TDX, got one of SGX",
            cli_value(c, "quote"));
    TRY_WHILE(e, tdx_body_check(&q, &m->quote, e), "%s", cli_value(c, "quote"));
    m->has_quote = true;
    return SELFSAME_OK;
}

/* "rtmr.1" is register 2; 0 for what is none. */
static uint32_t
index_of(const char *claim)
{
    const char prefix[] = "rtmr.";

    if (claim == NULL || strncmp(claim, prefix, sizeof(prefix) - 1) != 0 ||
        strlen(claim) != sizeof(prefix))
        return 0;
    const char digit = claim[sizeof(prefix) - 1];
    return digit >= '0' && digit <= '3' ? (uint32_t)(digit - '0') + 1 : 0;
}

static enum selfsame_code
read_prediction(struct cli *c, const json_t *j, struct event_prediction *ret,
    struct selfsame_err *e)
{
    const char *hex = json_string_value(json_object_get(j, "sha384"));
    uint8_t digest[CC_DIGEST];
    size_t len = 0;

    ret->index = index_of(json_string_value(json_object_get(j, "claim")));
    ret->what = json_string_value(json_object_get(j, "what"));
    if (hex == NULL || ret->what == NULL || ret->index == 0 ||
        !hex_decode(hex, strlen(hex), digest, sizeof(digest), &len) ||
        len != sizeof(digest))
        FAIL(e, SELFSAME_INTERNAL, "the measurement predicts what cannot be read");
    if (!arena_dup(cli_arena(c), BYTES_ARR(digest), &ret->digest))
        FAIL(e, SELFSAME_NOMEM, "the prediction");
    return SELFSAME_OK;
}

/* Are all its events predicted? Then the register is as well. */
static bool
is_complete(const json_t *measured, uint32_t index)
{
    char name[12];

    (void)snprintf(name, sizeof(name), "%d", (int)index - 1);
    return json_object_get(json_object_get(measured, "rtmr"), name) != NULL;
}

/* Of a register that is predicted in part others may stand between. */
static bool
fits(const json_t *measured, const struct measured_log *m)
{
    struct selfsame_bytes rest = m->log.events;
    struct event event;

    for (size_t i = 0; event_next(&m->log, &rest, &event); i++)
        if (m->match[i] == EVENT_OTHER && is_complete(measured, event.index))
            return false;
    for (size_t i = 0; i < m->predicted_count; i++)
        if (!m->found[i] && is_complete(measured, m->predicted[i].index))
            return false;
    return true;
}

static enum selfsame_code
compare_image(struct cli *c, const json_t *measured, struct measured_log *m,
    struct selfsame_err *e)
{
    const json_t *list = json_object_get(measured, "predicted");
    const size_t n = json_array_size(list);
    struct event_prediction *p = ARENA_NEW(
        cli_arena(c), struct event_prediction, n + 1);

    m->match = ARENA_NEW(cli_arena(c), long, m->log.count + 1);
    m->found = ARENA_NEW(cli_arena(c), bool, n + 1);
    if (p == NULL || m->match == NULL || m->found == NULL)
        FAIL(e, SELFSAME_NOMEM, "the prediction");
    if (n == 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected an image whose events are predicted (tdx), got one of which "
            "none is");
    for (size_t i = 0; i < n; i++)
        TRY(read_prediction(c, json_array_get(list, i), &p[i], e));
    m->predicted = p;
    m->predicted_count = n;
    m->as_predicted = event_compare(&m->log, p, n, m->match, m->found) ||
                      fits(measured, m);
    return SELFSAME_OK;
}

/* ---- registers ---- */

/* Programs extend RTMR3 without an entry in the log: it is compared where it has one. */
static bool
is_compared(const struct measured_log *m, size_t rtmr)
{
    return rtmr != 3 || m->replay.count[rtmr + 1] > 0;
}

static bool
is_of_quote(const struct measured_log *m, size_t rtmr)
{
    return bytes_eq(BYTES_ARR(m->replay.value[rtmr + 1]), m->quote.rtmr[rtmr]);
}

/* ---- output ---- */

static json_t *
hex_json(struct selfsame_bytes b48)
{
    char hex[2 * CC_DIGEST + 1];

    hex_encode(b48, hex);
    return json_string(hex);
}

/* Is it in the list already? */
static bool
is_listed(const json_t *list, const char *hex)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), hex) == 0)
            return true;
    return false;
}

/* {"1": [digest, …]}, each once: what a policy may pin. */
static enum selfsame_code
put_reference(json_t *root, const struct measured_log *m, struct selfsame_err *e)
{
    json_t *lists = json_object();
    struct selfsame_bytes rest = m->log.events;
    struct event event;

    TRY(show_put(root, "tee", json_string("tdx"), e));
    if (m->has_quote)
        TRY(show_put(root, "mrtd", hex_json(m->quote.mrtd), e));
    TRY(show_put(root, "events", lists, e));
    while (event_next(&m->log, &rest, &event)) {
        char name[12];

        if (!event_extends(&event))
            continue;
        (void)snprintf(name, sizeof(name), "%u", event.index - 1);
        if (json_object_get(lists, name) == NULL)
            TRY(show_put(lists, name, json_array(), e));
        json_t *list = json_object_get(lists, name);
        auto_json *hex = hex_json(event_digest(&m->log, &event, EVENT_SHA384));
        if (hex == NULL || (!is_listed(list, json_string_value(hex)) &&
                               json_array_append(list, hex) != 0))
            FAIL(e, SELFSAME_NOMEM, "the output");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
put_quote(json_t *into, const struct measured_log *m, struct selfsame_err *e)
{
    json_t *all = json_array();

    TRY(show_put(into, "quote", all, e));
    for (size_t i = 0; i < TDX_RTMRS; i++)
        if (json_array_append_new(all, json_string(!is_compared(m, i)  ? "not-compared"
                                                   : is_of_quote(m, i) ? "same"
                                                                       : "differs")) !=
            0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

/* "match" of each event, and what is predicted and not there. */
static enum selfsame_code
put_image(json_t *into, const struct measured_log *m, struct selfsame_err *e)
{
    const json_t *rows = json_object_get(into, "log");
    json_t *missing = json_array();

    TRY(show_put(into, "missing", missing, e));
    for (size_t i = 0; i < m->log.count; i++) {
        const long at = m->match[i];
        const char *word = at == EVENT_NOT_COMPARED ? "-"
                           : at == EVENT_OTHER      ? "unexpected"
                                                    : m->predicted[at].what;

        TRY(show_put(json_array_get(rows, i), "match", json_string(word), e));
    }
    for (size_t i = 0; i < m->predicted_count; i++)
        if (!m->found[i] &&
            json_array_append_new(missing, json_pack("{s:s, s:s, s:o}", "register",
                                               cc_register_name(m->predicted[i].index),
                                               "what", m->predicted[i].what, "sha384",
                                               hex_json(m->predicted[i].digest))) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

static void
print_missing(const json_t *missing)
{
    size_t i;
    json_t *x;

    json_array_foreach((json_t *)(uintptr_t)missing, i, x)(void) printf(
        "%-6s%-47s %.16s  %s\n", json_string_value(json_object_get(x, "register")),
        "missing", json_string_value(json_object_get(x, "sha384")),
        json_string_value(json_object_get(x, "what")));
}

static void
print_quote(const json_t *words)
{
    size_t i;
    json_t *x;

    json_array_foreach((json_t *)(uintptr_t)words, i, x)(void)
        printf("quote RTMR%-4zu %s\n", i, json_string_value(x));
}

/* What differs, in a sentence; NULL: nothing does. */
static const char *
difference(struct cli *c, const struct measured_log *m, bool image)
{
    for (size_t i = 0; i < TDX_RTMRS; i++)
        if (m->has_quote && is_compared(m, i) && !is_of_quote(m, i)) {
            const char *why = arena_printf(cli_arena(c),
                "the event log does not replay to RTMR%zu of the quote", i);

            return why != NULL ? why : "the event log does not replay to the quote";
        }
    return image && !m->as_predicted
               ? "the event log has other events than the image has on its first "
                 "machine"
               : NULL;
}

static enum selfsame_code
put_all(json_t *root, const struct measured_log *m, bool image, const char *differs,
    struct selfsame_err *e)
{
    json_t *log = json_object();

    TRY(put_reference(root, m, e));
    TRY(show_put(root, "event_log", log, e));
    TRY(show_put(
        log, "differs", differs != NULL ? json_string(differs) : json_null(), e));
    TRY(events_put(log, &m->log, e));
    if (m->has_quote)
        TRY(put_quote(log, m, e));
    return image ? put_image(log, m, e) : SELFSAME_OK;
}

/* What differs is an error of its own, or with --json a member of the one object. */
static enum selfsame_code
print(struct cli *c, const struct measured_log *m, bool image, struct selfsame_err *e)
{
    auto_json *root = json_object();
    const char *differs = difference(c, m, image);

    TRY(put_all(root, m, image, differs, e));
    if (cli_json(c)) {
        TRY(print_json_line(root, e));
        return differs != NULL ? SELFSAME_MISMATCH : SELFSAME_OK;
    }
    const json_t *log = json_object_get(root, "event_log");
    events_print(log);
    print_missing(json_object_get(log, "missing"));
    print_quote(json_object_get(log, "quote"));
    if (differs != NULL)
        FAIL(e, SELFSAME_MISMATCH, "%s", differs);
    return SELFSAME_OK;
}

/* ---- the command ---- */

enum selfsame_code
measure_events(struct cli *c, const json_t *measured, struct selfsame_err *e)
{
    struct measured_log m = { .has_quote = false };

    TRY(read_log(c, &m, e));
    TRY(read_quote(c, &m, e));
    if (measured != NULL)
        TRY(compare_image(c, measured, &m, e));
    return print(c, &m, measured != NULL, e);
}
