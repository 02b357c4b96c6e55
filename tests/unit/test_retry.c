/* SPDX-License-Identifier: MIT */
/* Attempts and the time between them, with a receiver that the tests control. */
#include "support.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/retry.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"

enum { RESET = 1 }; /* instead of a status: the stream was reset */
enum { MOST_RESPONSES = 16, TIMEOUT_MS = 10000, SHUTDOWN_MS = 2000, DAY_MS = 86400 * 1000 };

/* An HTTP status, and Retry-After in seconds; -1: none. */
struct response {
    int status;
    int retry_after;
};

static struct {
    struct response responses[MOST_RESPONSES]; /* the last one repeats */
    size_t response_count;
    size_t attempts;
    uint64_t times[MOST_RESPONSES]; /* of the attempts */
    tote_span_exporter *exporter;
} receiver;

static struct {
    struct tote__delivery_settings settings;
    struct tote__retry retry;
    struct tote__attempts attempts;
    tote_export_outcome outcome;
} sender;

static size_t take(void *self, const tote_span_batch *batch, tote_export_outcome *outcome) {
    size_t size = 0;

    (void)self, (void)outcome;
    assert_memory_equal(tote_span_batch_get_request(batch, &size), "spans", 5);
    assert_int_equal(size, 5);
    return tote_span_batch_get_count(batch);
}

static tote_export_state response(void *self, const tote_export_step *asked,
                                  tote_export_outcome *outcome) {
    const struct response *next =
        &receiver.responses[tote__min(receiver.attempts, receiver.response_count - 1)];
    static char reason[16];

    (void)self, (void)asked;
    receiver.times[tote__min(receiver.attempts++, MOST_RESPONSES - 1)] = tote__clock_monotonic();
    outcome->span_count = 3;
    if (next->status == 200) {
        return TOTE_EXPORT_STATE_COMPLETED;
    }
    snprintf(reason, sizeof reason, "%d", next->status);
    outcome->result = TOTE_RESULT_FAILURE;
    outcome->failure = next->status == 400     ? TOTE_EXPORT_FAILURE_REJECTED
                       : next->status == RESET ? TOTE_EXPORT_FAILURE_STREAM_RESET
                                               : TOTE_EXPORT_FAILURE_UNAVAILABLE;
    outcome->has_retry_after = next->retry_after >= 0;
    outcome->retry_after_ms = outcome->has_retry_after ? (uint64_t)next->retry_after * 1000 : 0;
    outcome->reason = reason;
    outcome->advice = "; see to it";
    return TOTE_EXPORT_STATE_COMPLETED;
}

static size_t forget(void *self) {
    (void)self;
    return 0;
}

static uint64_t never(void *self) {
    (void)self;
    return TOTE__NEVER;
}

static void will_respond(int status, const char *retry_after) {
    receiver.responses[receiver.response_count++] =
        (struct response){status, retry_after ? atoi(retry_after) : -1};
}

static void open_with(struct tote__delivery_settings settings) {
    static const tote_span_exporter_ops ops = {
        .struct_size = sizeof ops, .deliver = take, .step = response, .due = never, .save = forget};

    settings.destination = "the receiver";
    settings.timeout_ms = settings.timeout_ms ? settings.timeout_ms : TIMEOUT_MS;
    settings.max_backoff_ms = settings.max_backoff_ms ? settings.max_backoff_ms : 30000;
    settings.max_retry_after_ms =
        settings.max_retry_after_ms ? settings.max_retry_after_ms : 300000;
    sender.settings = settings;
    receiver.exporter = tote_span_exporter_new(&ops, NULL);
    assert_non_null(receiver.exporter);
    sender.retry =
        (struct tote__retry){.settings = &sender.settings, .receiver = receiver.exporter};
}

/* No pause of the schedule ends during a test. */
static void open_with_long_pauses(void) {
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 3600 * 1000,
                                               .max_backoff_ms = UINT32_MAX,
                                               .timeout_ms = TOTE_OPTION_UNLIMITED});
}

