/* SPDX-License-Identifier: Apache-2.0 */
/* kind: statement (docs/formats/release.md; RFC 8785, in-toto). */
#include "vector_maker.h"

#define RELEASE_SPEC "docs/formats/release.md"

static void
put_statement(const struct maker *m, const char *name, const char *expect,
    const char *spec, struct selfsame_bytes text, const char *why)
{
    maker_put(m, &(struct made_vector){ .name = name,
                     .kind = "statement",
                     .expect = expect,
                     .spec = spec,
                     .note = *why != '\0' ? why : "not of the form",
                     .payload = text });
}

/* One place of a good statement, and what stands there instead. */
struct change {
    const char *name, *old, *new;
    const char *why;
    const char *expect; /* NULL: malformed */
};

static void
put_changes(const struct maker *m, const char *spec, const char *good,
    const struct change *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_statement(m, all[i].name,
            all[i].expect != NULL ? all[i].expect : "malformed", spec,
            bytes_str(maker_swap(m, good, all[i].old, all[i].new)), all[i].why);
}

/* ---- the form ---- */

#define SEQ "\"sequence\":17"
static const struct change forms[] = {
    { "201-space-behind-colon", SEQ, "\"sequence\": 17", "white space", NULL },
    { "202-space-behind-comma", ",\"predicateType\"", ", \"predicateType\"",
        "white space", NULL },
    { "203-newline-between", ",\"predicateType\"", ",\n\"predicateType\"",
        "white space", NULL },
    { "204-tab-between", "{\"_type\"", "{\t\"_type\"", "white space", NULL },
    { "205-names-not-in-order", SEQ ",\"version\":\"1.4.2\"",
        "\"version\":\"1.4.2\"," SEQ, "members are sorted by byte", NULL },
    { "206-name-twice", SEQ, SEQ "," SEQ, "the same value", NULL },
    { "207-name-twice-other-value", SEQ, SEQ ",\"sequence\":18",
        "two parsers would read two releases", NULL },
    { "208-upper-case-sorts-first", SEQ, SEQ ",\"Sequence\":1",
        "upper case sorts before lower case", NULL },
    { "209-escape-not-needed", "\"hello\"", "\"h\\u0065llo\"", "e has no escape",
        NULL },
    { "210-escaped-slash", "https://in-toto", "https:\\/\\/in-toto",
        "a slash has no escape", NULL },
    { "211-long-escape", SEQ, "\"note\":\"\\u000a\"," SEQ, "U+000A is \\n", NULL },
    { "212-upper-case-escape", SEQ, "\"note\":\"\\u001F\"," SEQ,
        "hex of escapes is in lower case", NULL },
    { "213-escaped-letter-outside-ascii", SEQ, "\"note\":\"\\u00e9\"," SEQ,
        "U+00E9 stands as it is", NULL },
    { "214-surrogates", SEQ, "\"note\":\"\\ud83d\\ude00\"," SEQ,
        "U+1F600 stands as it is", NULL },
    { "215-lone-surrogate", SEQ, "\"note\":\"\\ud800\"," SEQ, "no character", NULL },
    { "216-control-character", SEQ,
        "\"note\":\"\x01"
        "\"," SEQ,
        "U+0001 is escaped", NULL },
    { "217-escape-in-name", SEQ, "\"n\\u006fte\":1," SEQ, "a second spelling", NULL },
    { "218-name-outside-ascii", "\"version\":\"1.4.2\"},\"source\"",
        "\"version\":\"1.4.2\",\"\xc3\xa9\":1},\"source\"", "names are ASCII", NULL },
    { "219-no-utf8", SEQ, "\"note\":\"\xff\"," SEQ, "byte ff", NULL },
    { "220-nul-character", SEQ, "\"note\":\"\\u0000\"," SEQ,
        "U+0000, which ends strings in some languages", NULL },
    { "221-float", SEQ, "\"sequence\":17.0", "integers alone", NULL },
    { "222-fraction-elsewhere", SEQ, "\"note\":0.5," SEQ,
        "also in a member that nobody reads", NULL },
    { "223-exponent", SEQ, "\"sequence\":17e0", "integers alone", NULL },
    { "224-upper-case-exponent", SEQ, "\"sequence\":17E0", "integers alone", NULL },
    { "225-null", SEQ, "\"note\":null," SEQ, "no null, even where nobody reads", NULL },
    { "226-large-integer", SEQ, "\"sequence\":9007199254740992", "2^53", NULL },
    { "227-larger-than-64-bits", SEQ, "\"sequence\":18446744073709551633", "2^64 + 17",
        NULL },
    { "228-large-negative", SEQ, "\"note\":-9007199254740992," SEQ, "-2^53", NULL },
    { "229-leading-zero", SEQ, "\"sequence\":017", "a second spelling", NULL },
    { "230-plus-sign", SEQ, "\"sequence\":+17", "no JSON", NULL },
    { "231-negative-zero", SEQ, "\"note\":-0," SEQ, "a second spelling of 0", NULL },
    { "232-hexadecimal", SEQ, "\"sequence\":0x11", "no JSON", NULL },
    { "233-comma-behind-last", SEQ ",\"version\":\"1.4.2\"",
        SEQ ",\"version\":\"1.4.2\",", "no JSON", NULL },
    { "234-comment", SEQ, "/* */" SEQ, "no JSON", NULL },
    { "235-single-quotes", "\"hello\"", "'hello'", "no JSON", NULL },
    { "236-upper-case-true", SEQ, "\"note\":True," SEQ, "no JSON", NULL },
};

