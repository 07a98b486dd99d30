/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tee/skeleton/skeleton.h"

static void
the_skeleton_is_in_no_table(void **state)
{
    (void)state;
    assert_null(tee_verifier_find("skeleton"));
    assert_null(tee_measurer_find("skeleton"));
    assert_non_null(tee_verifier_find("nitro"));
    assert_non_null(tee_measurer_find("nitro"));
    for (size_t i = 0; tee_verifier_at(i) != NULL; i++)
        assert_ptr_equal(
            tee_verifier_find(tee_verifier_at(i)->name), tee_verifier_at(i));
}

static void
the_skeleton_refuses_everything(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    const struct tee_trust trust = { .now_s = 1 };
    const struct tee_report_request report = { .device = NULL };
    const struct tee_launch_request launch = { .image = "x" };
    struct checks checks = { .at = { { .outcome = CHECK_MISSING } } };
    struct selfsame_claims claims = { .authentic = false };
    struct tee_collected out;
    enum check_name first;
    void *measuring;

    (void)state;
    assert_code(skeleton_verifier.verify(
                    BYTES_LIT("evidence"), &trust, &arena, &checks, &claims, &e),
        SELFSAME_UNSUPPORTED, &e);
    assert_false(claims.authentic);
    assert_int_equal(checks_code(&checks, &first), SELFSAME_UNSUPPORTED);
    assert_int_equal(first, CHECK_PARSE);
    assert_false(skeleton_verifier.recognise(BYTES_LIT("evidence")));
    assert_code(
        skeleton_measurer.begin(1, false, &measuring, &e), SELFSAME_UNSUPPORTED, &e);
    assert_false(skeleton_attester.present(NULL));
    assert_code(
        skeleton_attester.collect(&report, &arena, &out, &e), SELFSAME_UNSUPPORTED, &e);
    assert_code(skeleton_launcher.launch(&launch, &e), SELFSAME_UNSUPPORTED, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_skeleton_is_in_no_table),
        cmocka_unit_test(the_skeleton_refuses_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
