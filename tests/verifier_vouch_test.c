/* SPDX-License-Identifier: Apache-2.0 */
#include "accept_world.h"

#include "codec/json.h"
#include "verifier/vouch.h"

#define SIGNER \
    "https://github.com/example/hello/.github/workflows/release.yml@refs/tags/"
#define TOKENS "https://token.actions.githubusercontent.com"

struct scene {
    struct world *w;
    struct registry_object policies[4];
    size_t count;
    struct vouched v;
    struct selfsame_err e;
};

static const char *
key_text(struct scene *s, struct selfsame_bytes spki)
{
    char *text = arena_alloc(&s->w->arena, 1, BASE64_SIZE(spki.len));

    assert_non_null(text);
    (void)base64_encode(spki, false, text);
    return text;
}

/* `release`: one entry of "releases", taken over; NULL: measurements alone. */
static void
add_policy(struct scene *s, const char *name, json_t *release)
{
    auto_json *j = json_pack("{s:i,s:{s:{}},s:{s:b},s:s,s:[s]}", "selfsame_policy", 1,
        "tee", "nitro", "freshness", "nonce", 1, "binding", "key", "insecure",
        "simulated");

    assert_non_null(j);
    assert_int_equal(
        release != NULL
            ? json_object_set_new(j, "releases", json_pack("[o]", release))
            : json_object_set_new(j, "measurements",
                  json_pack("[{s:s,s:{s:s,s:s,s:s}}]", "tee", "nitro", "pcr", "0",
                      WORLD_PCR0, "1", WORLD_PCR1, "2", WORLD_PCR2)),
        0);
    char *text = json_compact(j);
    assert_non_null(text);
    s->policies[s->count++] = (struct registry_object){ .tenant = "t",
        .kind = REGISTRY_POLICY,
        .name = name,
        .body = bytes_str(arena_str(&s->w->arena, bytes_str(text))) };
    free(text);
}

static json_t *
logged(struct scene *s, struct selfsame_bytes publisher)
{
    return json_pack("{s:s,s:s,s:s,s:[s]}", "name", "hello", "publisher",
        key_text(s, publisher), "trust", s->w->trust_text, "rebuilders",
        key_text(s, s->w->rebuilder_spki));
}

static void
open_scene(struct scene *s)
{
    *s = (struct scene){ .w = world_new() };
    add_policy(s, "none", NULL);
    add_policy(s, "other", logged(s, s->w->other_spki));
    add_policy(s, "app", logged(s, s->w->publisher_spki));
}

static enum selfsame_code
vouch(struct scene *s, struct selfsame_bytes body)
{
    s->e = (struct selfsame_err){ 0 };
    s->v = (struct vouched){ .policy = NULL };
    return vouch_release(
        s->policies, s->count, body, WORLD_NOW * 1000, &s->w->arena, &s->v, &s->e);
}

static void
refused(struct scene *s, struct selfsame_bytes body, const char *says)
{
    char text[1200];

    assert_code(vouch(s, body), SELFSAME_USAGE, &s->e);
    (void)selfsame_err_print(&s->e, text, sizeof(text));
    if (strstr(text, says) == NULL)
        fail_msg("expected \"%s\", got: %s", says, text);
}

static void
what_opens_under_a_policy_is_taken_and_which_is_said(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s);
    const char *release = world_release(s.w, &(struct world_release){ .sequence = 3 });
    const size_t r = world_publish(s.w, release, s.w->publisher);
    const size_t i = world_publish(s.w, world_index(s.w, 5, "", ""), s.w->publisher);
    const size_t b = world_publish(s.w,
        world_rebuild(s.w, world_sha256(s.w, release), "identical"), s.w->rebuilder);
    assert_code(vouch(&s, world_proof(s.w, r)), SELFSAME_OK, &s.e);
    assert_string_equal(s.v.policy, "app");
    assert_string_equal(s.v.release, "hello");
    assert_string_equal(s.v.version, "1.4.2");
    assert_int_equal(s.v.sequence, 3);
    assert_int_equal(s.v.kind, STATEMENT_RELEASE);
    assert_code(vouch(&s, world_proof(s.w, i)), SELFSAME_OK, &s.e);
    assert_int_equal(s.v.kind, STATEMENT_INDEX);
    assert_int_equal(s.v.sequence, 5);
    assert_code(vouch(&s, world_proof(s.w, b)), SELFSAME_OK, &s.e);
    assert_int_equal(s.v.kind, STATEMENT_REBUILD);
    /* The first policy under which it opens. */
    assert_string_equal(s.v.policy, "other");
    world_free(s.w);
}