static void
statements_of_bad_form(const struct maker *m, const char *good)
{
    const char *deep = "";

    for (size_t i = 0; i < 40; i++)
        deep = STR(m, "[%s]", deep);
    put_statement(
        m, "200-nothing", "malformed", "RFC 8785", BYTES_LIT(""), "no byte at all");
    put_changes(
        m, "RFC 8785, restricted (" RELEASE_SPEC ")", good, forms, COUNT(forms));
    put_statement(m, "237-newline-behind", "malformed", "RFC 8785",
        bytes_str(STR(m, "%s\n", good)), "a newline behind the last brace");
    put_statement(m, "238-space-before", "malformed", "RFC 8785",
        bytes_str(STR(m, " %s", good)), "white space");
    put_statement(m, "239-twice", "malformed", "RFC 8785",
        bytes_str(STR(m, "%s%s", good, good)), "a second object behind the first");
    put_statement(m, "240-cut", "malformed", "RFC 8785",
        BYTES((const uint8_t *)good, strlen(good) - 1), "the last brace is missing");
    put_statement(m, "241-byte-order-mark", "malformed", "RFC 8785",
        bytes_str(STR(m, "\xef\xbb\xbf%s", good)), "U+FEFF before it");
    put_statement(m, "242-list", "malformed", "RFC 8785",
        bytes_str(STR(m, "[%s]", good)), "an object, not a list of one");
    put_statement(m, "243-too-deep", "malformed", RELEASE_SPEC,
        bytes_str(maker_swap(m, good, SEQ, STR(m, "\"note\":%s," SEQ, deep))),
        "forty lists in each other: more than this implementation takes");
}

/* ---- tee-release/v1 ---- */