static const uint64_t ns_per_ms = 1000000;

static char message[512]; /* the last diagnostic */

static void note(tote_level level, const char *component, const char *text, void *user_data) {
    (void)level, (void)component, (void)user_data;
    snprintf(message, sizeof message, "%s", text);
}

static int set_up(void **state) {
    (void)state;
    memset(&receiver, 0, sizeof receiver);
    memset(&sender, 0, sizeof sender);
    message[0] = '\0';
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tote_span_exporter_free(receiver.exporter);
    return 0;
}

static tote_span_batch request(void) {
    return tote__batch_of_request((struct tote__slice){(const uint8_t *)"spans", 5}, 3);
}

/* Start an attempt of the request and process its outcome. */
static tote_export_state attempt(const struct tote__manner *manner) {
    struct tote__attempts *attempts = &sender.attempts;

    attempts->batch = request();
    tote_export_state state = tote__retry_start(&sender.retry, attempts, manner, &sender.outcome);
    if (state != TOTE_EXPORT_STATE_IN_FLIGHT) {
        return state;
    }
    assert_ptr_equal(tote__retry_step(&sender.retry, &manner->step, &sender.outcome), attempts);
    return tote__retry_judge(&sender.retry, attempts, manner, &sender.outcome);
}

static tote_export_state step(uint32_t timeout_ms, bool is_final) {
    const struct tote__manner manner = {.step = {.timeout_ms = timeout_ms,
                                                 .deadline_ns = TOTE__NEVER,
                                                 .may_block = true,
                                                 .is_final = is_final}};

    return attempt(&manner);
}

static void wait_until_due(void) {
    poll(NULL, 0, (int)tote__ms_until(tote__retry_due(&sender.retry), TIMEOUT_MS));
}

/* Step until the request is settled, as a worker does. */
static void run(uint32_t timeout_ms) {
    uint64_t deadline = tote__deadline_in(timeout_ms);

    while (step(tote__ms_until(deadline, timeout_ms), false) != TOTE_EXPORT_STATE_COMPLETED) {
        wait_until_due();
    }
}

static uint64_t gap_ms(size_t attempt) {
    return (receiver.times[attempt] - receiver.times[attempt - 1]) / 1000000;
}

/* With a jitter of +-20 %, and up to the longest pause. Compliance: EX-12 */
static void the_backoff_doubles_with_each_attempt_up_to_the_longest(void **state) {
    static const uint64_t waits[] = {10, 20, 40, 40, 40};

    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 10, .max_backoff_ms = 40});
    for (size_t i = 0; i < TOTE_COUNT_OF(waits); i++) {
        will_respond(i % 2 ? 503 : 0, NULL);
    }
    will_respond(200, NULL);
    run(TIMEOUT_MS);

    assert_int_equal(sender.outcome.result, TOTE_RESULT_SUCCESS);
    assert_int_equal(receiver.attempts, TOTE_COUNT_OF(waits) + 1);
    for (size_t i = 0; i < TOTE_COUNT_OF(waits); i++) {
        assert_true(gap_ms(i + 1) + 1 >= waits[i] * 4 / 5);
    }
}

/* It overrides the schedule. Compliance: EX-14 */
static void the_next_attempt_waits_for_the_retry_after(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 1});
    will_respond(429, "1");
    will_respond(200, NULL);
    run(TIMEOUT_MS);
    assert_int_equal(sender.outcome.result, TOTE_RESULT_SUCCESS);
    assert_true(gap_ms(1) >= 1000);
}

/*
 * If the pause would pass the deadline, the request is abandoned at once. Spec:
 * protocol/otlp.md#otlphttp-throttling
 */
static void a_request_whose_backoff_would_pass_the_deadline_is_abandoned(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 1});
    will_respond(503, "3600");
    uint64_t start = tote__clock_monotonic();
    run(TIMEOUT_MS);
    assert_true(tote__is_retryable(&sender.outcome));
    assert_int_equal(receiver.attempts, 1);
    assert_true(tote__clock_monotonic() - start < 5 * (uint64_t)1000000000);
}

