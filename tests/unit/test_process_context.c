/* SPDX-License-Identifier: MIT */
/*
 * test_process_context.c - the resource that a process publishes to profilers
 *
 * The reader is an implementation of its own: it knows the specification, /proc/PID/maps and
 * /proc/PID/mem, and decodes with protobuf-c. What it reads is a forked child.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"
#include "otlp/request.pb-c.h"
#include "process_context.h"
#include "tote/internal/sdk.h"
#include "tote/tote.h"

/* The reader. Spec: oteps/profiles/4719-process-ctx.md#reading-protocol */

enum { HEADER_BYTES = 32, MOST_PAYLOAD = 65536 };

struct reading {
    uint64_t at; /* the address of the mapping; 0: none was found */
    uint64_t time;
    size_t mappings; /* with this name */
    size_t size;
    uint8_t payload[MOST_PAYLOAD];
};

static bool has_name(const char *line) {
    static const char *const names[] = {" [anon_shmem:OTEL_CTX]", " [anon:OTEL_CTX]",
                                        " /memfd:OTEL_CTX"};
    bool is_named = false;

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        is_named |= strstr(line, names[i]) != NULL;
    }
    return is_named;
}

static void find_mapping(pid_t process, struct reading *reading) {
    char line[512];

    *reading = (struct reading){.at = 0};
    snprintf(line, sizeof line, "/proc/%d/maps", (int)process);
    FILE *maps = fopen(line, "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        if (has_name(line)) {
            reading->mappings++;
            assert_int_equal(sscanf(line, "%" SCNx64, &reading->at), 1);
            assert_non_null(strstr(line, " rw-p "));
        }
    }
    fclose(maps);
}

/* Returns false if the context changed meanwhile. */
static bool read_once(int memory, struct reading *reading) {
    uint8_t header[HEADER_BYTES];
    uint64_t address;
    uint64_t time_after;
    uint32_t number;

    assert_int_equal(pread(memory, header, sizeof header, (off_t)reading->at), sizeof header);
    assert_memory_equal(header, "OTEL_CTX", 8);
    memcpy(&number, header + 8, sizeof number);
    assert_int_equal(number, 2);
    memcpy(&number, header + 12, sizeof number);
    memcpy(&reading->time, header + 16, sizeof reading->time);
    memcpy(&address, header + 24, sizeof address);
    if (!reading->time) {
        return false;
    }
    reading->size = number;
    bool is_read = number <= MOST_PAYLOAD && pread(memory, reading->payload, reading->size,
                                                   (off_t)address) == (ssize_t)reading->size;
    assert_int_equal(pread(memory, &time_after, sizeof time_after, (off_t)(reading->at + 16)),
                     sizeof time_after);
    if (time_after != reading->time) {
        return false;
    }
    assert_true(is_read);
    return true;
}

/* Read the context of a process; `at` is 0 if it publishes none. */
static void read_context(pid_t process, struct reading *reading) {
    char path[64];

    find_mapping(process, reading);
    if (!reading->mappings) {
        return;
    }
    assert_int_equal(reading->mappings, 1);
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(memory >= 0);
    while (!read_once(memory, reading)) {
    }
    close(memory);
}

struct part {
    uint32_t field;
    const uint8_t *at;
    size_t size;
};

/* Read a length-delimited field. Returns false at the end. */
static bool next_part(const uint8_t **at, const uint8_t *end, struct part *part) {
    unsigned shift = 0;

    if (*at >= end) {
        return false;
    }
    assert_int_equal(**at & 7, 2);
    *part = (struct part){.field = (uint32_t) * (*at)++ >> 3};
    do {
        assert_true(*at < end && shift < 28);
        part->size |= (size_t)(**at & 0x7F) << shift;
        shift += 7;
    } while (*(*at)++ & 0x80);
    assert_true(part->size <= (size_t)(end - *at));
    part->at = *at;
    *at += part->size;
    return true;
}

/* A decoded context. */
struct context {
    Tote__Otlp__Resource *resource;
    Tote__Otlp__KeyValue *attributes[8];
    size_t attribute_count;
};

static struct context decode(const struct reading *reading) {
    const uint8_t *at = reading->payload;
    struct context context = {.resource = NULL};
    struct part part;

    assert_true(reading->at);
    while (next_part(&at, reading->payload + reading->size, &part)) {
        if (part.field == 1) {
            assert_null(context.resource);
            context.resource = tote__otlp__resource__unpack(NULL, part.size, part.at);
        } else {
            assert_int_equal(part.field, 2);
            assert_true(context.attribute_count < TOTE_COUNT_OF(context.attributes));
            context.attributes[context.attribute_count++] =
                tote__otlp__key_value__unpack(NULL, part.size, part.at);
        }
    }
    assert_non_null(context.resource);
    return context;
}