#define P(i, v) "\"" i "\":[\"" v "\"]"
#define P012 P("0", WORLD_PCR0) "," P("1", WORLD_PCR1) "," P("2", WORLD_PCR2)
#define COMMIT "\"gitCommit\":\"4b825dc642cb6eb9a060e54bf8d69288fbee4904\""
#define VALID_TO "\"notAfter\":\"2024-11-13T22:13:20Z\""
static const struct change releases[] = {
    { "300-other-type", "Statement/v1\"", "Statement/v0.1\"", "an older in-toto",
        "unsupported" },
    { "301-type-is-no-string", "\"https://in-toto.io/Statement/v1\"", "1", "", NULL },
    { "302-no-type", "\"_type\":\"https://in-toto.io/Statement/v1\",", "", "no _type",
        NULL },
    { "303-other-predicate", "tee-release/v1", "tee-release/v2", "a later version",
        "unsupported" },
    { "304-no-predicate-type", "\"predicateType\":\"" PREDICATE_RELEASE "\",", "", "",
        NULL },
    { "305-predicate-of-a-rebuild", "tee-release/v1", "tee-rebuild/v1",
        "its members are another predicate's", NULL },
    { "310-no-subject",
        ",\"subject\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"}]",
        "", "no files", NULL },
    { "311-subject-empty",
        "[{\"digest\":{\"sha256\":\"" WORLD_SUM "\"},\"name\":\"image.eif\"}]", "[]",
        "a release has files", NULL },
    { "312-subject-without-sha256",
        "\"digest\":{\"sha256\":\"" WORLD_SUM "\"},\"name\":\"image.eif\"",
        "\"digest\":{},\"name\":\"image.eif\"", "", NULL },
    { "313-subject-upper-case", WORLD_SUM "\"},\"name\":\"image.eif\"",
        "3E89e1fff0665e2e4df7e6a6167280f61bd4c325fc5fd04a15aff0305a67ca2c\"},\"name\":"
        "\"image.eif\"",
        "hex is in lower case", NULL },
    { "314-subject-short", WORLD_SUM "\"},\"name\":\"image.eif\"",
        "3e89e1ff\"},\"name\":\"image.eif\"", "four bytes", NULL },
    { "315-subject-without-name", ",\"name\":\"image.eif\"}]}", "}]}", "", NULL },
    { "316-subject-twice", "\"subject\":[",
        "\"subject\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"},",
        "which of the two?", NULL },
    { "317-subject-is-an-object",
        "[{\"digest\":{\"sha256\":\"" WORLD_SUM "\"},\"name\":\"image.eif\"}]", "{}",
        "a list", NULL },
    { "320-name-upper-case", "\"hello\"", "\"Hello\"", "a-z 0-9 . _ / -", NULL },
    { "321-name-empty", "\"hello\"", "\"\"", "", NULL },
    { "322-name-with-space", "\"hello\"", "\"hel lo\"", "", NULL },
    { "323-name-upwards", "\"hello\"", "\"a/../b\"", "names become paths", NULL },
    { "324-name-absolute", "\"hello\"", "\"/hello\"", "names become paths", NULL },
    { "325-name-ends-in-slash", "\"hello\"", "\"hello/\"", "names become paths", NULL },
    { "326-name-like-an-option", "\"hello\"", "\"-hello\"", "names become arguments",
        NULL },
    { "327-name-too-long", "\"hello\"",
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
        "129 characters", NULL },
    { "328-name-is-a-number", "\"name\":\"hello\"", "\"name\":7", "", NULL },
    { "329-no-name", "\"name\":\"hello\",", "", "", NULL },
    { "330-sequence-zero", SEQ, "\"sequence\":0", "from 1", NULL },
    { "331-sequence-negative", SEQ, "\"sequence\":-1", "from 1", NULL },
    { "332-sequence-is-text", SEQ, "\"sequence\":\"17\"", "", NULL },
    { "333-no-sequence", SEQ ",", "", "", NULL },
    { "334-sequence-is-true", SEQ, "\"sequence\":true", "", NULL },
    { "340-version-empty", "\"1.4.2\"", "\"\"", "", NULL },
    { "341-version-with-space", "\"1.4.2\"", "\"1 4\"", "", NULL },
    { "342-version-with-slash", "\"1.4.2\"", "\"1/4\"", "versions become file names",
        NULL },
    { "343-version-with-newline", "\"1.4.2\"", "\"1\\n4\"", "people read it", NULL },
    { "344-version-too-long", "\"1.4.2\"",
        "\"11111111111111111111111111111111111111111111111111111111111111111\"",
        "65 characters", NULL },
    { "345-no-version", ",\"version\":\"1.4.2\"},\"source\"", "},\"source\"", "",
        NULL },
    { "346-version-is-a-number", "\"version\":\"1.4.2\"", "\"version\":1", "", NULL },
    { "347-channel-is-a-number", "{\"name\":\"hello\"",
        "{\"channel\":1,\"name\":\"hello\"", "", NULL },
    { "348-channel-empty", "{\"name\":\"hello\"",
        "{\"channel\":\"\",\"name\":\"hello\"", "", NULL },
    { "349-release-is-a-list",
        "\"release\":{\"name\":\"hello\"," SEQ ",\"version\":\"1.4.2\"}",
        "\"release\":[]", "", NULL },
    { "350-no-commit", "{" COMMIT "}", "{}", "the source is not named", NULL },
    { "351-commit-upper-case", "\"4b825dc", "\"4B825dc", "hex is in lower case", NULL },
    { "352-commit-empty", COMMIT, "\"gitCommit\":\"\"", "no digest at all", NULL },
    { "353-commit-short", COMMIT, "\"gitCommit\":\"4b825dc6\"",
        "an abbreviation names several commits", NULL },
    { "354-commit-odd", COMMIT,
        "\"gitCommit\":\"4b825dc642cb6eb9a060e54bf8d69288fbe"
        "e490\"",
        "39 digits", NULL },
    { "355-source-sha256-short", COMMIT, "\"sha256\":\"3e89e1ff\"", "four bytes",
        NULL },
    { "356-git-tree-short", COMMIT, COMMIT ",\"gitTree\":\"4b82\"", "two bytes", NULL },
    { "357-commit-is-a-number", COMMIT, "\"gitCommit\":4", "", NULL },
    { "358-no-uri", ",\"uri\":\"git+https://git.example/hello\"", "", "", NULL },
    { "359-uri-empty", "\"git+https://git.example/hello\"", "\"\"", "", NULL },
    { "360-no-source",
        "\"source\":{\"digest\":{" COMMIT
        "},\"uri\":\"git+https://git.example/hello\"},",
        "", "", NULL },
    { "361-no-recipe",
        "\"recipe\":{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"selfsame.json\"},",
        "", "", NULL },
    { "362-recipe-digest", "\"recipe\":{\"digest\":{\"sha256\":\"" WORLD_SUM "\"}",
        "\"recipe\":{\"digest\":{\"sha256\":\"\"}", "empty", NULL },
    { "363-recipe-without-name", ",\"name\":\"selfsame.json\"", "", "", NULL },
    { "364-no-tool", ",\"tool\":{\"name\":\"selfsame\",\"version\":\"0.1.0\"}", "", "",
        NULL },
    { "365-tool-without-version", ",\"version\":\"0.1.0\"", "", "", NULL },
    { "366-no-source-date-epoch", "\"sourceDateEpoch\":1700000000,", "", "", NULL },
    { "367-source-date-epoch-negative", "\"sourceDateEpoch\":1700000000",
        "\"sourceDateEpoch\":-1", "", NULL },
    { "368-source-date-epoch-is-text", "\"sourceDateEpoch\":1700000000",
        "\"sourceDateEpoch\":\"1700000000\"", "", NULL },
    { "370-validity-too-long", VALID_TO, "\"notAfter\":\"2024-12-18T22:13:21Z\"",
        "400 days and a second", NULL },
    { "371-validity-backwards", VALID_TO, "\"notAfter\":\"2023-11-14T22:13:19Z\"",
        "ends before it begins", NULL },
    { "372-time-with-fraction", VALID_TO, "\"notAfter\":\"2024-11-13T22:13:20.0Z\"",
        "whole seconds", NULL },
    { "373-time-with-offset", VALID_TO, "\"notAfter\":\"2024-11-13T22:13:20+00:00\"",
        "UTC is Z", NULL },
    { "374-time-in-lower-case", VALID_TO, "\"notAfter\":\"2024-11-13t22:13:20z\"",
        "T and Z", NULL },
    { "375-time-is-a-number", VALID_TO, "\"notAfter\":1731536000", "", NULL },
    { "376-time-that-is-none", VALID_TO, "\"notAfter\":\"2024-02-30T00:00:00Z\"",
        "February 30th", NULL },
    { "377-leap-second", VALID_TO, "\"notAfter\":\"2024-06-30T23:59:60Z\"", "second 60",
        NULL },
    { "378-no-end", VALID_TO ",", "", "a release ends", NULL },
    { "379-no-beginning", ",\"notBefore\":\"2023-11-14T22:13:20Z\"", "", "", NULL },
    { "380-date-alone", VALID_TO, "\"notAfter\":\"2024-11-13\"", "", NULL },
    { "381-supersedes-is-text", "},\"validity\"",
        "},\"supersedes\":\"" WORLD_SUM "\",\"validity\"", "a list", NULL },
    { "382-supersedes-short", "},\"validity\"",
        "},\"supersedes\":[\"3e89\"],\"validity\"", "two bytes", NULL },
    { "383-supersedes-upper-case", "},\"validity\"",
        "},\"supersedes\":["
        "\"3E89e1fff0665e2e4df7e6a6167280f61bd4c325fc5fd04a15aff0305a67ca2c\"],"
        "\"validity\"",
        "hex is in lower case", NULL },
};

