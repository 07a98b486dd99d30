/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rebuild_report.h"
#include "cli/print.h"

#include <stdio.h>
#include <stdlib.h>

static enum selfsame_code
no_memory(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory for the findings");
}

enum selfsame_code
rebuild_report_new(struct rebuild_report *r, bool json, struct selfsame_err *e)
{
    r->json = json;
    r->findings = json_array();
    return r->findings != NULL ? SELFSAME_OK : no_memory(e);
}

void
rebuild_report_free(struct rebuild_report *r)
{
    json_free(&r->findings);
}

/* s? leaves null where nothing is to be said; names that are no UTF-8 have no place in JSON. */
void
rebuild_report_add(void *ctx, const struct repro_finding *f)
{
    struct rebuild_report *r = ctx;
    json_t *one = json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?, s:s?}", "what", f->what,
        "name", f->name, "how", f->how, "a", f->a, "b", f->b, "hint", f->hint);

    if (one == NULL)
        one = json_pack(
            "{s:s, s:s, s:s}", "what", f->what, "name", "(not UTF-8)", "how", f->how);
    r->failed |= one == NULL || json_array_append_new(r->findings, one) != 0;
}

void
rebuild_report_add_inside(void *ctx, const struct repro_finding *f)
{
    struct rebuild_report *r = ctx;

    if (strcmp(f->what, "member") == 0)
        return;
    r->files++;
    rebuild_report_add(r, f);
}

enum selfsame_code
rebuild_report_failed(const struct rebuild_report *r, struct selfsame_err *e)
{
    return r->failed ? no_memory(e) : SELFSAME_OK;
}

/* ---- text ---- */

/* Names in a release are a stranger's: no terminal is to obey them. */
static void
print_clean(const char *s)
{
    struct selfsame_bytes rest = bytes_str(s);

    while (rest.len > 0) {
        bool plain;
        const size_t n = text_char(rest, &plain);

        if (plain)
            (void)fwrite(rest.ptr, 1, n, stdout);
        else
            (void)fputc('?', stdout);
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
}

static void
print_part(const char *label, const json_t *text)
{
    const char *s = json_string_value(text);

    if (s == NULL)
        return;
    (void)fputs(label, stdout);
    print_clean(s);
}

static void
print_finding(const json_t *f)
{
    print_part("", json_object_get(f, "what"));
    print_part(" ", json_object_get(f, "name"));
    print_part(": ", json_object_get(f, "how"));
    print_part("\n    A    ", json_object_get(f, "a"));
    print_part("\n    B    ", json_object_get(f, "b"));
    print_part("\n    hint ", json_object_get(f, "hint"));
    (void)fputc('\n', stdout);
}

/* The parts of an image that have a register of their own (Nitro). */
static bool
differs(const struct rebuild_report *r, const char *value)
{
    for (size_t i = 0; i < json_array_size(r->findings); i++) {
        const char *name = json_string_value(
            json_object_get(json_array_get(r->findings, i), "name"));

        if (name != NULL && strcmp(name, value) == 0)
            return true;
    }
    return false;
}

static void
print_conclusion(const struct rebuild_report *r)
{
    bool machine = differs(r, "aws-nitro pcr.1");

    if (machine || differs(r, "aws-nitro pcr.2"))
        (void)printf("measured    %s\n",
            !machine ? "kernel, command line and first ramdisk are the same; the "
                       "application is not"
            : differs(r, "aws-nitro pcr.2")
                ? "neither kernel, command line and first ramdisk nor the application "
                  "is the same"
                : "the application is the same; kernel, command line or first ramdisk "
                  "is not");
}

static void
print_text(const struct rebuild_report *r, const struct rebuild_outcome *o,
    const struct rebuild_claims *claims)
{
    char hex[65];

    hex_encode(BYTES_ARR(o->sha256), hex);
    if (json_array_size(r->findings) > 0)
        (void)printf("A is the release, B the rebuild\n");
    for (size_t i = 0; i < json_array_size(r->findings); i++)
        print_finding(json_array_get(r->findings, i));
    print_conclusion(r);
    (void)printf("release     %s\n", hex);
    (void)printf("source      %s\n", r->source);
    if (claims->tool_version != NULL &&
        strcmp(claims->tool_version, selfsame_version()) != 0) {
        (void)printf("tool        %s here, ", selfsame_version());
        print_clean(claims->tool_version);
        (void)printf(" there\n");
    }
    if (!o->sandboxed)
        (void)printf("insecure    built without a sandbox\n");
    (void)printf("statement   %s%s%s%s%s\n", r->statement_path,
        r->envelope_path != NULL ? ", signed: " : "",
        r->envelope_path != NULL ? r->envelope_path : "",
        r->proof_path != NULL ? ", logged: " : "",
        r->proof_path != NULL ? r->proof_path : "");
    if (r->differences == 0)
        (void)printf("identical: %zu compared\n", r->compared);
    else if (r->files > 0)
        (void)printf("different: %zu of %zu compared, and %zu inside the image\n",
            r->differences, r->compared, r->files);
    else
        (void)printf("different: %zu of %zu compared; --image names the files\n",
            r->differences, r->compared);
}

/* ---- JSON ---- */

static enum selfsame_code
print_json(const struct rebuild_report *r, const struct rebuild_outcome *o,
    struct selfsame_err *e)
{
    auto_json *statement = NULL;
    char hex[65];

    hex_encode(BYTES_ARR(o->sha256), hex);
    TRY(json_parse(o->rebuilt, "statement", &statement, e));
    auto_json *root = json_pack(
        "{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:O, s:O, s:s, s:s?, s:s?}", "result",
        o->result, "statement", hex, "source", r->source, "sandboxed", o->sandboxed,
        "compared", (json_int_t)r->compared, "differences", (json_int_t)r->differences,
        "inside_image", (json_int_t)r->files, "findings", r->findings, "rebuilt",
        json_object_get(statement, "subject"), "statement_file", r->statement_path,
        "envelope_file", r->envelope_path, "proof_file", r->proof_path);
    return print_json_line(root, e);
}

enum selfsame_code
rebuild_report_print(const struct rebuild_report *r, const struct rebuild_outcome *o,
    const struct rebuild_claims *claims, struct selfsame_err *e)
{
    if (r->json)
        return print_json(r, o, e);
    print_text(r, o, claims);
    return SELFSAME_OK;
}
