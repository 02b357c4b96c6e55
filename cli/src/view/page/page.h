/* SPDX-License-Identifier: MIT */
/*
 * page.h - the page of `tote view --web`, in memory: page.cmake generates it from page.html
 */
#ifndef TOTE_CLI_PAGE_H
#define TOTE_CLI_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_size;
extern const char page_policy[]; /* its Content-Security-Policy */

#endif