/* Backoff is per endpoint: a new request does not reset it. */
static void a_retry_after_also_applies_to_the_next_request(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 1,
                                               .max_retry_after_ms = TOTE_OPTION_UNLIMITED});
    will_respond(503, "3600");
    run(TIMEOUT_MS);

    for (int i = 0; i < 100; i++) {
        assert_int_equal(step(TIMEOUT_MS, false), TOTE_EXPORT_STATE_IDLE);
    }
    tote__retry_now(&sender.retry);
    assert_int_equal(step(TIMEOUT_MS, false), TOTE_EXPORT_STATE_IDLE);
    assert_int_equal(receiver.attempts, 1);
    assert_true(tote__retry_due(&sender.retry) > tote__deadline_in(3000 * 1000));
    assert_int_equal(step(TIMEOUT_MS, true), TOTE_EXPORT_STATE_COMPLETED);
    assert_true(tote__is_retryable(&sender.outcome));
    assert_int_equal(receiver.attempts, 1);
}

/*
 * A request that is abandoned without an attempt has the cause of the last attempt, and its cure.
 */
static void a_request_abandoned_before_an_attempt_has_the_last_cause(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 1,
                                               .timeout_ms = TOTE_OPTION_UNLIMITED,
                                               .max_retry_after_ms = TOTE_OPTION_UNLIMITED});
    will_respond(503, "3600");
    assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
    tote__attempts_end(&sender.attempts);
    assert_int_equal(step(TIMEOUT_MS, true), TOTE_EXPORT_STATE_COMPLETED);
    assert_int_equal(receiver.attempts, 1);
    assert_string_equal(sender.outcome.reason, "the receiver asked to wait for longer (503)");
    assert_string_equal(sender.outcome.advice, "; see to it");
}

/* Only attempts show that there is a limit on the size. */
static void a_request_abandoned_before_an_attempt_does_not_count_as_reset(void **state) {
    (void)state;
    open_with_long_pauses();
    will_respond(RESET, NULL);
    assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
    assert_true(sender.attempts.is_reset);
    tote__attempts_end(&sender.attempts);
    assert_int_equal(step(1, true), TOTE_EXPORT_STATE_COMPLETED);
    assert_false(sender.attempts.is_reset);
}

/* A receiver cannot stop a process for a day, and a diagnostic has the limit. */
static void a_retry_after_is_limited(void **state) {
    static const struct {
        uint32_t max_retry_after_ms;
        uint32_t retry_after_ms;
    } cases[] = {{0, 300000}, {2000, 2000}, {TOTE_OPTION_UNLIMITED, 86400000}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        set_up(state);
        tote_diagnostics_set_handler(note, TOTE_LEVEL_WARN, NULL);
        open_with(
            (struct tote__delivery_settings){.initial_backoff_ms = 1,
                                             .timeout_ms = TOTE_OPTION_UNLIMITED,
                                             .max_retry_after_ms = cases[i].max_retry_after_ms});
        will_respond(503, "86400");
        uint64_t before = tote__clock_monotonic();
        assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
        uint64_t after = tote__clock_monotonic();
        uint64_t due = tote__retry_due(&sender.retry);
        assert_in_range(due, before + cases[i].retry_after_ms * ns_per_ms,
                        after + cases[i].retry_after_ms * ns_per_ms);
        assert_int_equal(strstr(message, "max_retry_after_ms is ") != NULL,
                         cases[i].retry_after_ms < 86400000);
        tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
        if (i + 1 < TOTE_COUNT_OF(cases)) {
            tear_down(state);
        }
    }
}

/* Not without limit, as that would be a busy loop. Spec: protocol/otlp.md#otlphttp-throttling */
static void a_retry_after_of_zero_retries_at_once(void **state) {
    (void)state;
    open_with_long_pauses();
    will_respond(503, "0");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
        assert_int_equal(receiver.attempts, i + 1);
        assert_true(tote__retry_due(&sender.retry) <= tote__clock_monotonic());
    }
    assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
    assert_true(tote__retry_due(&sender.retry) > tote__deadline_in(2000 * 1000));
}