static const struct change measured[] = {
    { "400-no-measurement", WORLD_NITRO, "", "a release measures something", NULL },
    { "401-measurement-is-text", WORLD_NITRO, "\"x\"", "", NULL },
    { "402-no-tee", ",\"tee\":\"aws-nitro\"", "", "whose measurement?", NULL },
    { "403-no-artifact", "\"artifact\":\"image.eif\",", "",
        "what was it computed from?", NULL },
    { "404-artifact-not-a-subject", "\"artifact\":\"image.eif\"",
        "\"artifact\":\"other.eif\"", "", NULL },
    { "410-nitro-other-hash", "\"alg\":\"sha384\"", "\"alg\":\"sha256\"", "", NULL },
    { "411-nitro-no-hash", "\"alg\":\"sha384\",", "", "", NULL },
    { "412-nitro-no-pcr-0", P("0", WORLD_PCR0) ",", "", "all three are needed", NULL },
    { "413-nitro-no-pcr-1", P("1", WORLD_PCR1) ",", "", "all three are needed", NULL },
    { "414-nitro-no-pcr-2", "," P("2", WORLD_PCR2), "", "all three are needed", NULL },
    { "415-nitro-empty-list", "\"0\":[\"" WORLD_PCR0 "\"]", "\"0\":[]", "any of none",
        NULL },
    { "416-nitro-text-for-list", "\"0\":[\"" WORLD_PCR0 "\"]",
        "\"0\":\"" WORLD_PCR0 "\"", "", NULL },
    { "417-nitro-short-value", "[\"" WORLD_PCR0 "\"]", "[\"" WORLD_SUM "\"]",
        "32 bytes of 48", NULL },
    { "418-nitro-all-zero", "[\"" WORLD_PCR0 "\"]",
        "[\"000000000000000000000000000000000000000000000000000000000000000000000000000"
        "0"
        "00000000000000000000\"]",
        "zeros are what debug mode reports", NULL },
    { "419-nitro-zero-among-others", "[\"" WORLD_PCR0 "\"]",
        "[\"" WORLD_PCR0 "\","
        "\"0000000000000000000000000000000000000000000000000000000000000000000000000000"
        "00000000000000000000\"]",
        "zeros are what debug mode reports", NULL },
    { "420-nitro-upper-case", "[\"" WORLD_PCR0 "\"]",
        "[\"AA1111111111111111111111111111111111111111111111111111111111111111111111111"
        "11111111111111111111\"]",
        "hex is in lower case", NULL },
    { "421-nitro-register-32", "," P("2", WORLD_PCR2),
        "," P("2", WORLD_PCR2) "," P("32", WORLD_PCR0), "there are 32 registers",
        NULL },
    { "422-nitro-register-named", "," P("2", WORLD_PCR2),
        "," P("2", WORLD_PCR2) "," P("x", WORLD_PCR0), "no number", NULL },
    { "423-nitro-register-leading-zero", P("0", WORLD_PCR0) ",",
        P("0", WORLD_PCR0) "," P("00", WORLD_PCR1) ",", "register 0 a second time",
        NULL },
    { "424-nitro-register-hexadecimal", P("0", WORLD_PCR0) ",",
        P("0", WORLD_PCR0) "," P("0x0", WORLD_PCR1) ",", "register 0 a second time",
        NULL },
    { "425-require-is-a-list", "\"require\":{\"debug\":false}", "\"require\":[]", "",
        NULL },
    { "426-pcr-is-a-list", "\"pcr\":{" P012 "}", "\"pcr\":[]", "", NULL },
};

