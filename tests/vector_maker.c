/* SPDX-License-Identifier: Apache-2.0 */
#include "vector_maker.h"

/* ---- files ---- */

enum { LINE = 76 };

static FILE *
begin(const struct maker *m, const struct made_vector *v, const char *area)
{
    const char *path = v->kind != NULL
                           ? STR(m, "%s/%s/%.4s%s-%s.vec", m->folder, area, v->name,
                                 v->kind, v->name + 4)
                           : STR(m, "%s/%s/%s.vec", m->folder, area, v->name);
    FILE *f = fopen(path, "wx"); /* no name twice */

    if (f == NULL)
        fail_msg("%s cannot be made anew", path);
    if (v->kind != NULL)
        (void)fprintf(f, "kind: %s\n", v->kind);
    (void)fprintf(f, "expect: %s\nspec: %s\nnote: %s\n", v->expect, v->spec, v->note);
    for (size_t i = 0; v->field[i] != NULL; i += 2) {
        assert_non_null(v->field[i + 1]);
        (void)fprintf(f, "%s: %s\n", v->field[i], v->field[i + 1]);
    }
    return f;
}

static void
put_base64(FILE *f, const char *text)
{
    for (size_t n = strlen(text), i = 0; i < n; i += LINE)
        (void)fprintf(f, "%.*s\n", (int)(n - i < LINE ? n - i : LINE), text + i);
}

/* What an editor shows as it is: ASCII, the dash of notes, no white space at an end. */
static bool
is_plain(struct selfsame_bytes b)
{
    const struct selfsame_bytes dash = BYTES_LIT("\xe2\x80\x94");

    for (size_t i = 0; i < b.len; i++) {
        if (bytes_has_prefix(BYTES(b.ptr + i, b.len - i), dash)) {
            i += dash.len - 1;
            continue;
        }
        bool last = i + 1 == b.len || b.ptr[i + 1] == '\n';
        if ((b.ptr[i] < ' ' && b.ptr[i] != '\n') || b.ptr[i] > '~' ||
            (b.ptr[i] == ' ' && last))
            return false;
    }
    return true;
}

void
maker_put(const struct maker *m, const struct made_vector *v)
{
    const struct selfsame_bytes p = v->payload;
    FILE *f = begin(m, v, "log");

    if (!is_plain(p) || (p.len > 0 && p.ptr[0] == '\n')) {
        (void)fprintf(f, "payload: base64\n\n");
        put_base64(f, maker_base64(m, p));
    } else if (p.len > 0 && p.ptr[p.len - 1] == '\n') {
        (void)fprintf(f, "payload: text\n\n%.*s", (int)p.len, (const char *)p.ptr);
    } else {
        (void)fprintf(
            f, "payload: line\n\n%.*s\n", (int)p.len, p.len ? (const char *)p.ptr : "");
    }
    assert_int_equal(fclose(f), 0);
}

void
maker_put_release(const struct maker *m, const struct made_vector *v,
    const struct selfsame_bytes *proofs, size_t count)
{
    FILE *f = begin(m, v, "release");

    for (size_t i = 0; i < count; i++) {
        (void)fputc('\n', f);
        put_base64(f, maker_base64(m, proofs[i]));
    }
    if (count == 0)
        (void)fputc('\n', f);
    assert_int_equal(fclose(f), 0);
}

/* ---- texts ---- */

const char *
maker_find(const char *text, const char *what)
{
    const char *at = strstr(text, what);

    if (at == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", what, text);
        return text;
    }
    return at;
}