/* Immediate attempts are no part of the schedule, which starts with its first pause. */
static void after_immediate_attempts_the_schedule_starts_with_its_first_pause(void **state) {
    enum { FIRST_MS = 600 * 1000, MOST_MS = FIRST_MS * 6 / 5 };

    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = FIRST_MS,
                                               .max_backoff_ms = UINT32_MAX,
                                               .timeout_ms = TOTE_OPTION_UNLIMITED});
    will_respond(503, "0");
    for (uint64_t factor = 1; factor <= 4; factor *= 2) {
        for (int i = 0; i < 10 && factor == 1; i++) {
            assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
        }
        assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
        assert_true(tote__retry_due(&sender.retry) <=
                    tote__clock_monotonic() + factor * MOST_MS * ns_per_ms);
        assert_true(tote__retry_due(&sender.retry) >
                    tote__clock_monotonic() + factor * (FIRST_MS / 2) * ns_per_ms);
        tote__retry_now(&sender.retry);
    }
    assert_int_equal(receiver.attempts, 13);
}

/* A pause that the receiver requests replaces the schedule, also if it is shorter. */
static void a_short_retry_after_is_not_extended(void **state) {
    (void)state;
    open_with_long_pauses();
    will_respond(503, "1");
    assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
    assert_true(tote__retry_due(&sender.retry) <= tote__deadline_in(1000));
}

/* A flush does not wait for the schedule. */
static void a_flush_retries_now(void **state) {
    (void)state;
    open_with_long_pauses();
    will_respond(503, NULL);
    will_respond(200, NULL);
    assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
    assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
    tote__retry_now(&sender.retry);
    assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_COMPLETED);
    assert_int_equal(sender.outcome.result, TOTE_RESULT_SUCCESS);
}

/* Step until the request is settled, as a worker does at a shutdown with this deadline. */
static void run_to_shutdown(uint32_t timeout_ms) {
    const struct tote__manner manner = {.step = {.timeout_ms = UINT32_MAX,
                                                 .deadline_ns = tote__deadline_in(timeout_ms),
                                                 .may_block = true,
                                                 .is_final = true}};

    while (attempt(&manner) != TOTE_EXPORT_STATE_COMPLETED) {
        wait_until_due();
    }
}

/*
 * A last attempt has at most a second. On a busy machine it may be late: begin again. Return
 * whether to do so.
 */
static bool is_late(void **state, int *tries) {
    enum { TRIES = 5 };
    bool is_again = receiver.attempts < 2 && ++*tries < TRIES;

    if (is_again) {
        tear_down(state);
        set_up(state);
    }
    return is_again;
}

/* A pause of the schedule does not use up the time for a last attempt. */
static void a_pause_beyond_the_end_of_a_shutdown_is_shortened(void **state) {
    uint64_t end = 0;
    int tries = 0;

    do {
        open_with_long_pauses();
        will_respond(503, NULL);
        will_respond(200, NULL);
        end = tote__deadline_in(SHUTDOWN_MS);
        run_to_shutdown(SHUTDOWN_MS);
    } while (is_late(state, &tries));
    assert_int_equal(sender.outcome.result, TOTE_RESULT_SUCCESS);
    assert_int_equal(receiver.attempts, 2);
    assert_true(receiver.times[1] >= receiver.times[0] + (end - receiver.times[0]) / 2);
}

/* Also if the pause began before the shutdown. */
static void a_pause_in_progress_is_shortened_at_a_shutdown(void **state) {
    int tries = 0;

    do {
        open_with_long_pauses();
        will_respond(503, NULL);
        will_respond(200, NULL);
        assert_int_equal(step(UINT32_MAX, false), TOTE_EXPORT_STATE_IDLE);
        run_to_shutdown(SHUTDOWN_MS);
    } while (is_late(state, &tries));
    assert_int_equal(sender.outcome.result, TOTE_RESULT_SUCCESS);
    assert_int_equal(receiver.attempts, 2);
}