static void
what_opens_under_none_is_refused_with_what_is_wrong(void **state)
{
    const int64_t times[] = { WORLD_NOW, WORLD_NOW, WORLD_NOW };
    struct scene s;

    (void)state;
    open_scene(&s);
    const char *release = world_release(s.w, &(struct world_release){ .sequence = 3 });
    const size_t good = world_publish(s.w, release, s.w->publisher);
    const size_t stranger = world_publish(s.w, release, s.w->rebuilder);
    const size_t name = world_publish(s.w,
        world_release(s.w, &(struct world_release){ .name = "else" }), s.w->publisher);
    const size_t old = world_publish(s.w,
        world_release(s.w, &(struct world_release){ .from = "2022-01-01T00:00:00Z",
                               .to = "2022-06-01T00:00:00Z" }),
        s.w->publisher);
    const size_t index = world_publish(
        s.w, world_index(s.w, 5, "", ""), s.w->rebuilder);
    const size_t rebuild = world_publish(s.w,
        world_rebuild(s.w, world_sha256(s.w, release), "identical"), s.w->publisher);
    refused(&s, world_proof(s.w, stranger), "PUBLISHER_SIG");
    refused(&s, world_proof(s.w, name), "WRONG_NAME");
    refused(&s, world_proof(s.w, old), "");
    refused(&s, world_proof(s.w, index), "PUBLISHER_SIG");
    refused(&s, world_proof(s.w, rebuild), "REBUILDERS");
    refused(
        &s, world_proof_of(s.w, good, world_checkpoint(s.w, s.w->log, 1, times)), "");
    refused(
        &s, world_proof_of(s.w, good, world_checkpoint(s.w, s.w->other, 7, times)), "");
    refused(&s, world_proof_of(s.w, rebuild, world_checkpoint(s.w, s.w->log, 1, times)),
        "");
    refused(&s, bytes_str(release), "");
    refused(&s, BYTES_LIT(""), "");
    refused(
        &s, BYTES_LIT("{\"mediaType\":\"application/vnd.dev.sigstore.bundle\"}"), "");
    s.count = 1;
    refused(&s, world_proof(s.w, good), "no policy names releases");
    s.count = 0;
    refused(&s, world_proof(s.w, good), "no policy names releases");
    world_free(s.w);
}

/* Not one bit of a proof may be another, but in what nobody's key is needed for. */
static void
no_changed_proof_is_taken(void **state)
{
    struct selfsame_bytes copy;
    struct scene s;

    (void)state;
    open_scene(&s);
    const size_t good = world_publish(s.w,
        world_release(s.w, &(struct world_release){ .sequence = 3 }), s.w->publisher);
    const struct selfsame_bytes proof = world_proof(s.w, good);
    assert_true(arena_dup(&s.w->arena, proof, &copy));
    uint8_t *at = (uint8_t *)(uintptr_t)copy.ptr;
    const char *text = arena_str(&s.w->arena, proof);
    /* One of three witnesses may be lost, with its line: those are the last. */
    const size_t witnesses = (size_t)(strstr(text, "witness.example/w1") - text) - 4;
    for (size_t bit = 0; bit < 8 * copy.len; bit += 7) {
        auto_arena arena = arena_new(16 << 20);
        struct selfsame_err e = { 0 };
        struct vouched v;

        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (vouch_release(&s.policies[2], 1, copy, WORLD_NOW * 1000, &arena, &v, &e) ==
            SELFSAME_OK)
            assert_true(bit / 8 >= witnesses);
        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < copy.len; n++) {
        auto_arena arena = arena_new(16 << 20);
        struct selfsame_err e = { 0 };
        struct vouched v;

        if (vouch_release(&s.policies[2], 1, BYTES(at, n), WORLD_NOW * 1000, &arena, &v,
                &e) == SELFSAME_OK)
            assert_true(n > witnesses);
    }
    world_free(s.w);
}

