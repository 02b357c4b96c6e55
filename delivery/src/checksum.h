/* SPDX-License-Identifier: MIT */
/*
 * checksum.h - what tells torn or damaged bytes from whole ones; no defence against somebody
 */
#ifndef TOTE_DELIVERY_CHECKSUM_H
#define TOTE_DELIVERY_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t tote__checksum(const uint8_t *bytes, size_t size);

#endif