static void release(struct context *context) {
    tote__otlp__resource__free_unpacked(context->resource, NULL);
    for (size_t i = 0; i < context->attribute_count; i++) {
        tote__otlp__key_value__free_unpacked(context->attributes[i], NULL);
    }
}

static const Tote__Otlp__AnyValue *find(Tote__Otlp__KeyValue *const *attributes, size_t count,
                                        const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i]->key, key) == 0) {
            return attributes[i]->value;
        }
    }
    fail_msg("no attribute %s", key);
    return NULL;
}

static const char *text_of(const struct context *context, const char *key) {
    const Tote__Otlp__AnyValue *value =
        find(context->resource->attributes, context->resource->n_attributes, key);

    assert_int_equal(value->value_case, TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE);
    return value->string_value;
}

static int64_t process_id_of(const struct context *context) {
    return find(context->resource->attributes, context->resource->n_attributes, "process.pid")
        ->int_value;
}

/* The process that is read: it stops at each step until the reader continues it. */

static int to_reader, from_reader;

static void stop_here(pid_t process) {
    if (write(to_reader, &process, sizeof process) != sizeof process ||
        read(from_reader, &process, 1) != 1) {
        _exit(9);
    }
}

struct subject {
    pid_t process;
    int steps[2];
    int continues[2];
};

static struct subject begin(void (*run)(void)) {
    struct subject subject;

    assert_int_equal(pipe(subject.steps), 0);
    assert_int_equal(pipe(subject.continues), 0);
    fflush(NULL);
    subject.process = fork();
    if (!subject.process) {
        to_reader = subject.steps[1];
        from_reader = subject.continues[0];
        close(subject.steps[0]);
        close(subject.continues[1]);
        setenv("OTEL_TRACES_EXPORTER", "none", 1);
        run();
        _exit(0);
    }
    close(subject.steps[1]);
    close(subject.continues[0]);
    return subject;
}

/* Wait for the next step. Returns the process that stopped. */
static pid_t wait_for(const struct subject *subject) {
    pid_t process = 0;

    assert_int_equal(read(subject->steps[0], &process, sizeof process), sizeof process);
    return process;
}

static void go_on(const struct subject *subject) {
    assert_int_equal(write(subject->continues[1], "", 1), 1);
}

static void end(struct subject *subject) {
    int status = -1;

    close(subject->continues[1]);
    close(subject->steps[0]);
    assert_int_equal(waitpid(subject->process, &status, 0), subject->process);
    assert_int_equal(status, 0);
}

static tote_sdk *start_named(const char *service) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.service_name = service;
    return tote_sdk_start(&options);
}

static void start_twice(void) {
    tote_sdk *sdk = start_named("first");
    stop_here(getpid());
    tote_sdk_close(&sdk, 1000);
    stop_here(getpid());
    sdk = start_named("second");
    stop_here(getpid());
    tote_sdk_close(&sdk, 1000);
}

/* Spec: oteps/profiles/4719-process-ctx.md#publication-protocol */
static void a_running_sdk_publishes_its_resource(void **state) {
    (void)state;
    NEED_LINUX();
    static struct reading first, second;
    struct subject subject = begin(start_twice);

    read_context(wait_for(&subject), &first);
    struct context context = decode(&first);
    assert_string_equal(text_of(&context, "service.name"), "first");
    assert_string_equal(text_of(&context, "telemetry.sdk.language"), "c");
    assert_int_equal(process_id_of(&context), subject.process);
    release(&context);
    go_on(&subject);

    read_context(wait_for(&subject), &second); /* after the shutdown */
    assert_int_equal(second.mappings, 0);
    go_on(&subject);

    read_context(wait_for(&subject), &second);
    context = decode(&second);
    assert_string_equal(text_of(&context, "service.name"), "second");
    assert_true(second.time > first.time);
    release(&context);
    go_on(&subject);
    end(&subject);
}

/* Spec: oteps/profiles/4947-thread-ctx.md#process-context-thread-local-reference-data */
static void the_context_describes_the_records_of_threads(void **state) {
    (void)state;
    NEED_LINUX();
    static struct reading reading;
    struct subject subject = begin(start_twice);

    read_context(wait_for(&subject), &reading);
    struct context context = decode(&reading);
    assert_int_equal(context.attribute_count, 2);
    assert_string_equal(
        find(context.attributes, context.attribute_count, "threadlocal.schema_version")
            ->string_value,
        "tlsdesc_v1_dev");
    const Tote__Otlp__AnyValue *keys =
        find(context.attributes, context.attribute_count, "threadlocal.attribute_key_map");
    assert_int_equal(keys->value_case, TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE);
    assert_int_equal(keys->array_value->n_values, 0);
    release(&context);
    kill(subject.process, SIGKILL);
    waitpid(subject.process, NULL, 0);
}