/* One last attempt and no more; the loss is that of the shutdown. */
static void no_attempt_follows_a_failed_last_attempt(void **state) {
    int tries = 0;

    do {
        open_with_long_pauses();
        will_respond(503, NULL);
        run_to_shutdown(SHUTDOWN_MS);
    } while (is_late(state, &tries));
    assert_true(tote__is_retryable(&sender.outcome));
    assert_true(sender.attempts.is_cut_short);
    assert_int_equal(receiver.attempts, 2);
}

/* Spec: protocol/otlp.md#otlphttp-throttling */
static void a_retry_after_is_not_shortened_at_a_shutdown(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 1,
                                               .timeout_ms = TOTE_OPTION_UNLIMITED});
    will_respond(503, "3600");
    run_to_shutdown(100);
    assert_true(tote__is_retryable(&sender.outcome));
    assert_int_equal(receiver.attempts, 1);
}

/* Spans whose own timeout ends are not counted as lost by the shutdown. */
static void a_request_that_times_out_during_a_shutdown_keeps_its_timeout(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 10, .timeout_ms = 50});
    will_respond(503, NULL);
    run_to_shutdown(TIMEOUT_MS);
    assert_true(tote__is_retryable(&sender.outcome));
    assert_false(sender.attempts.is_cut_short);
}

/* Compliance: EX-13 */
static void a_refused_request_is_not_retried(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 1});
    will_respond(400, NULL);
    run(TIMEOUT_MS);
    assert_int_equal(sender.outcome.failure, TOTE_EXPORT_FAILURE_REJECTED);
    assert_int_equal(receiver.attempts, 1);
}

/* The timeout covers all attempts together. Spec: protocol/exporter.md#configuration-options */
static void attempts_end_with_the_timeout(void **state) {
    (void)state;
    open_with((struct tote__delivery_settings){.initial_backoff_ms = 200, .timeout_ms = 3000});
    will_respond(502, NULL);
    uint64_t start = tote__clock_monotonic();
    run(TIMEOUT_MS);
    assert_true(tote__is_retryable(&sender.outcome));
    assert_true(receiver.attempts >= 3 && receiver.attempts <= 6);
    assert_true(tote__clock_monotonic() - start < 8 * (uint64_t)1000000000);
}

#define FRESH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(the_backoff_doubles_with_each_attempt_up_to_the_longest),
        FRESH_TEST(the_next_attempt_waits_for_the_retry_after),
        FRESH_TEST(a_request_whose_backoff_would_pass_the_deadline_is_abandoned),
        FRESH_TEST(a_retry_after_also_applies_to_the_next_request),
        FRESH_TEST(a_request_abandoned_before_an_attempt_has_the_last_cause),
        FRESH_TEST(a_request_abandoned_before_an_attempt_does_not_count_as_reset),
        FRESH_TEST(a_retry_after_is_limited),
        FRESH_TEST(a_retry_after_of_zero_retries_at_once),
        FRESH_TEST(after_immediate_attempts_the_schedule_starts_with_its_first_pause),
        FRESH_TEST(a_short_retry_after_is_not_extended),
        FRESH_TEST(a_flush_retries_now),
        FRESH_TEST(a_pause_beyond_the_end_of_a_shutdown_is_shortened),
        FRESH_TEST(a_pause_in_progress_is_shortened_at_a_shutdown),
        FRESH_TEST(no_attempt_follows_a_failed_last_attempt),
        FRESH_TEST(a_retry_after_is_not_shortened_at_a_shutdown),
        FRESH_TEST(a_request_that_times_out_during_a_shutdown_keeps_its_timeout),
        FRESH_TEST(a_refused_request_is_not_retried),
        FRESH_TEST(attempts_end_with_the_timeout),
    };
    return RUN_TESTS(tests, argc, argv);
}
