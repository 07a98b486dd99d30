/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the digest of an event is a digest of, by its type: TCG PFP 1.06 §10.4, and where
 * firmware and boot loaders have ways of their own, those of real logs.
 */
#include "tee/shared/event_log.h"

#include "crypto/crypto.h"

/* ---- parts of data ---- */

static struct selfsame_bytes
from(struct selfsame_bytes b, size_t at)
{
    return at <= b.len ? BYTES(b.ptr + at, b.len - at) : BYTES_NONE;
}

static struct selfsame_bytes
until_nul(struct selfsame_bytes b)
{
    size_t n = 0;

    while (n < b.len && b.ptr[n] != 0)
        n++;
    return BYTES(b.ptr, n);
}

/* UEFI_VARIABLE_DATA: owner, length of the name in characters, of the contents, both. */
struct variable {
    struct selfsame_bytes name, contents; /* UTF-16 */
};
static bool
variable_parse(struct selfsame_bytes data, struct variable *ret)
{
    struct reader r = reader_of(data);

    (void)get_bytes(&r, 16);
    const uint64_t name = get_le64(&r), size = get_le64(&r);
    if (r.bad || name > data.len / 2 || size > data.len)
        return false;
    ret->name = get_bytes(&r, (size_t)name * 2);
    ret->contents = get_bytes(&r, (size_t)size);
    return reader_done(&r);
}

/* td-shim: a name of 16 bytes, a length, and contents, which alone are hashed. */
static struct selfsame_bytes
shim_contents(struct selfsame_bytes data)
{
    struct reader r = reader_of(data);

    (void)get_bytes(&r, 16);
    struct selfsame_bytes contents = get_bytes(&r, get_le32(&r));
    return reader_done(&r) ? contents : BYTES_NONE;
}

/* TCG_PCClientTaggedEvent: number, length, contents. */
static struct selfsame_bytes
tag_contents(struct selfsame_bytes data)
{
    struct reader r = reader_of(data);

    (void)get_le32(&r);
    struct selfsame_bytes contents = get_bytes(&r, get_le32(&r));
    return reader_done(&r) ? contents : BYTES_NONE;
}

/*
 * What GRUB and its variants put before a string that they hash without it. Some have
 * hashed the NUL behind it as well, and left a byte of something behind that.
 */
static struct selfsame_bytes
grub_string(struct selfsame_bytes data)
{
    static const char *const before[] = { "grub_cmd: ", "kernel_cmdline: ",
        "module_cmdline: ", "grub_cmd ", "grub_kernel_cmdline " };

    for (size_t i = 0; i < COUNT(before); i++)
        if (bytes_has_prefix(data, bytes_str(before[i])))
            return until_nul(from(data, strlen(before[i])));
    return BYTES_NONE;
}

/* Of UTF-16 with its NUL in plain letters: the same in ASCII, with its NUL; 0: it is not. */
static size_t
narrow(struct selfsame_bytes wide, uint8_t *ret, size_t cap)
{
    const size_t n = wide.len / 2;

    if (wide.len % 2 != 0 || n < 2 || n > cap || wide.ptr[wide.len - 2] != 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (wide.ptr[2 * i + 1] != 0 || (i + 1 < n && wide.ptr[2 * i] == 0))
            return 0;
        ret[i] = wide.ptr[2 * i];
    }
    return n;
}

/* ---- what is covered ---- */

struct judging {
    struct selfsame_bytes data, digest;
    enum hash_alg alg;
    bool nomem;
    struct event_fact fact;
};

static bool
is_digest_of(struct judging *j, struct selfsame_bytes hashed)
{
    uint8_t digest[HASH_MAX];

    if (hashed.ptr == NULL)
        return false;
    if (!hash_bytes(j->alg, hashed, digest)) {
        j->nomem = true;
        return false;
    }
    return bytes_eq(j->digest, BYTES(digest, hash_size(j->alg)));
}