static void fork_twice(void) {
    tote_sdk *sdk = start_named("forks");
    stop_here(getpid());
    pid_t child = fork();
    if (!child) {
        stop_here(getpid());
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "first", NULL);
        stop_here(getpid());
        tote_span_close(&span);
        tote_sdk_close(&sdk, 1000);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    child = fork();
    if (!child) {
        tote_sdk_after_fork_child(sdk, false);
        stop_here(getpid());
        _exit(0);
    }
    waitpid(child, NULL, 0);
    stop_here(getpid());
    tote_sdk_close(&sdk, 1000);
}

static void check_process(const struct reading *reading, pid_t process) {
    struct context context = decode(reading);

    assert_int_equal(process_id_of(&context), process);
    assert_string_equal(text_of(&context, "service.name"), "forks");
    release(&context);
}

/* Spec: oteps/profiles/4719-process-ctx.md#process-forking */
static void a_forked_child_publishes_its_own_resource_with_its_first_span(void **state) {
    (void)state;
    NEED_LINUX();
    static struct reading of_parent, reading;
    struct subject subject = begin(fork_twice);

    read_context(wait_for(&subject), &of_parent);
    check_process(&of_parent, subject.process);
    go_on(&subject);

    pid_t child = wait_for(&subject);
    read_context(child, &reading);
    assert_int_equal(reading.mappings, 0);
    go_on(&subject);
    assert_int_equal(wait_for(&subject), child);
    read_context(child, &reading);
    check_process(&reading, child);
    go_on(&subject);

    child = wait_for(&subject); /* after tote_sdk_after_fork_child() */
    read_context(child, &reading);
    check_process(&reading, child);
    go_on(&subject);

    assert_int_equal(wait_for(&subject), subject.process);
    read_context(subject.process, &reading);
    check_process(&reading, subject.process);
    assert_int_equal(reading.time, of_parent.time);
    go_on(&subject);
    end(&subject);
}

enum { LONG_TEXT = 8000 };

/* Two resources whose sizes differ by pages. Each attribute has the letter of its resource. */
static void update_without_pause(void) {
    static char texts[2][LONG_TEXT];
    uint32_t resources[2];

    for (size_t i = 0; i < 2; i++) {
        const char letter[] = {(char)('a' + i), '\0'};
        memset(texts[i], letter[0], i ? LONG_TEXT - 1 : 10);
        const tote_attribute attributes[] = {{"first", tote_string(letter)},
                                             {"text", tote_string(texts[i])},
                                             {"last", tote_string(letter)}};
        tote_resource *resource = tote_resource_new(attributes, TOTE_COUNT_OF(attributes), NULL);
        resources[i] = tote__resource_intern(resource);
        tote_resource_unref(resource);
    }
    tote__process_context_publish(texts, resources[0]);
    pid_t reader = getppid();
    stop_here(getpid());
    for (size_t i = 0; getppid() == reader; i++) {
        tote__process_context_update(texts, resources[i % 2]);
    }
}

/* Spec: oteps/profiles/4719-process-ctx.md#updating-protocol */
static void a_reader_never_sees_half_an_update(void **state) {
    (void)state;
    NEED_LINUX();
    static struct reading reading;
    size_t seen[2] = {0, 0};
    uint64_t last = 0;
    struct subject subject = begin(update_without_pause);

    wait_for(&subject);
    go_on(&subject);
    for (int i = 0; i < 2000 || !seen[0] || !seen[1]; i++) {
        read_context(subject.process, &reading);
        struct context context = decode(&reading);
        const char *letter = text_of(&context, "first");
        const char *text = text_of(&context, "text");
        assert_int_equal(strlen(text), letter[0] == 'a' ? 10 : LONG_TEXT - 1);
        assert_int_equal(text[strlen(text) - 1], letter[0]);
        assert_string_equal(text_of(&context, "last"), letter);
        assert_true(reading.time >= last);
        last = reading.time;
        seen[letter[0] - 'a']++;
        release(&context);
    }
    kill(subject.process, SIGKILL);
    waitpid(subject.process, NULL, 0);
}

static void start_what_publishes_nothing(void) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_sdk *sdks[4];

    options.skip_process_context = true;
    sdks[0] = tote_sdk_start(&options);
    options.skip_process_context = false;
    options.skip_global_registration = true;
    sdks[1] = tote_sdk_start(&options);
    tote_sdk_close(&sdks[0], 1000);
    setenv("OTEL_C_PROCESS_CONTEXT_DISABLED", "true", 1);
    sdks[2] = tote_sdk_start(NULL);
    tote_sdk_close(&sdks[2], 1000);
    unsetenv("OTEL_C_PROCESS_CONTEXT_DISABLED");
    setenv("OTEL_SDK_DISABLED", "true", 1);
    sdks[3] = tote_sdk_start(NULL);
    stop_here(getpid());
    tote_sdk_close(&sdks[3], 1000);
    tote_sdk_close(&sdks[1], 1000);
}

