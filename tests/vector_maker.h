/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VECTOR_MAKER_H
#define SELFSAME_VECTOR_MAKER_H

/*
 * What make_vectors_log*.c share: vectors/log and vectors/release, byte for byte the same
 * at every run, for all keys are of known seeds (accept_world.h). The form is that of
 * vectors/README.md.
 */
#include "accept_world.h"

struct maker {
    struct world *w;
    const char *folder; /* of vectors/ */
};

void make_notes(const struct maker *m);       /* note, key */
void make_checkpoints(const struct maker *m); /* checkpoint, cosignature */
void make_trees(const struct maker *m);  /* inclusion, consistency, tile-name, bundle */
void make_proofs(const struct maker *m); /* proof, witness */
void make_trust(const struct maker *m);  /* trust */
void make_envelopes(const struct maker *m);  /* envelope */
void make_statements(const struct maker *m); /* statement */
void make_releases(const struct maker *m);   /* vectors/release */

enum { MAKER_FIELDS = 20 };
struct made_vector {
    const char *name; /* "201-control-character" */
    const char *kind, *expect, *spec, *note;
    const char *field[MAKER_FIELDS]; /* name, value, name, value, NULL */
    struct selfsame_bytes payload;
};
/* log/NNN-KIND-what.vec */
void maker_put(const struct maker *m, const struct made_vector *v);
/* release/NNN-what.vec: several payloads, none has a kind. */
void maker_put_release(const struct maker *m, const struct made_vector *v,
    const struct selfsame_bytes *proofs, size_t count);

/* ---- texts ---- */

#define STR(m, ...) maker_str(arena_printf(&(m)->w->arena, __VA_ARGS__))
static inline const char *
maker_str(const char *s)
{
    assert_non_null(s);
    return s;
}

/* Where `what` stands; it must be there. */
const char *maker_find(const char *text, const char *what);
/* The text with the first `old` replaced; `old` must be there. */
const char *maker_swap(
    const struct maker *m, const char *text, const char *old, const char *new);
const char *maker_base64(const struct maker *m, struct selfsame_bytes raw);
/* As a string of JSON, with its quotes. */
const char *maker_json(const struct maker *m, const char *text);
/* `count` hashes as lines of base64. */
const char *maker_lines(const struct maker *m, const uint8_t *hashes, size_t count);

/* ---- keys and signatures ---- */

#define MAKER_ORIGIN "log.example/releases"
#define MAKER_WITNESS "witness.example/w1"

/* "name+id+base64" of any bytes, with the id that belongs to them. */
const char *maker_vkey(
    const struct maker *m, const char *name, uint8_t type, struct selfsame_bytes key);
const char *maker_log_vkey(const struct maker *m);
const char *maker_witness_vkey(const struct maker *m, size_t i);
struct selfsame_bytes maker_sign(
    const struct maker *m, const struct key *k, struct selfsame_bytes message);
/* The id of that name and key. */
uint32_t maker_key_id(
    const struct maker *m, const char *name, enum note_type type, const struct key *k);
/* "— name base64\n" of an id and any bytes. */
const char *maker_raw_line(const struct maker *m, const char *name, uint32_t id,
    struct selfsame_bytes signature);
/* The same, truly signed. */
const char *maker_line(const struct maker *m, const char *text, const char *name,
    enum note_type type, const struct key *k, int64_t time_s);
/* By the log. */
const char *maker_signed(const struct maker *m, const char *text);
/* origin, size and root of the first `size` entries. */
const char *maker_checkpoint_text(const struct maker *m, size_t size);
/* The root of the first `size` entries as base64. */
const char *maker_root(const struct maker *m, size_t size);

#endif