static bool
covers(struct judging *j, struct selfsame_bytes part)
{
    if (!is_digest_of(j, part))
        return false;
    j->fact = (struct event_fact){ .cover = EVENT_COVERED, .covered = part };
    return true;
}

/* Digests of something else unless they are of the data; some types never say. */
static void
judge_other(struct judging *j)
{
    if (!covers(j, j->data))
        j->fact.cover = EVENT_NOT_COVERED;
}

static void
judge_data(struct judging *j)
{
    (void)covers(j, j->data);
}

/* Of its contents alone in real logs, though PFP says of all. */
static void
judge_variable(struct judging *j)
{
    struct variable v;

    if (!covers(j, j->data) && variable_parse(j->data, &v))
        (void)covers(j, v.contents);
}

/* Some firmware hashes the certificate without its owner. */
static void
judge_authority(struct judging *j)
{
    struct variable v;

    if (!covers(j, j->data) && variable_parse(j->data, &v))
        (void)covers(j, from(v.contents, 16));
}

static void
judge_flags(struct judging *j)
{
    if (!covers(j, shim_contents(j->data)))
        judge_other(j);
}

static void
judge_tag(struct judging *j)
{
    if (!covers(j, tag_contents(j->data)))
        judge_other(j);
}

static void
judge_ipl(struct judging *j)
{
    struct selfsame_bytes text = grub_string(j->data);
    uint8_t name[64];

    if (text.ptr != NULL) {
        if (!covers(j, text) && text.ptr + text.len < j->data.ptr + j->data.len)
            (void)covers(j, BYTES(text.ptr, text.len + 1));
        return;
    }
    /* systemd-stub hashes a section's name, in ASCII, and then the section. */
    size_t n = narrow(j->data, name, sizeof(name));
    if (n > 0 && is_digest_of(j, BYTES(name, n)))
        j->fact = (struct event_fact){ .cover = EVENT_COVERED, .covered = j->data };
    else
        judge_other(j);
}

/*
 * What a separator is a digest of is fixed, so no other event may have its digest: it
 * would hide where the firmware ended and others began.
 */
static void
judge_disguise(struct judging *j)
{
    static const uint8_t usual[4], failed[4] = { 0xff, 0xff, 0xff, 0xff };

    if (is_digest_of(j, BYTES_ARR(usual)) || is_digest_of(j, BYTES_ARR(failed)))
        j->fact = (struct event_fact){ .cover = EVENT_MISMATCH };
}

/* ---- what is said ---- */

static void
say(struct writer *w, struct selfsame_bytes text)
{
    const size_t room = w->cap - w->len;

    put_bytes(w, BYTES(text.ptr, text_cut(text, room)));
}

static void
say_ascii(struct writer *w, struct selfsame_bytes data)
{
    say(w, until_nul(data));
}

static void
say_wide(struct writer *w, struct selfsame_bytes wide)
{
    for (size_t i = 0; i + 1 < wide.len && w->len < w->cap; i += 2) {
        if (wide.ptr[i] == 0 && wide.ptr[i + 1] == 0)
            return;
        put_u8(w, wide.ptr[i + 1] == 0 && wide.ptr[i] < 0x80 ? wide.ptr[i] : '?');
    }
}

static void
say_text(struct writer *w, struct selfsame_bytes data)
{
    if (data.len > 1 && data.ptr[1] == 0)
        say_wide(w, data);
    else
        say_ascii(w, data);
}

/* Length in one byte and a name. */
static void
say_blob(struct writer *w, struct selfsame_bytes data)
{
    struct reader r = reader_of(data);

    say_ascii(w, get_bytes(&r, get_u8(&r)));
}

static void
say_variable(struct writer *w, struct selfsame_bytes data)
{
    struct variable v;

    if (!variable_parse(data, &v))
        return;
    say_wide(w, v.name);
    if (v.contents.len == 1 && v.contents.ptr[0] <= 1)
        say(w, v.contents.ptr[0] == 1 ? BYTES_LIT(" = 1") : BYTES_LIT(" = 0"));
}