/* docs/configuration.md, skip_process_context and OTEL_C_PROCESS_CONTEXT_DISABLED */
static void a_private_or_disabled_sdk_publishes_nothing(void **state) {
    (void)state;
    static struct reading reading;
    struct subject subject = begin(start_what_publishes_nothing);

    read_context(wait_for(&subject), &reading);
    assert_int_equal(reading.mappings, 0);
    go_on(&subject);
    end(&subject);
}

static void close_the_private_one_first(void) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_sdk *sdk = start_named("global");

    options.skip_global_registration = true;
    tote_sdk *private = tote_sdk_start(&options);
    tote_sdk_close(&private, 1000);
    stop_here(getpid());
    tote_sdk_close(&sdk, 1000);
}

/* Spec: oteps/profiles/4719-process-ctx.md#publication-protocol: one context in a process */
static void a_private_sdk_leaves_the_context_of_the_global_one(void **state) {
    (void)state;
    NEED_LINUX();
    static struct reading reading;
    struct subject subject = begin(close_the_private_one_first);

    read_context(wait_for(&subject), &reading);
    struct context context = decode(&reading);
    assert_string_equal(text_of(&context, "service.name"), "global");
    release(&context);
    go_on(&subject);
    end(&subject);
}

static size_t reports;

static void count_report(tote_level level, const char *component, const char *message,
                         void *user_data) {
    (void)component, (void)user_data;
    reports += level == TOTE_LEVEL_DEBUG && strstr(message, "not published to profilers");
}

/* Start and end a span where these calls fail with EPERM. */
static void work_without(const int *calls, size_t count) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    tote_diagnostics_set_handler(count_report, TOTE_LEVEL_DEBUG, NULL);
    if (!filter_calls(calls, count, SECCOMP_RET_ERRNO | EPERM)) {
        _exit(8);
    }
    errno = EXDEV;
    tote_sdk *sdk = tote_sdk_start(&options);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "span", NULL);
    bool is_good = errno == EXDEV && tote_span_is_recording(span);
    tote_span_close(&span);
    stop_here(is_good ? getpid() : 0);
    tote_sdk_close(&sdk, 1000);
    stop_here((pid_t)reports);
}

static void work_without_memfd(void) {
    static const int calls[] = {SYS_memfd_create};

    work_without(calls, TOTE_COUNT_OF(calls));
}

static void work_without_both_names(void) {
    static const int calls[] = {SYS_memfd_create, SYS_prctl};

    work_without(calls, TOTE_COUNT_OF(calls));
}

static void work_without_madvise(void) {
    static const int calls[] = {SYS_madvise};

    work_without(calls, TOTE_COUNT_OF(calls));
}

static void work_without_prctl(void) {
    static const int calls[] = {SYS_prctl};

    work_without(calls, TOTE_COUNT_OF(calls));
}

/*
 * One name is sufficient. Whether the kernel can name memory without a file depends on its
 * configuration. Spec: oteps/profiles/4719-process-ctx.md#publication-protocol
 */
static void in_a_sandbox_the_sdk_works_without_a_context_or_with_one_of_the_names(void **state) {
    (void)state;
    static struct reading reading;
    static const struct {
        void (*run)(void);
        size_t least, most; /* mappings */
    } cases[] = {
        {work_without_memfd, 0, 1},
        {work_without_both_names, 0, 0},
        {work_without_madvise, 0, 0},
        {work_without_prctl, 1, 1},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        struct subject subject = begin(cases[i].run);
        assert_int_equal(wait_for(&subject), subject.process);
        read_context(subject.process, &reading);
        assert_in_range(reading.mappings, USES_LINUX ? cases[i].least : 0,
                        USES_LINUX ? cases[i].most : 0);
        go_on(&subject);
        assert_int_equal(wait_for(&subject), 1 - reading.mappings); /* reported at level debug */
        go_on(&subject);
        end(&subject);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_running_sdk_publishes_its_resource),
        TEST(the_context_describes_the_records_of_threads),
        TEST(a_forked_child_publishes_its_own_resource_with_its_first_span),
        TEST(a_reader_never_sees_half_an_update),
        TEST(a_private_or_disabled_sdk_publishes_nothing),
        TEST(a_private_sdk_leaves_the_context_of_the_global_one),
        TEST(in_a_sandbox_the_sdk_works_without_a_context_or_with_one_of_the_names),
    };

    return RUN_TESTS(tests, argc, argv);
}
