/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_PAGE_H
#define SELFSAME_PAGE_H

#include "base/base.h"

/* Files of web/ as they are in the program; made by tools/embed.py. */
struct page_asset {
    const char *name; /* "explorer.js" */
    const char *type;
    const char *etag; /* quoted: of the content */
    struct selfsame_bytes body;
};
extern const struct page_asset page_assets[];
extern const size_t page_asset_count;

#endif