static void
say_tag(struct writer *w, struct selfsame_bytes data)
{
    struct selfsame_bytes contents = tag_contents(data);

    say_text(w, contents.ptr != NULL ? contents : data);
}

static void
say_flags(struct writer *w, struct selfsame_bytes data)
{
    struct selfsame_bytes contents = shim_contents(data);

    say_ascii(w, data.len > 16 ? BYTES(data.ptr, 16) : data);
    if (contents.len > 0 && contents.ptr[0] >= ' ' && contents.ptr[0] < 0x7f) {
        say(w, BYTES_LIT(" "));
        say_ascii(w, contents);
    }
}

/* UEFI_IMAGE_LOAD_EVENT: 32 bytes, then a device path, whose files have type 4.4. */
static void
say_image(struct writer *w, struct selfsame_bytes data)
{
    struct reader r = reader_of(from(data, 32));

    while (r.rest.len >= 4 && !r.bad) {
        const uint8_t type = get_u8(&r), subtype = get_u8(&r);
        const uint16_t size = get_le16(&r);
        struct selfsame_bytes node = get_bytes(&r, size >= 4 ? size - 4u : SIZE_MAX);

        if (type == 4 && subtype == 4)
            say_wide(w, node);
    }
}

/* After 0xFFFFFFFF the digest is of an error. */
static void
say_separator(struct writer *w, struct selfsame_bytes data)
{
    static const uint8_t failed[4] = { 0xff, 0xff, 0xff, 0xff };

    if (bytes_eq(data, BYTES_ARR(failed)))
        say(w, BYTES_LIT("error"));
}

static void
say_nothing(struct writer *w, struct selfsame_bytes data)
{
    (void)w;
    (void)data;
}

/* ---- types: TCG PFP 1.06 §10.4.1 ---- */

static const struct kind {
    uint32_t type;
    const char *name;
    void (*judge)(struct judging *j);
    void (*say)(struct writer *w, struct selfsame_bytes data);
} kinds[] = {
    { 0x0, "EV_PREBOOT_CERT", judge_other, say_nothing },
    { 0x1, "EV_POST_CODE", judge_other, say_ascii },
    { 0x2, "EV_UNUSED", judge_other, say_nothing },
    { EV_NO_ACTION, "EV_NO_ACTION", judge_other, say_ascii },
    { EV_SEPARATOR, "EV_SEPARATOR", judge_data, say_separator },
    { 0x5, "EV_ACTION", judge_data, say_ascii },
    { 0x6, "EV_EVENT_TAG", judge_tag, say_tag },
    { 0x7, "EV_S_CRTM_CONTENTS", judge_other, say_ascii },
    { 0x8, "EV_S_CRTM_VERSION", judge_data, say_text },
    { 0x9, "EV_CPU_MICROCODE", judge_other, say_nothing },
    { 0xa, "EV_PLATFORM_CONFIG_FLAGS", judge_flags, say_flags },
    { 0xb, "EV_TABLE_OF_DEVICES", judge_other, say_nothing },
    { 0xc, "EV_COMPACT_HASH", judge_other, say_ascii },
    { EV_IPL, "EV_IPL", judge_ipl, say_text },
    { 0xe, "EV_IPL_PARTITION_DATA", judge_other, say_ascii },
    { 0xf, "EV_NONHOST_CODE", judge_other, say_nothing },
    { 0x10, "EV_NONHOST_CONFIG", judge_other, say_nothing },
    { 0x11, "EV_NONHOST_INFO", judge_other, say_nothing },
    { 0x12, "EV_OMIT_BOOT_DEVICE_EVENTS", judge_data, say_ascii },
    { EV_EFI_VARIABLE_DRIVER_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG", judge_data,
        say_variable },
    { 0x80000002u, "EV_EFI_VARIABLE_BOOT", judge_variable, say_variable },
    { 0x80000003u, "EV_EFI_BOOT_SERVICES_APPLICATION", judge_other, say_image },
    { 0x80000004u, "EV_EFI_BOOT_SERVICES_DRIVER", judge_other, say_image },
    { 0x80000005u, "EV_EFI_RUNTIME_SERVICES_DRIVER", judge_other, say_image },
    { 0x80000006u, "EV_EFI_GPT_EVENT", judge_data, say_nothing },
    { 0x80000007u, "EV_EFI_ACTION", judge_data, say_ascii },
    { 0x80000008u, "EV_EFI_PLATFORM_FIRMWARE_BLOB", judge_other, say_nothing },
    { 0x80000009u, "EV_EFI_HANDOFF_TABLES", judge_other, say_nothing },
    { 0x8000000au, "EV_EFI_PLATFORM_FIRMWARE_BLOB2", judge_other, say_blob },
    { 0x8000000bu, "EV_EFI_HANDOFF_TABLES2", judge_other, say_blob },
    { 0x8000000cu, "EV_EFI_VARIABLE_BOOT2", judge_data, say_variable },
    { 0x80000010u, "EV_EFI_HCRTM_EVENT", judge_other, say_ascii },
    { 0x800000e0u, "EV_EFI_VARIABLE_AUTHORITY", judge_authority, say_variable },
    { 0x800000e1u, "EV_EFI_SPDM_FIRMWARE_BLOB", judge_other, say_nothing },
    { 0x800000e2u, "EV_EFI_SPDM_FIRMWARE_CONFIG", judge_other, say_nothing },
};

