/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor knows, on one page that needs nothing else: no script, no network. */
#include "service/monitor_parts.h"

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- text that grows ---- */

void
text_free(struct text *t)
{
    free(t->ptr);
    *t = (struct text){ .ptr = NULL };
}

void
text_add(struct text *t, struct selfsame_bytes b)
{
    size_t cap = t->cap > 0 ? t->cap : 4096;

    while (cap - t->len < b.len && cap < SIZE_MAX / 4)
        cap *= 2;
    if (!t->bad && cap > t->cap) {
        char *more = cap - t->len < b.len ? NULL : realloc(t->ptr, cap);

        t->bad = more == NULL;
        t->ptr = more != NULL ? more : t->ptr;
        t->cap = more != NULL ? cap : t->cap;
    }
    if (t->bad || b.len == 0)
        return;
    memcpy(t->ptr + t->len, b.ptr, b.len);
    t->len += b.len;
}

void
text_str(struct text *t, const char *s)
{
    text_add(t, bytes_str(s));
}

/* ---- the page ---- */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Releases in the log</title>\n"
    "<style>\n"
    ":root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--paper:#fff;"
    "--line:#d0d7de;--good:#116329;--bad:#a40e26;--warn:#7a4b00}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9ea7b3;"
    "--paper:#0d1117;--line:#30363d;--good:#56d364;--bad:#ff8b81;--warn:#e3b341}}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}\n"
    "main{max-width:75rem;margin:0 auto;padding:2rem 1.2rem 4rem}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem}\n"
    "h2{font-size:1.25rem;margin:2.6rem 0 .6rem}\n"
    ".dim{color:var(--dim);font-size:.9rem}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "caption{text-align:left;color:var(--dim);padding-bottom:.5rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.55rem 1.2rem .55rem 0;"
    "border-top:1px solid var(--line)}\n"
    "thead th{border-top:0;color:var(--dim);font-weight:400;font-size:.85rem}\n"
    "td ul{list-style:none;margin:0;padding:0}\n"
    "code{font:.82rem/1.5 ui-monospace,'DejaVu Sans Mono',monospace}\n"
    "</style>\n</head>\n<body>\n<main>\n";

static const char *
entity_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

void
text_escaped(struct text *t, const char *s)
{
    struct selfsame_bytes rest = bytes_str(s);

    while (rest.len > 0) {
        const char *entity = entity_of((char)rest.ptr[0]);
        bool plain;
        size_t n = text_char(rest, &plain);

        if (entity != NULL || !plain)
            text_str(t, entity != NULL ? entity : "?");
        else
            text_add(t, BYTES(rest.ptr, n));
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
}

static void
add_number(struct text *t, uint64_t n)
{
    char digits[32];

    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    text_str(t, digits);
}

static void
add_time(struct text *t, int64_t s)
{
    char when[TIME_TEXT];

    time_format(s, when);
    text_str(t, s > 0 ? when : "unknown");
}

static void
add_hash(struct text *t, const uint8_t hash[static 32], size_t len)
{
    char hex[65];

    hex_encode(BYTES(hash, len), hex);
    text_str(t, "<code>");
    text_str(t, hex);
    text_str(t, "</code>");
}

static void
draw_status(struct text *t, const struct state *s, const struct seen_release *r)
{
    if (!r->checked && s->names[r->name].ours)
        text_str(t, "<strong class=\"bad\">not signed by a key of the "
                    "publisher</strong><br>");
    if (r->revoked) {
        text_str(t, "<strong class=\"bad\">revoked</strong> since ");
        add_time(t, r->revoked_s);
        text_str(t, ": ");
        text_escaped(t, r->reason);
    } else if (r->superseded_by[0] != '\0') {
        text_str(t, "<span class=\"warn\">superseded</span> by ");
        text_escaped(t, r->superseded_by);
    } else if (r->current)
        text_str(t, "<span class=\"good\">current</span>");
    else
        text_str(t, s->names[r->name].index_sequence > 0
                        ? "<span class=\"warn\">not in the last index</span>"
                        : "published");
}

static void
draw_rebuilds(struct text *t, const struct state *s, size_t release)
{
    bool any = false;

    text_str(t, "<ul>");
    for (size_t i = 0; i < s->rebuild_count; i++) {
        const struct seen_rebuild *b = &s->rebuilds[i];

        if (b->release != release)
            continue;
        any = true;
        text_str(t, "<li><span class=\"");
        text_str(t, b->result == REBUILD_IDENTICAL ? "good" : "bad");
        text_str(t, "\">");
        text_str(t, rebuild_word(b->result));
        text_str(t, "</span> by ");
        if (b->checked && b->label[0] != '\0')
            text_escaped(t, b->label);
        else
            add_hash(t, b->key, 8);
        text_str(t, b->checked ? "" : " <span class=\"dim\">(key not checked)</span>");
        text_str(t, " <span class=\"dim\">");
        add_time(t, b->seen_s);
        text_str(t, ", entry ");
        add_number(t, b->entry);
        text_str(t, "</span></li>");
    }
    if (s->releases[release].more > 0) {
        text_str(t, "<li class=\"dim\">and ");
        add_number(t, s->releases[release].more);
        text_str(t, " more by keys that were not checked</li>");
    }
    text_str(t, any ? "</ul>" : "<li class=\"dim\">nobody yet</li></ul>");
}

static void
draw_release(struct text *t, const struct state *s, size_t i)
{
    const struct seen_release *r = &s->releases[i];

    text_str(t, "<tr><th scope=\"row\">");
    text_escaped(t, r->version);
    text_str(t, "</th><td>");
    add_number(t, r->sequence);
    text_str(t, "</td><td>");
    add_time(t, r->seen_s);
    text_str(t, "<br><span class=\"dim\">entry ");
    add_number(t, r->entry);
    text_str(t, "</span></td><td>");
    draw_status(t, s, r);
    text_str(t, "</td><td>");
    draw_rebuilds(t, s, i);
    text_str(t, "</td><td>");
    add_hash(t, r->sha256, 32);
    text_str(t, "</td></tr>\n");
}

static void
draw_name(struct text *t, const struct state *s, size_t name)
{
    bool any = false;

    text_str(t, "<h2>");
    text_escaped(t, s->names[name].name);
    text_str(t, "</h2>\n<div class=\"wide\"><table>\n<caption>");
    text_str(t, s->names[name].ours
                    ? "Signed by the publisher's keys, unless it says "
                      "otherwise."
                    : "As the log shows it; signatures were not checked.");
    text_str(t,
        " Newest first.</caption>\n<thead><tr><th scope=\"col\">Version</th>"
        "<th scope=\"col\">Sequence</th>"
        "<th scope=\"col\">Seen by witnesses</th>"
        "<th scope=\"col\">Status</th><th scope=\"col\">Rebuilt</th>"
        "<th scope=\"col\">SHA-256 of the statement</th></tr></thead>\n<tbody>\n");
    for (size_t i = s->release_count; i-- > 0;)
        if (s->releases[i].name == name) {
            draw_release(t, s, i);
            any = true;
        }
    if (!any)
        text_str(t, "<tr><td colspan=\"6\" class=\"dim\">no release yet</td></tr>\n");
    text_str(t, "</tbody>\n</table></div>\n");
}

static void
draw_origin(struct text *t, const struct state *s)
{
    char origin[NOTE_NAME_MAX + 1];

    (void)snprintf(origin, sizeof(origin), "%.*s", (int)s->checkpoint.origin.len,
        (const char *)s->checkpoint.origin.ptr);
    text_escaped(t, origin);
}

enum selfsame_code
page_write(
    const char *path, const struct state *s, int64_t now_s, struct selfsame_err *e)
{
    auto_text t = { .ptr = NULL };

    text_str(&t, head);
    text_str(&t, "<h1>Releases in the log ");
    draw_origin(&t, s);
    text_str(&t, "</h1>\n<p>");
    add_number(&t, s->checkpoint.size);
    text_str(&t, " entries, all of them read. The last checkpoint was seen by "
                 "witnesses at ");
    add_time(&t, s->time_s);
    text_str(&t, "; root ");
    add_hash(&t, s->checkpoint.root, 32);
    text_str(&t, ".</p>\n");
    for (size_t i = 0; i < s->name_count; i++)
        draw_name(&t, s, i);
    if (s->name_count == 0)
        text_str(&t, "<p>No release that is watched stands in it.</p>\n");
    text_str(&t, "<p class=\"dim\">Written at ");
    add_time(&t, now_s);
    text_str(&t, " by selfsame monitor. This page proves nothing: "
                 "proofs do.</p>\n</main>\n</body>\n</html>\n");
    if (t.bad)
        FAIL(e, SELFSAME_NOMEM, "%s", path);
    return file_write(path, BYTES((const uint8_t *)t.ptr, t.len), false, e);
}
