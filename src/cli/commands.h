/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_COMMANDS_H
#define SELFSAME_COMMANDS_H

#include "cli/cli.h"

/* One file per command; main.c lists them in the order of the journey. */
/* clang-format off */
extern const struct cli_command
    build_command,
    measure_command,
    run_command,
    ps_command,
    logs_command,
    stop_command,
    attest_command,
    serve_command,
    connect_command,
    verify_command,
    show_command,
    diff_command,
    rebuild_command,
    keygen_command,
    publish_command,
    publish_index_command,
    prove_command,
    log_init_command,
    log_serve_command,
    log_status_command,
    log_check_command,
    log_lookup_command,
    log_receipt_command,
    witness_init_command,
    witness_serve_command,
    monitor_command,
    secret_command,
    verifier_init_command,
    verifier_serve_command,
    verifier_rotate_command,
    verifier_tenant_command,
    verifier_key_command,
    verifier_policy_command,
    verifier_release_command,
    verifier_audience_command,
    verifier_identity_command,
    verifier_secret_command,
    verifier_follow_command,
    verifier_authority_command,
    verifier_audit_command,
    policy_init_command,
    policy_lint_command,
    policy_explain_command,
    token_check_command,
    token_show_command,
    collateral_fetch_command,
    collateral_show_command,
    collateral_export_command,
    collateral_forecast_command,
    collateral_import_command,
    collateral_serve_command,
    doctor_command;
/* clang-format on */

#endif