#define SNP(launch) \
    "{\"artifact\":\"image.eif\",\"launch\":[" launch "],\"tee\":\"amd-sev-snp\"}"
#define TPM(more) "{\"artifact\":\"image.eif\"," more "\"tee\":\"tpm2\"}"
#define TPM_PCR "\"pcr\":{\"11\":[\"" WORLD_SUM "\"]},"
static const struct change others[] = {
    { "430-snp-no-launch", WORLD_NITRO, SNP(""), "any of none", NULL },
    { "431-snp-short-digest", WORLD_NITRO, SNP("{\"digest\":\"" WORLD_SUM "\"}"),
        "32 bytes of 48", NULL },
    { "432-snp-no-digest", WORLD_NITRO, SNP("{\"vcpus\":2}"), "", NULL },
    { "433-snp-bare-digest", WORLD_NITRO, SNP("\"" WORLD_PCR0 "\""),
        "an object with the machine's shape", NULL },
    { "434-snp-launch-is-an-object", WORLD_NITRO,
        "{\"artifact\":\"image.eif\",\"launch\":{},\"tee\":\"amd-sev-snp\"}", "",
        NULL },
    { "440-tdx-no-mrtd", WORLD_NITRO,
        "{\"artifact\":\"image.eif\",\"rtmr\":{},\"tee\":\"intel-tdx\"}", "", NULL },
    { "441-tdx-no-rtmr", WORLD_NITRO,
        "{\"artifact\":\"image.eif\",\"mrtd\":[\"" WORLD_PCR0
        "\"],\"tee\":\"intel-tdx\"}",
        "", NULL },
    { "442-sgx-no-mrenclave", WORLD_NITRO,
        "{\"artifact\":\"image.eif\",\"tee\":\"intel-sgx\"}", "", NULL },
    { "443-sgx-long-mrenclave", WORLD_NITRO,
        "{\"artifact\":\"image.eif\",\"mrenclave\":[\"" WORLD_PCR0
        "\"],\"tee\":\"intel-sgx\"}",
        "48 bytes of 32", NULL },
    { "444-tpm-other-bank", WORLD_NITRO,
        "{\"artifact\":\"image.eif\",\"bank\":\"sha1\"," TPM_PCR "\"tee\":\"tpm2\"}",
        "sha256 alone", NULL },
    { "445-tpm-nothing", WORLD_NITRO, TPM(""), "neither registers nor events", NULL },
    { "446-sim-no-pcr", WORLD_NITRO,
        "{\"alg\":\"sha384\",\"artifact\":\"image.eif\",\"tee\":\"sim\"}", "", NULL },
};