static const struct kind *
kind_of(uint32_t type)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

const char *
event_type_name(uint32_t type)
{
    const struct kind *k = kind_of(type);

    return k != NULL ? k->name : NULL;
}

const char *
event_cover_word(enum event_cover cover)
{
    static const char *const words[] = {
        [EVENT_MISMATCH] = "mismatch",
        [EVENT_NOT_COVERED] = "not-covered",
        [EVENT_COVERED] = "covered",
        [EVENT_NOT_EXTENDED] = "not-extended",
        [EVENT_UNCHECKED] = "unchecked",
    };

    return (size_t)cover < COUNT(words) ? words[cover] : "mismatch";
}

/* The strongest first. */
static bool
pick_digest(const struct event_log *log, const struct event *event, struct judging *j)
{
    static const struct {
        uint16_t id;
        enum hash_alg alg;
    } known[] = { { EVENT_SHA512, HASH_SHA512 }, { EVENT_SHA384, HASH_SHA384 },
        { EVENT_SHA256, HASH_SHA256 } };

    for (size_t i = 0; i < COUNT(known); i++) {
        j->digest = event_digest(log, event, known[i].id);
        j->alg = known[i].alg;
        if (j->digest.ptr != NULL)
            return true;
    }
    return false;
}

enum selfsame_code
event_judge(const struct event_log *log, const struct event *event,
    struct event_fact *ret, struct selfsame_err *e)
{
    struct judging j = { .data = event->data };
    const struct kind *k = kind_of(event->type);

    if (!event_extends(event))
        j.fact.cover = EVENT_NOT_EXTENDED;
    else if (!pick_digest(log, event, &j))
        j.fact.cover = EVENT_UNCHECKED;
    else {
        if (k != NULL)
            k->judge(&j);
        else
            judge_other(&j);
        if (event->type != EV_SEPARATOR)
            judge_disguise(&j);
    }
    if (j.nomem)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret = j.fact;
    return SELFSAME_OK;
}

void
event_text(const struct event *event, char *ret, size_t cap)
{
    const struct kind *k = kind_of(event->type);
    struct writer w = writer_of((uint8_t *)ret, cap - 1);

    if (k != NULL)
        k->say(&w, event->data);
    ret[w.len] = '\0';
    text_clean(ret);
}