const char *
maker_swap(const struct maker *m, const char *text, const char *old, const char *new)
{
    const char *at = maker_find(text, old);

    return STR(m, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

const char *
maker_base64(const struct maker *m, struct selfsame_bytes raw)
{
    char *text = arena_alloc(&m->w->arena, 1, BASE64_SIZE(raw.len));

    assert_non_null(text);
    (void)base64_encode(raw, false, text);
    return text;
}

const char *
maker_json(const struct maker *m, const char *text)
{
    char *to = arena_alloc(&m->w->arena, 2, strlen(text) + 2);
    size_t n = 0;

    assert_non_null(to);
    to[n++] = '"';
    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\t' || *text == '"' || *text == '\\')
            to[n++] = '\\';
        to[n++] = (char)(*text == '\n' ? 'n' : *text == '\t' ? 't' : *text);
    }
    to[n] = '"';
    return to;
}

const char *
maker_lines(const struct maker *m, const uint8_t *hashes, size_t count)
{
    const char *text = "";

    for (size_t i = 0; i < count; i++)
        text = STR(
            m, "%s%s\n", text, maker_base64(m, BYTES(hashes + i * LOG_HASH, LOG_HASH)));
    return text;
}

/* ---- keys and signatures ---- */

static uint32_t
id_of(const char *name, uint8_t type, struct selfsame_bytes key)
{
    const struct selfsame_bytes part[] = { bytes_str(name), BYTES_LIT("\n"),
        { &type, 1 }, key };
    uint8_t digest[HASH_MAX];

    assert_true(hash_parts(HASH_SHA256, part, COUNT(part), digest));
    struct reader r = reader_of(BYTES(digest, 4));
    return get_be32(&r);
}

const char *
maker_vkey(
    const struct maker *m, const char *name, uint8_t type, struct selfsame_bytes key)
{
    uint8_t raw[2048] = { type };

    assert_true(key.len < sizeof(raw));
    if (key.len > 0)
        memcpy(raw + 1, key.ptr, key.len);
    return STR(m, "%s+%08x+%s", name, id_of(name, type, key),
        maker_base64(m, BYTES(raw, key.len + 1)));
}

const char *
maker_log_vkey(const struct maker *m)
{
    return world_vkey(m->w, MAKER_ORIGIN, NOTE_ED25519, m->w->log);
}

const char *
maker_witness_vkey(const struct maker *m, size_t i)
{
    return world_vkey(m->w, world_witness_names[i], NOTE_COSIGNATURE, m->w->witness[i]);
}

struct selfsame_bytes
maker_sign(const struct maker *m, const struct key *k, struct selfsame_bytes message)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes ret;

    assert_code(
        key_sign(k, HASH_SHA256, message, &m->w->arena, &ret, &e), SELFSAME_OK, &e);
    return ret;
}

uint32_t
maker_key_id(
    const struct maker *m, const char *name, enum note_type type, const struct key *k)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes spki;

    assert_code(key_spki(k, &m->w->arena, &spki, &e), SELFSAME_OK, &e);
    return id_of(name, (uint8_t)type, BYTES(spki.ptr + spki.len - 32, 32));
}

const char *
maker_raw_line(const struct maker *m, const char *name, uint32_t id,
    struct selfsame_bytes signature)
{
    uint8_t raw[4096];
    struct writer w = writer_of(raw, sizeof(raw));

    put_be32(&w, id);
    put_bytes(&w, signature);
    assert_false(w.bad);
    return STR(m, "\xe2\x80\x94 %s %s\n", name, maker_base64(m, writer_bytes(&w)));
}

const char *
maker_line(const struct maker *m, const char *text, const char *name,
    enum note_type type, const struct key *k, int64_t time_s)
{
    struct selfsame_err e = { 0 };
    char *line = NULL;

    assert_code(note_sign(bytes_str(text), bytes_str(name), type, k, time_s,
                    &m->w->arena, &line, &e),
        SELFSAME_OK, &e);
    return line;
}

const char *
maker_signed(const struct maker *m, const char *text)
{
    return STR(m, "%s\n%s", text,
        maker_line(m, text, MAKER_ORIGIN, NOTE_ED25519, m->w->log, 0));
}

const char *
maker_root(const struct maker *m, size_t size)
{
    const struct merkle_source source = { world_node, m->w };
    uint8_t root[LOG_HASH];

    assert_true(size <= m->w->count && merkle_root(&source, size, root));
    return maker_base64(m, BYTES_ARR(root));
}

const char *
maker_checkpoint_text(const struct maker *m, size_t size)
{
    return STR(m, MAKER_ORIGIN "\n%zu\n%s\n", size, maker_root(m, size));
}