static const struct change accepted[] = {
    { "101-unknown-members", "{\"name\":\"hello\"",
        "{\"colour\":[true,-1,{}],\"name\":\"hello\"", "are ignored", "ok" },
    { "102-unknown-tee", WORLD_NITRO,
        WORLD_NITRO ",{\"artifact\":\"image.eif\",\"tee\":\"abacus\"}",
        "is passed over", "ok" },
    { "103-unknown-requirement", "{\"debug\":false}", "{\"colour\":1,\"debug\":false}",
        "the item cannot be used, the statement can be read", "ok" },
    { "104-letters-outside-ascii", SEQ,
        "\"note\":\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"," SEQ,
        "stand as they are, and so does U+007F", "ok" },
    { "105-escapes", SEQ, "\"note\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\"," SEQ,
        "all that there are", "ok" },
    { "106-greatest-sequence", SEQ, "\"sequence\":9007199254740991", "2^53 - 1", "ok" },
    { "107-four-hundred-days", VALID_TO, "\"notAfter\":\"2024-12-18T22:13:20Z\"",
        "the longest validity", "ok" },
    { "108-source-by-sha256", COMMIT, "\"sha256\":\"" WORLD_SUM "\"",
        "of the source tar in place of a commit", "ok" },
    { "109-commit-of-sha256", COMMIT, "\"gitCommit\":\"" WORLD_SUM "\"",
        "git's other object format", "ok" },
    { "110-supersedes", "},\"validity\"",
        "},\"supersedes\":[\"" WORLD_SUM "\"],\"validity\"", "an earlier release",
        "ok" },
    { "111-several-values", "[\"" WORLD_PCR0 "\"]",
        "[\"" WORLD_PCR0 "\",\"" WORLD_PCR1 "\"]", "any of them", "ok" },
    { "112-snp", WORLD_NITRO, SNP("{\"digest\":\"" WORLD_PCR0 "\",\"vcpus\":2}"),
        "a launch digest", "ok" },
    { "113-tpm", WORLD_NITRO,
        "{\"artifact\":\"image.eif\",\"bank\":\"sha256\"," TPM_PCR "\"tee\":\"tpm2\"}",
        "registers of a TPM", "ok" },
};