/* ---- Sigstore ---- */

static void
a_bundle_opens_by_its_identity(void **state)
{
    struct selfsame_bytes b, root;
    struct scene s;
    int64_t now_s;

    (void)state;
    open_scene(&s);
    b = test_file("vectors/sigstore/108-release.vec", &s.w->arena);
    while (b.len > 1 && !(b.ptr[0] == '\n' && b.ptr[1] == '\n'))
        b = BYTES(b.ptr + 1, b.len - 1);
    b = BYTES(b.ptr + 2, b.len - 3);
    root = test_file("vectors/sigstore/usual.root.json", &s.w->arena);
    assert_true(time_parse("2026-05-28T21:26:40Z", &now_s));
    for (int own = 0; own < 2; own++) {
        s.count = 3;
        add_policy(&s, "actions",
            json_pack("{s:s,s:{s:s,s:s,s:o}}", "name", "hello", "sigstore", "identity",
                own ? SIGNER "*" : SIGNER "v2*", "issuer", TOKENS, "trusted_root",
                json_stringn((const char *)root.ptr, root.len)));
        s.e = (struct selfsame_err){ 0 };
        assert_code(vouch_release(
                        s.policies, s.count, b, now_s * 1000, &s.w->arena, &s.v, &s.e),
            own ? SELFSAME_OK : SELFSAME_USAGE, &s.e);
    }
    assert_string_equal(s.v.policy, "actions");
    assert_string_equal(s.v.release, "hello");
    assert_string_equal(s.v.version, "1.4.2");
    assert_int_equal(s.v.sequence, 17);
    world_free(s.w);
}

/* ---- which releases a policy is given ---- */

static void
a_policy_is_given_the_newest_that_may_be_its_own(void **state)
{
    enum { MANY = RELEASE_PROOFS + 36 };
    const struct registry_object **list;
    struct selfsame_policy *p = NULL;
    struct registry_object *all;
    size_t count, left_out;
    struct scene s;

    (void)state;
    open_scene(&s);
    const size_t mine = world_publish(s.w,
        world_release(s.w, &(struct world_release){ .sequence = 3 }), s.w->publisher);
    const size_t other = world_publish(s.w,
        world_release(s.w, &(struct world_release){ .name = "else" }), s.w->publisher);
    const struct selfsame_bytes proof = world_proof(s.w, mine);
    const struct selfsame_bytes strange = world_proof(s.w, other);
    all = ARENA_NEW(&s.w->arena, struct registry_object, 3 * MANY);
    for (int i = 0; i < 3 * MANY; i++)
        all[i] = (struct registry_object){ .kind = REGISTRY_RELEASE,
            .name = arena_printf(&s.w->arena, "r%d", i),
            .created_ms = i,
            .body = i % 3 == 0   ? proof
                    : i % 3 == 1 ? strange
                                 : BYTES_LIT("nothing") };
    assert_code(selfsame_policy_parse(s.policies[2].body, &p, &s.e), SELFSAME_OK, &s.e);
    assert_code(
        releases_for(p, all, 3 * MANY, &s.w->arena, &list, &count, &left_out, &s.e),
        SELFSAME_OK, &s.e);
    assert_int_equal(count, RELEASE_PROOFS);
    assert_int_equal(left_out, 36);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list[i]->created_ms, 3 * (MANY - 1 - (int64_t)i));
    /* Too many of them take the policy from nobody. */
    assert_code(releases_open_for(p, all, 3 * MANY, WORLD_NOW * 1000, &left_out, &s.e),
        SELFSAME_OK, &s.e);
    assert_int_equal(left_out, 36);
    selfsame_policy_free(p);
    world_free(s.w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_opens_under_a_policy_is_taken_and_which_is_said),
        cmocka_unit_test(what_opens_under_none_is_refused_with_what_is_wrong),
        cmocka_unit_test(no_changed_proof_is_taken),
        cmocka_unit_test(a_bundle_opens_by_its_identity),
        cmocka_unit_test(a_policy_is_given_the_newest_that_may_be_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
