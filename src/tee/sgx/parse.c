/* SPDX-License-Identifier: Apache-2.0 */
/* The quote around it is read for both TEEs in shared/dcap_quote.c. */
#include "tee/sgx/sgx.h"

enum selfsame_code
sgx_body_check(
    const struct dcap_quote *q, struct dcap_report *ret, struct selfsame_err *e)
{
    struct dcap_report r;

    TRY(dcap_report_parse(q->body, &r, e));
    if ((r.flags & ~DCAP_FLAGS_KNOWN) != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "ATTRIBUTES: expected the reserved flags to be zero, got 0x%llx",
            (unsigned long long)r.flags);
    const bool kss = (r.flags & DCAP_FLAG_KSS) != 0;
    if (!kss &&
        (!bytes_is_zero(r.config_id) || r.config_svn != 0 ||
            !bytes_is_zero(r.isv_family_id) || !bytes_is_zero(r.isv_ext_prod_id)))
        FAIL(e, SELFSAME_MALFORMED,
            "CONFIGID, CONFIGSVN, ISVFAMILYID, ISVEXTPRODID: expected zeros without "
            "the attribute KSS, got others");
    *ret = r;
    return SELFSAME_OK;
}
