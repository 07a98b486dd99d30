/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_APPRAISE_REPORT_H
#define SELFSAME_APPRAISE_REPORT_H

#include "appraise/appraise.h"

/* What the printed forms of a verdict share. Evidence and errors quote strangers. */
void put_str(struct writer *w, const char *s); /* our own words, as they are */
/* For terminals: control and direction characters become '?'; NULL is nothing. */
void put_safe(struct writer *w, struct selfsame_bytes b);
void put_safe_str(struct writer *w, const char *s);
/* For HTML text and attribute values: the same, and & < > " ' as entities. */
void put_escaped(struct writer *w, struct selfsame_bytes b);
void put_escaped_str(struct writer *w, const char *s);
/* A claim's value as text: hex, number, true, "absent". */
void put_claim(struct writer *w, const struct claim *c, bool html);

/* Where two values start and stop to differ: bytes they share at both ends. */
struct report_common {
    size_t head, tail;
};
struct report_common report_common(struct selfsame_bytes a, struct selfsame_bytes b);
/* "root", "intermediate", "leaf" */
const char *report_certificate_role(const struct selfsame_claims *c, size_t i);

/* Runs `draw` twice, to count and to write; one malloc of the exact size. */
MUST enum selfsame_code report_render(void (*draw)(struct writer *w, const void *ctx),
    const void *ctx, char **ret, struct selfsame_err *e);

/* One sentence per weakness: insecure words, simulated, caller's anchors, as of. */
size_t report_warning_count(const struct verdict *v);
void report_warning(struct writer *w, const struct verdict *v, size_t i);
/*
 * Did freshness pass, but as of another time? What was young or answered then is never
 * called fresh: `ret` is that time.
 */
bool report_then(
    const struct verdict *v, enum check_name name, char ret[static TIME_TEXT]);
const char *report_headline(const struct verdict *v);

#endif