/* ---- tee-rebuild/v1, tee-index/v1 ---- */

static const struct change rebuilds[] = {
    { "121-rebuild-different", "\"identical\"", "\"different\"", "", "ok" },
    { "500-rebuild-other-result", "\"identical\"", "\"same\"",
        "identical, different or failed", NULL },
    { "501-rebuild-upper-case", "\"identical\"", "\"Identical\"", "", NULL },
    { "502-rebuild-result-is-true", "\"identical\"", "true", "", NULL },
    { "503-rebuild-no-result", "\"result\":\"identical\",", "", "", NULL },
    { "504-rebuild-no-statement", ",\"statement\":{\"sha256\":\"" WORLD_SUM "\"}", "",
        "of which release?", NULL },
    { "505-rebuild-short-statement", "\"statement\":{\"sha256\":\"" WORLD_SUM "\"}",
        "\"statement\":{\"sha256\":\"3e89\"}", "two bytes", NULL },
    { "506-rebuild-statement-is-text", "\"statement\":{\"sha256\":\"" WORLD_SUM "\"}",
        "\"statement\":\"" WORLD_SUM "\"", "", NULL },
    { "507-rebuild-nothing-rebuilt",
        "\"rebuilt\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"}]",
        "\"rebuilt\":[]", "identical, and no file", NULL },
    { "508-rebuild-no-files",
        ",\"rebuilt\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"}]",
        "", "", NULL },
    { "509-rebuild-no-subject",
        ",\"subject\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"}]",
        "", "", NULL },
    { "510-rebuild-environment-is-text", "\"environment\":{}", "\"environment\":\"\"",
        "an object", NULL },
    { "511-rebuild-other-version", "tee-rebuild/v1", "tee-rebuild/v2",
        "a later version", "unsupported" },
};

