/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"

#include <sys/resource.h>

uint64_t
os_descriptors(uint64_t need)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return 0;
    if (l.rlim_cur < need && l.rlim_cur < l.rlim_max) {
        const struct rlimit more = { .rlim_cur = need < l.rlim_max ? need : l.rlim_max,
            .rlim_max = l.rlim_max };

        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            l = more;
    }
    return l.rlim_cur;
}
