/* SPDX-License-Identifier: MIT */
/*
 * checksum.h - detects torn or damaged bytes; no protection against an attacker
 */
#ifndef TOTE_DELIVERY_CHECKSUM_H
#define TOTE_DELIVERY_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t tote__checksum(const uint8_t *bytes, size_t size);

#endif
