/* SPDX-License-Identifier: MIT */
/*
 * json_member.h - members of the JSON objects of the API
 *
 * A key is written as it is: it has quotation marks and a colon, and the bracket of the object
 * before its first one.
 */
#ifndef TOTE_CLI_JSON_MEMBER_H
#define TOTE_CLI_JSON_MEMBER_H

#include "otlp/encode/json_writer.h"

static inline void json_member_text(struct tote__json *json, const char *key, const char *text) {
    tote__json_put(json, key);
    tote__json_text(json, (struct tote__slice){(const uint8_t *)text, strlen(text)});
}

static inline void json_member_count(struct tote__json *json, const char *key, uint64_t count) {
    tote__json_put(json, key);
    tote__json_number(json, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

static inline void json_member_nanoseconds(struct tote__json *json, const char *key,
                                           uint64_t nanoseconds) {
    tote__json_put(json, key);
    tote__json_unsigned(json, nanoseconds);
}

#endif
