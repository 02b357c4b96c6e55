/* SPDX-License-Identifier: MIT */
/*
 * loop_libuv.c - a thousand concurrent requests on one thread, in callbacks of libuv, with work
 * for its pool
 *
 *   loop_libuv [REQUESTS]
 *
 * Callbacks of one request resume and suspend its scope. Work for the pool has a reference to the
 * context and runs in it, while the loop continues.
 *
 * The loop also exports: Tote has no thread here. A handle watches Tote's descriptor, and a timer
 * is set to Tote's timeout before each wait.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tote/tote.h>
#include <uv.h>

struct request {
    uv_timer_t timer; /* simulates I/O of the request */
    uv_work_t work;
    tote_scope *scope;
    tote_context *context; /* a reference of the work */
    int number;
    int seen_by_work;
    unsigned ticks;
};

static tote_tracer *tracer;
static tote_sdk *sdk;
static size_t wrong;

/* The handles that drive Tote. */
static struct {
    int descriptor;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_prepare_t prepare;
} drive;

static void on_tote_readable(uv_poll_t *poll, int status, int events) {
    (void)poll, (void)status, (void)events;
    tote_sdk_poll(sdk);
}

static void on_tote_due(uv_timer_t *timer) {
    (void)timer;
    tote_sdk_poll(sdk);
}

static void before_wait(uv_prepare_t *prepare) {
    int timeout_ms = tote_sdk_get_poll_timeout_ms(sdk);

    (void)prepare;
    if (timeout_ms < 0) {
        uv_timer_stop(&drive.timer);
    } else {
        uv_timer_start(&drive.timer, on_tote_due, (uint64_t)timeout_ms, 0);
    }
}

/* The handles do not keep the loop alive. */
static void start_tote(uv_loop_t *loop) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    options.batch = &batch;
    sdk = tote_sdk_start(&options);
    tracer = tote_get_tracer("loop", "1.0");
    drive.descriptor = tote_sdk_get_poll_fd(sdk);
    if (drive.descriptor < 0) { /* for example with OTEL_SDK_DISABLED=true */
        return;
    }
    uv_poll_init(loop, &drive.poll, drive.descriptor);
    uv_poll_start(&drive.poll, UV_READABLE, on_tote_readable);
    uv_timer_init(loop, &drive.timer);
    uv_prepare_init(loop, &drive.prepare);
    uv_prepare_start(&drive.prepare, before_wait);
    uv_unref((uv_handle_t *)&drive.poll);
    uv_unref((uv_handle_t *)&drive.timer);
    uv_unref((uv_handle_t *)&drive.prepare);
}

/* Stop before the SDK is closed, which owns the descriptor. */
static void stop_watching(uv_loop_t *loop) {
    if (drive.descriptor < 0) {
        return;
    }
    uv_close((uv_handle_t *)&drive.poll, NULL);
    uv_close((uv_handle_t *)&drive.timer, NULL);
    uv_close((uv_handle_t *)&drive.prepare, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
}

static int own_number(void) {
    char text[16];

    return tote_store_get(tote_store_current(), "request.id", text, sizeof text) < 0 ? -1
                                                                                     : atoi(text);
}

static int look_up(void *arg) {
    struct request *request = arg;

    request->seen_by_work = own_number(); /* on a thread of the pool */
    return 0;
}

static int look_up_in_scope(void *arg) {
    return tote_run_scoped(tracer, "look up", NULL, look_up, arg);
}

static void on_work(uv_work_t *work) {
    struct request *request = work->data;

    tote_context_run(request->context, look_up_in_scope, request);
}

static void after_work(uv_work_t *work, int status) {
    struct request *request = work->data;

    (void)status;
    tote_context_unref(request->context);
    tote_scope_resume(request->scope);
    wrong += request->seen_by_work != request->number || own_number() != request->number;
    tote_scope_close(&request->scope);
}

static void on_timer(uv_timer_t *timer) {
    struct request *request = timer->data;

    tote_scope_resume(request->scope);
    wrong += own_number() != request->number;
    if (++request->ticks == 3) {
        request->context = tote_context_ref(tote_context_current());
        uv_queue_work(timer->loop, &request->work, on_work, after_work);
        uv_close((uv_handle_t *)timer, NULL);
    }
    tote_scope_suspend(request->scope);
}

static void on_request(struct request *request, int number) {
    request->number = number;
    request->timer.data = request->work.data = request;
    request->scope = tote_scope_open(tracer, "request", NULL);
    tote_store_add(tote_store_current(), "request.id", tote_int(number));
    uv_timer_init(uv_default_loop(), &request->timer);
    uv_timer_start(&request->timer, on_timer, (uint64_t)(number % 7), 1);
    tote_scope_suspend(request->scope);
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 1000;
    struct request *requests = calloc((size_t)count, sizeof *requests);

    if (!requests) {
        return 1;
    }
    start_tote(uv_default_loop());
    for (int i = 0; i < count; i++) {
        on_request(&requests[i], i);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    stop_watching(uv_default_loop());
    uv_loop_close(uv_default_loop());
    free(requests);
    printf("%d requests on one thread, %zu wrong responses\n", count, wrong);
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS && !wrong ? 0 : 1;
}