/* ---- Secure Boot ---- */

/*
 * The variable as firmware hashes it: EFI_GLOBAL_VARIABLE "SecureBoot", absent, 0 or 1.
 * Nothing else that it extends can have these digests, so their types do not matter,
 * and it extends one of them before anything that it runs.
 */
enum { SECURE_BOOT_NAME = 10, SECURE_BOOT_DATA = 16 + 8 + 8 + 2 * SECURE_BOOT_NAME };

static bool
secure_boot_digest(int value, uint8_t ret[static HASH_MAX])
{
    static const uint8_t global[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
        0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
    static const char name[] = "SecureBoot";
    uint8_t buf[SECURE_BOOT_DATA + 1];
    struct writer w = writer_of(buf, sizeof(buf));

    put_bytes(&w, BYTES_ARR(global));
    put_le64(&w, SECURE_BOOT_NAME);
    put_le64(&w, value >= 0);
    for (size_t i = 0; i < SECURE_BOOT_NAME; i++) {
        put_u8(&w, (uint8_t)name[i]);
        put_u8(&w, 0);
    }
    if (value >= 0)
        put_u8(&w, (uint8_t)value);
    return hash_bytes(HASH_SHA384, writer_bytes(&w), ret);
}

enum selfsame_code
event_secure_boot(
    const struct event_log *log, enum secure_boot *ret, struct selfsame_err *e)
{
    uint8_t known[3][HASH_MAX];
    struct selfsame_bytes rest = log->events;
    size_t count = 0, which = 0;
    struct event event;

    for (int i = 0; i < 3; i++)
        if (!secure_boot_digest(i - 1, known[i]))
            FAIL(e, SELFSAME_NOMEM, "out of memory");
    while (event_next(log, &rest, &event)) {
        struct selfsame_bytes digest = event_digest(log, &event, EVENT_SHA384);

        for (size_t i = 0; i < 3 && event.index == 1 && event_extends(&event); i++)
            if (digest.ptr != NULL && bytes_eq(digest, BYTES(known[i], 48))) {
                which = i;
                count++;
            }
    }
    *ret = count != 1   ? SECURE_BOOT_UNKNOWN
           : which == 2 ? SECURE_BOOT_ON
                        : SECURE_BOOT_OFF;
    return SELFSAME_OK;
}

/* ---- events compared with a prediction ---- */

static bool
predicted_of(const struct event_prediction *list, size_t count, uint32_t index)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].index == index)
            return true;
    return false;
}

/* The first prediction of this event from `at` on; count: there is none. */
static size_t
prediction_find(const struct event_prediction *list, size_t count, size_t at,
    uint32_t index, struct selfsame_bytes digest)
{
    while (
        at < count && (list[at].index != index || !bytes_eq(list[at].digest, digest)))
        at++;
    return at;
}

bool
event_compare(const struct event_log *log, const struct event_prediction *list,
    size_t count, long *ret_match, bool *ret_found)
{
    size_t at[CC_REGISTERS] = { 0 };
    struct selfsame_bytes rest = log->events;
    bool same = true;
    struct event event;

    for (size_t i = 0; i < count; i++)
        ret_found[i] = false;
    for (size_t n = 0; event_next(log, &rest, &event); n++) {
        ret_match[n] = EVENT_NOT_COMPARED;
        if (!event_extends(&event) || event.index >= CC_REGISTERS ||
            !predicted_of(list, count, event.index))
            continue;
        struct selfsame_bytes digest = event_digest(log, &event, EVENT_SHA384);
        size_t i = prediction_find(list, count, at[event.index], event.index, digest);
        ret_match[n] = i < count ? (long)i : EVENT_OTHER;
        same = same && i < count;
        if (i == count)
            continue;
        ret_found[i] = true;
        at[event.index] = i + 1;
    }
    for (size_t i = 0; i < count; i++)
        same = same && ret_found[i];
    return same;
}