#define FROM "\"notBefore\":\"2023-11-14T22:13:20Z\""
#define SINCE "\"since\":\"2023-11-15T00:00:00Z\""
static const struct change indexes[] = {
    { "131-index-empty", "\"current\":[{\"sequence\":17,\"sha256\":\"" WORLD_SUM "\"}]",
        "\"current\":[]", "nothing is current", "ok" },
    { "132-index-seven-days", "2023-11-20T00:00:00Z", "2023-11-21T22:13:20Z",
        "the longest validity", "ok" },
    { "600-index-too-long", "2023-11-20T00:00:00Z", "2023-11-21T22:13:21Z",
        "seven days and a second", NULL },
    { "601-index-backwards", "2023-11-20T00:00:00Z", "2023-11-13T23:59:59Z",
        "ends before it begins", NULL },
    { "602-index-no-end", "\"notAfter\":\"2023-11-20T00:00:00Z\",", "", "", NULL },
    { "603-index-no-beginning", "," FROM, "", "", NULL },
    { "604-index-name", "\"name\":\"hello\"", "\"name\":\"Hello\"", "a-z 0-9 . _ / -",
        NULL },
    { "605-index-no-name", "\"name\":\"hello\",", "", "", NULL },
    { "606-index-sequence-zero", "\"sequence\":3,", "\"sequence\":0,", "from 1", NULL },
    { "607-index-no-sequence", "\"sequence\":3,", "", "", NULL },
    { "608-index-no-current",
        "\"current\":[{\"sequence\":17,\"sha256\":\"" WORLD_SUM "\"}],", "",
        "an empty list is written", NULL },
    { "609-index-current-is-an-object",
        "\"current\":[{\"sequence\":17,\"sha256\":\"" WORLD_SUM "\"}]",
        "\"current\":{}", "a list", NULL },
    { "610-index-current-sequence-zero", "{\"sequence\":17", "{\"sequence\":0",
        "from 1", NULL },
    { "611-index-current-no-sequence", "{\"sequence\":17,", "{", "", NULL },
    { "612-index-current-no-sha256", ",\"sha256\":\"" WORLD_SUM "\"}],\"name\"",
        "}],\"name\"", "", NULL },
    { "613-index-current-short", "17,\"sha256\":\"" WORLD_SUM "\"",
        "17,\"sha256\":\"3e89\"", "two bytes", NULL },
    { "614-index-current-is-text", "{\"sequence\":17,\"sha256\":\"" WORLD_SUM "\"}",
        "\"" WORLD_SUM "\"", "", NULL },
    { "620-index-no-revoked",
        "\"revoked\":[{\"reason\":\"a hole\",\"sha256\":\"" WORLD_SUM "\"," SINCE "}],",
        "", "an empty list is written", NULL },
    { "621-index-revoked-no-sha256", "\"sha256\":\"" WORLD_SUM "\"," SINCE, SINCE, "",
        NULL },
    { "622-index-revoked-no-reason", "\"reason\":\"a hole\",", "", "", NULL },
    { "623-index-revoked-reason-empty", "\"a hole\"", "\"\"", "", NULL },
    { "624-index-revoked-control-character", "\"a hole\"", "\"a\\u001bhole\"",
        "people read it", NULL },
    { "625-index-revoked-no-time", "," SINCE, "", "", NULL },
    { "626-index-revoked-time", SINCE, "\"since\":\"2023-11-15\"", "a date alone",
        NULL },
    { "627-index-no-subject", ",\"subject\":[]", "", "an empty list is written", NULL },
    { "628-index-other-version", "tee-index/v1", "tee-index/v2", "a later version",
        "unsupported" },
};

static void
make_other_predicates(const struct maker *m)
{
    const char *rebuild = world_rebuild(m->w, WORLD_SUM, "identical");
    const char *index = world_index(m->w, 3,
        "{\"sequence\":17,\"sha256\":\"" WORLD_SUM "\"}",
        "{\"reason\":\"a hole\",\"sha256\":\"" WORLD_SUM "\"," SINCE "}");

    put_statement(m, "120-rebuild", "ok", RELEASE_SPEC, bytes_str(rebuild),
        "a rebuilder got the same");
    put_changes(m, RELEASE_SPEC, rebuild, rebuilds, COUNT(rebuilds));
    put_statement(m, "130-index", "ok", RELEASE_SPEC, bytes_str(index),
        "one release is current, one revoked");
    put_changes(m, RELEASE_SPEC, index, indexes, COUNT(indexes));
}

void
make_statements(const struct maker *m)
{
    const char *good = world_release(m->w, &(struct world_release){ .sequence = 17 });

    put_statement(m, "100-release", "ok", RELEASE_SPEC, bytes_str(good),
        "as `selfsame publish` makes it");
    put_changes(m, RELEASE_SPEC, good, accepted, COUNT(accepted));
    statements_of_bad_form(m, good);
    put_changes(m, RELEASE_SPEC, good, releases, COUNT(releases));
    put_changes(m, RELEASE_SPEC, good, measured, COUNT(measured));
    put_changes(m, RELEASE_SPEC, good, others, COUNT(others));
    make_other_predicates(m);
}
