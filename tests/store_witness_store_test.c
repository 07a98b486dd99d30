/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "os/os.h"
#include "store/witness_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#define ONE bytes_str("log.example/1")
#define TWO bytes_str("log.example/2")

struct place {
    char top[40], path[64];
    struct witness_store *s;
};

static void
open_again(struct place *p)
{
    struct selfsame_err e = { 0 };

    witness_store_close(&p->s);
    assert_code(witness_store_open(p->path, false, &p->s, &e), SELFSAME_OK, &e);
}

static void
begin(struct place *p)
{
    struct selfsame_err e = { 0 };

    *p = (struct place){ .top = "/tmp/selfsame-store.XXXXXX" };
    assert_non_null(mkdtemp(p->top));
    (void)snprintf(p->path, sizeof(p->path), "%s/state.sqlite", p->top);
    assert_code(witness_store_open(p->path, true, &p->s, &e), SELFSAME_OK, &e);
}

static void
end(struct place *p)
{
    struct selfsame_err e = { 0 };

    witness_store_close(&p->s);
    assert_code(dir_remove(p->top, &e), SELFSAME_OK, &e);
}

static struct witness_state
state_of(uint64_t size, uint8_t root)
{
    struct witness_state s = { .size = size };

    memset(s.root, root, sizeof(s.root));
    if (size == 0)
        assert_true(witness_state_of_none(&s));
    return s;
}

static enum selfsame_code
swap(struct place *p, struct selfsame_bytes origin, struct witness_state was,
    struct witness_state now, const char *note)
{
    const struct witness_record r = { .state = now, .note = bytes_str(note) };
    struct selfsame_err e = { 0 };

    return witness_store_swap(p->s, origin, &was, &r, &e);
}

static void
in_transaction(struct place *p)
{
    struct selfsame_err e = { 0 };

    assert_code(witness_store_begin(p->s, &e), SELFSAME_OK, &e);
}

static void
commit(struct place *p)
{
    struct selfsame_err e = { 0 };

    assert_code(witness_store_commit(p->s, &e), SELFSAME_OK, &e);
}

static void
stored_is(struct place *p, struct selfsame_bytes origin, struct witness_state want,
    const char *note)
{
    auto_arena arena = arena_new(1 << 16);
    struct witness_record r;
    struct selfsame_err e = { 0 };

    assert_code(witness_store_get(p->s, origin, &arena, &r, &e), SELFSAME_OK, &e);
    assert_int_equal(r.state.size, want.size);
    assert_memory_equal(r.state.root, want.root, LOG_HASH);
    assert_bytes(r.note, bytes_str(note));
}

static void
what_was_committed_is_there_again(void **state)
{
    struct place p;

    (void)state;
    begin(&p);
    stored_is(&p, ONE, state_of(0, 0), "");
    in_transaction(&p);
    assert_int_equal(swap(&p, ONE, state_of(0, 0), state_of(5, 'a'), "five"), 0);
    assert_int_equal(swap(&p, ONE, state_of(5, 'a'), state_of(7, 'b'), "seven"), 0);
    assert_int_equal(swap(&p, TWO, state_of(0, 0), state_of(0, 0), "none"), 0);
    commit(&p);
    open_again(&p);
    stored_is(&p, ONE, state_of(7, 'b'), "seven");
    stored_is(&p, TWO, state_of(0, 0), "none");
    in_transaction(&p);
    assert_int_equal(swap(&p, ONE, state_of(7, 'b'), state_of(7, 'b'), "again"), 0);
    commit(&p);
    stored_is(&p, ONE, state_of(7, 'b'), "again");
    end(&p);
}

static void
what_was_not_committed_is_not(void **state)
{
    struct place p;

    (void)state;
    begin(&p);
    in_transaction(&p);
    assert_int_equal(swap(&p, ONE, state_of(0, 0), state_of(5, 'a'), "five"), 0);
    witness_store_rollback(p.s);
    stored_is(&p, ONE, state_of(0, 0), "");
    in_transaction(&p);
    assert_int_equal(swap(&p, ONE, state_of(0, 0), state_of(6, 'a'), "six"), 0);
    open_again(&p); /* as when it is killed */
    stored_is(&p, ONE, state_of(0, 0), "");
    end(&p);
}

static void
swaps_that_must_not_be_change_nothing(void **state)
{
    static const struct {
        uint64_t was;
        uint8_t was_root;
        uint64_t now;
        uint8_t now_root;
    } cases[] = {
        { 0, 0, 9, 'b' },           /* another size was read */
        { 4, 'a', 9, 'b' },         /* likewise */
        { 5, 'x', 9, 'b' },         /* another root was read */
        { 5, 'a', 4, 'b' },         /* back */
        { 5, 'a', 0, 0 },           /* back to nothing */
        { 5, 'a', 5, 'b' },         /* two trees of one size */
        { 5, 'a', UINT64_MAX, 'b' } /* no size of a tree */
    };
    struct place p;

    (void)state;
    begin(&p);
    in_transaction(&p);
    assert_int_equal(swap(&p, ONE, state_of(0, 0), state_of(5, 'a'), "five"), 0);
    commit(&p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        in_transaction(&p);
        assert_int_not_equal(swap(&p, ONE, state_of(cases[i].was, cases[i].was_root),
                                 state_of(cases[i].now, cases[i].now_root), "other"),
            SELFSAME_OK);
        commit(&p);
        stored_is(&p, ONE, state_of(5, 'a'), "five");
    }
    assert_int_equal(swap(&p, ONE, state_of(5, 'a'), state_of(6, 'b'), "six"),
        SELFSAME_INTERNAL); /* outside of a transaction */
    stored_is(&p, ONE, state_of(5, 'a'), "five");
    end(&p);
}

static void
second_one_is_refused(void **state)
{
    struct place p;
    struct witness_store *other = NULL;
    struct selfsame_err e = { 0 };

    (void)state;
    begin(&p);
    assert_code(witness_store_open(p.path, false, &other, &e), SELFSAME_IO, &e);
    assert_non_null(e.remedy);
    assert_code(witness_store_open(p.path, true, &other, &e), SELFSAME_IO, &e);
    end(&p);
}

static void
another_database_is_refused(void **state)
{
    static const char *const sqls[] = { "PRAGMA application_id=1",
        "PRAGMA user_version=2", "DROP TABLE cosigned" };
    struct selfsame_err e = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(sqls); i++) {
        struct place p;
        sqlite3 *db = NULL;

        begin(&p);
        witness_store_close(&p.s);
        assert_int_equal(sqlite3_open(p.path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sqls[i], NULL, NULL, NULL), SQLITE_OK);
        (void)sqlite3_close(db);
        assert_int_not_equal(witness_store_open(p.path, false, &p.s, &e), SELFSAME_OK);
        end(&p);
    }
}

static void
no_file_is_made_without_being_asked(void **state)
{
    struct place p;
    struct selfsame_err e = { 0 };
    struct stat st;

    (void)state;
    begin(&p);
    witness_store_close(&p.s);
    (void)snprintf(p.path, sizeof(p.path), "%s/other", p.top);
    assert_code(witness_store_open(p.path, false, &p.s, &e), SELFSAME_IO, &e);
    assert_int_not_equal(stat(p.path, &st), 0);
    end(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_there_again),
        cmocka_unit_test(what_was_not_committed_is_not),
        cmocka_unit_test(swaps_that_must_not_be_change_nothing),
        cmocka_unit_test(second_one_is_refused),
        cmocka_unit_test(another_database_is_refused),
        cmocka_unit_test(no_file_is_made_without_being_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
