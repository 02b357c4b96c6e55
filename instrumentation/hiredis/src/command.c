/* SPDX-License-Identifier: MIT */
/*
 * command.c - what is recorded of a command of Redis. Spec: redis.md
 *
 * Tests: tests/unit/test_hiredis.c
 */
#include "hiredis_parts.h"

enum { MOST_PLACEHOLDERS = 16 };

/* Commands whose arguments can be secrets: they are never recorded. */
static const char *const secret[] = {"ACL", "AUTH", "CONFIG", "HELLO", "MIGRATE"};

/* Commands after which replies arrive that no command asks for. */
static const char *const streams[] = {"MONITOR",    "PSUBSCRIBE", "PUNSUBSCRIBE",
                                      "SSUBSCRIBE", "SUBSCRIBE",  "SUNSUBSCRIBE",
                                      "SYNC",       "PSYNC",      "UNSUBSCRIBE"};

/* Commands whose first argument names a script. Spec: redis.md, db.stored_procedure.name */
static const char *const scripts[] = {"EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"};

static bool is_one_of(const char *operation, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (tote__hiredis_is(operation, names[i])) {
            return true;
        }
    }
    return false;
}

/* Read "*COUNT" or "$LENGTH" with its line end from the text. Returns false if it is malformed. */
static bool read_number(struct tote__part *text, char type, size_t *number) {
    size_t at = 1;

    if (!text->length || text->at[0] != type) {
        return false;
    }
    *number = 0;
    while (at < text->length && at < 11 && text->at[at] >= '0' && text->at[at] <= '9') {
        *number = *number * 10 + (size_t)(text->at[at++] - '0');
    }
    if (at == 1 || text->length - at < 2 || memcmp(text->at + at, "\r\n", 2) != 0) {
        return false;
    }
    text->at += at + 2;
    text->length -= at + 2;
    return true;
}

/* Read the argument with this index. The text loses it. */
static bool read_argument(struct tote__hiredis_command *command, size_t index,
                          struct tote__part *argument) {
    struct tote__part *text = &command->text;
    size_t length;

    if (command->arguments) {
        const char *at = command->arguments[index];
        *argument = (struct tote__part){at, command->lengths ? command->lengths[index]
                                            : at             ? strlen(at)
                                                             : 0};
        return at || argument->length == 0;
    }
    if (!read_number(text, '$', &length) || text->length < 2 || length > text->length - 2) {
        return false;
    }
    *argument = (struct tote__part){text->at, length};
    text->at += length + 2;
    text->length -= length + 2;
    return true;
}

static int database_of(struct tote__part argument) {
    int number = 0;

    for (size_t i = 0; i < argument.length; i++) {
        if (i == 6 || argument.at[i] < '0' || argument.at[i] > '9') {
            return -1;
        }
        number = number * 10 + (argument.at[i] - '0');
    }
    return argument.length ? number : -1;
}

/* Note an argument, that is not the name of the command. */
static void describe_argument(struct tote__hiredis_description *description,
                              struct tote__writer *writer, size_t index, struct tote__part argument,
                              bool is_shown) {
    if (index == 1 && is_one_of(description->operation, scripts, TOTE_COUNT_OF(scripts))) {
        tote__utf8_copy(description->procedure, sizeof description->procedure, argument.at,
                        argument.length);
    }
    if (index == 1 && tote__hiredis_is(description->operation, "SELECT")) {
        description->database = database_of(argument);
    }
    if (is_shown) {
        tote__write(writer, " ", 1);
        tote__write(writer, argument.at, argument.length);
    } else if (index <= MOST_PLACEHOLDERS) {
        tote__write(writer, " ?", 2);
    } else if (index == MOST_PLACEHOLDERS + 1) {
        tote__write(writer, " ...", 4);
    }
}

bool tote__hiredis_describe(struct tote__hiredis_command *command,
                            struct tote__hiredis_description *description) {
    struct tote__writer writer = {description->text, sizeof description->text, 0};
    struct tote__part argument;

    if (!command->arguments && !read_number(&command->text, '*', &command->argument_count)) {
        return false;
    }
    if (!command->argument_count || !read_argument(command, 0, &argument) || !argument.length) {
        return false;
    }
    description->procedure[0] = '\0';
    description->database = -1;
    if (!tote__is_token(argument.at, argument.length)) {
        argument = (struct tote__part){"_OTHER", 6};
    }
    tote__utf8_copy(description->operation, sizeof description->operation, argument.at,
                    argument.length);
    description->has_stream = is_one_of(description->operation, streams, TOTE_COUNT_OF(streams));
    tote__write(&writer, description->operation, strlen(description->operation));
    bool is_shown = tote_database_wants_values() &&
                    !is_one_of(description->operation, secret, TOTE_COUNT_OF(secret));
    for (size_t i = 1; i < command->argument_count; i++) {
        if (!read_argument(command, i, &argument)) {
            return false;
        }
        describe_argument(description, &writer, i, argument, is_shown);
    }
    description->text_length = tote__written(&writer);
    return true;
}
