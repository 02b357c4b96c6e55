/* SPDX-License-Identifier: MIT */
/* preload_static.c - a program without a dynamic linker */
#include <stdio.h>

int main(void) {
    puts("static");
    return 3;
}
