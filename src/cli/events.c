/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events.h"

#include <stdio.h>

enum { SHOWN_DIGEST = 16, SHOWN_TEXT = 100 };

static const char *
text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text != NULL ? text : "";
}

static void
print_row(const json_t *row)
{
    const char *text = text_of(row, "text"), *digest = "";
    const char *match = json_string_value(json_object_get(row, "match"));
    const size_t cut = text_cut(bytes_str(text), SHOWN_TEXT);
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(row, "digests"), name, value)
    {
        digest = json_string_value(value);
        break;
    }
    if (json_object_get(row, "register") != NULL)
        (void)printf("%-6s", text_of(row, "register"));
    else
        (void)printf(
            "%-6lld", (long long)json_integer_value(json_object_get(row, "index")));
    (void)printf("%-33s %-13s %.*s  ", text_of(row, "type"), text_of(row, "covered"),
        (int)SHOWN_DIGEST, digest);
    if (match != NULL)
        (void)printf("%-20s ", match);
    (void)printf("%.*s%s\n", (int)cut, text, cut < strlen(text) ? "..." : "");
}

/* Of a stranger, and up to 255 bytes. */
static void
print_vendor(const char *vendor)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "%s", vendor);
    text_clean(text);
    if (*text != '\0')
        (void)printf("%-14s %s\n", "vendor", text);
}

static const char *
boot_word(const json_t *boot)
{
    if (json_is_null(boot))
        return "unknown";
    return json_is_true(boot) ? "on" : "off";
}

void
events_print(const json_t *shown)
{
    const json_t *algs = json_object_get(shown, "algorithms");
    const json_t *values = json_object_get(shown, "rtmr");
    const json_t *rows = json_object_get(shown, "log");
    size_t i;
    json_t *x;

    (void)printf("%-14s", "algorithms");
    json_array_foreach((json_t *)(uintptr_t)algs, i, x)(void)
        printf(" %s", json_string_value(x));
    (void)putchar('\n');
    print_vendor(text_of(shown, "vendor"));
    json_array_foreach((json_t *)(uintptr_t)values, i, x)(void)
        printf("RTMR%-10zu %s\n", i, json_string_value(x));
    if (values != NULL)
        (void)printf("%-14s %s\n", "secure boot",
            boot_word(json_object_get(shown, "secure_boot")));
    (void)printf("%-6s%-33s %-13s %-16s  %s\n", "", "type (hashed nowhere)", "data",
        "digest", "text");
    json_array_foreach((json_t *)(uintptr_t)rows, i, x) print_row(x);
}
