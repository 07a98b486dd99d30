/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "verifier/outcomes.h"

enum { MINUTE = 60000 };
#define NOON INT64_C(1790000040000)

static struct outcomes *
fresh(void)
{
    struct selfsame_err e = { 0 };
    struct outcomes *o = NULL;

    assert_code(outcomes_new(&o, &e), SELFSAME_OK, &e);
    return o;
}

static uint64_t
sum(const struct outcomes_hour *h)
{
    uint64_t n = 0;

    for (size_t i = 0; i < OUTCOMES_MINUTES; i++)
        for (size_t k = 0; k < OUTCOMES_CLASSES; k++)
            n += h->minute[i][k];
    return n;
}

static void
each_counts_in_its_minute_and_class(void **state)
{
    struct outcomes *o = fresh();
    struct outcomes_hour h;

    (void)state;
    outcomes_add(o, "a", NOON, SELFSAME_OK);
    outcomes_add(o, "a", NOON + MINUTE, SELFSAME_STALE);
    outcomes_add(o, "a", NOON + MINUTE, SELFSAME_STALE);
    outcomes_add(o, "a", NOON + 3 * MINUTE, SELFSAME_INTERNAL);
    outcomes_read(o, "a", NOON + 3 * MINUTE, &h);
    assert_int_equal(h.first_minute, (NOON + 3 * MINUTE) / MINUTE - 59);
    assert_int_equal(h.minute[56][SELFSAME_OK], 1);
    assert_int_equal(h.minute[57][SELFSAME_STALE], 2);
    assert_int_equal(h.minute[59][OUTCOMES_CLASSES - 1], 1);
    assert_int_equal(outcomes_class(OUTCOMES_CLASSES - 1), SELFSAME_INTERNAL);
    assert_int_equal(outcomes_class(SELFSAME_STALE), SELFSAME_STALE);
    assert_int_equal(sum(&h), 4);
    outcomes_free(&o);
}

static void
tenants_are_apart(void **state)
{
    struct outcomes *o = fresh();
    struct outcomes_hour h;

    (void)state;
    outcomes_add(o, "a", NOON, SELFSAME_OK);
    outcomes_read(o, "b", NOON, &h);
    assert_int_equal(sum(&h), 0);
    outcomes_read(o, "", NOON, &h);
    assert_int_equal(sum(&h), 0);
    outcomes_free(&o);
}

static void
what_is_older_than_an_hour_is_gone(void **state)
{
    struct outcomes *o = fresh();
    struct outcomes_hour h;

    (void)state;
    outcomes_add(o, "a", NOON, SELFSAME_OK);
    outcomes_read(o, "a", NOON + 59 * MINUTE, &h);
    assert_int_equal(h.minute[0][SELFSAME_OK], 1);
    outcomes_read(o, "a", NOON + 60 * MINUTE, &h);
    assert_int_equal(sum(&h), 0);
    outcomes_add(o, "a", NOON + 61 * MINUTE, SELFSAME_OK);
    outcomes_read(o, "a", NOON + INT64_C(10000000) * MINUTE, &h);
    assert_int_equal(sum(&h), 0);
    outcomes_free(&o);
}

static void
a_clock_that_goes_back_loses_nothing(void **state)
{
    struct outcomes *o = fresh();
    struct outcomes_hour h;

    (void)state;
    outcomes_add(o, "a", NOON, SELFSAME_OK);
    outcomes_add(o, "a", NOON - 30 * MINUTE, SELFSAME_OK);
    outcomes_add(o, "a", -5, SELFSAME_OK);
    outcomes_read(o, "a", NOON - 30 * MINUTE, &h);
    assert_int_equal(h.minute[59][SELFSAME_OK], 3);
    assert_int_equal(h.first_minute, NOON / MINUTE - 59);
    outcomes_free(&o);
}

static void
of_too_many_tenants_the_quietest_is_forgotten(void **state)
{
    struct outcomes *o = fresh();
    struct outcomes_hour h;
    char name[32];

    (void)state;
    for (int i = 0; i < OUTCOMES_TENANTS; i++) {
        (void)snprintf(name, sizeof(name), "t%d", i);
        outcomes_add(o, name, NOON + (i == 7 ? 0 : MINUTE), SELFSAME_OK);
    }
    outcomes_add(o, "new", NOON + MINUTE, SELFSAME_STALE);
    outcomes_read(o, "new", NOON + MINUTE, &h);
    assert_int_equal(sum(&h), 1);
    assert_int_equal(h.minute[59][SELFSAME_STALE], 1);
    outcomes_read(o, "t7", NOON + MINUTE, &h);
    assert_int_equal(sum(&h), 0);
    outcomes_read(o, "t8", NOON + MINUTE, &h);
    assert_int_equal(sum(&h), 1);
    outcomes_free(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_counts_in_its_minute_and_class),
        cmocka_unit_test(tenants_are_apart),
        cmocka_unit_test(what_is_older_than_an_hour_is_gone),
        cmocka_unit_test(a_clock_that_goes_back_loses_nothing),
        cmocka_unit_test(of_too_many_tenants_the_quietest_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
