/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "old_libpq.h"

int main(void) {
    const char *result = PQexec(NULL, "SELECT 1");

    return printf("result of %s\n", result ? result : "none") < 0;
}
