/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "tote/allocator.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"

static struct {
    size_t blocks;
    size_t bytes;
    bool is_out;
} host;

static void *host_allocate(void *self, size_t size) {
    (void)self;
    if (host.is_out) {
        return NULL;
    }
    host.blocks++;
    host.bytes += size;
    return malloc(size);
}

static void *host_reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self;
    if (host.is_out) {
        return NULL;
    }
    host.bytes += size - old_size;
    return realloc(memory, size);
}

static void host_release(void *self, void *memory, size_t size) {
    (void)self;
    host.blocks--;
    host.bytes -= size;
    free(memory);
}

/* All memory comes from the host's allocator. */
static void memory_is_freed_with_the_size_it_was_allocated_with(void **state) {
    (void)state;
    void *memory = tote__allocate(100);
    memory = tote__reallocate(memory, 100, 1000);
    void *zeroed = tote__allocate_zeroed(10);
    char *text = tote__copy_text("abc", 3);

    assert_int_equal(host.bytes, 1000 + 10 + 4);
    assert_memory_equal(zeroed, "\0\0\0\0\0\0\0\0\0\0", 10);
    assert_string_equal(text, "abc");
    tote__release(memory, 1000);
    tote__release(zeroed, 10);
    tote__release(text, 4);
    tote__release(NULL, 0);
    assert_int_equal(host.blocks, 0);
    assert_int_equal(host.bytes, 0);
}

static void an_allocator_cannot_be_changed_while_memory_is_allocated(void **state) {
    const tote_allocator other = {sizeof other, host_allocate, host_reallocate, host_release, NULL};
    const tote_allocator incomplete = {.struct_size = sizeof incomplete};

    (void)state;
    tote__release(tote__allocate(1), 1);
    assert_false(tote_allocator_set(&other));
    assert_false(tote_allocator_set(&incomplete));
    assert_false(tote_allocator_set(NULL));
}

static void an_arena_uses_its_buffer_first_and_frees_everything(void **state) {
    max_align_t buffer[4];
    struct tote__arena arena = tote__arena_over(buffer, sizeof buffer);

    (void)state;
    void *first = tote__arena_allocate(&arena, 1);
    void *second = tote__arena_allocate(&arena, 1);
    assert_ptr_equal(first, buffer);
    assert_int_equal((uintptr_t)second % _Alignof(max_align_t), 0);
    assert_int_equal(host.blocks, 0);
    for (size_t size = 1; size < 100000; size *= 3) {
        char *memory = tote__arena_allocate(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        memset(memory, 'x', size);
    }
    assert_string_equal(tote__arena_text(&arena, "text and more", 4), "text");
    assert_true(host.blocks > 0);
    tote__arena_clear(&arena);
    assert_int_equal(host.blocks, 0);
}

static void an_arena_reports_out_of_memory_and_works_afterwards(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};

    (void)state;
    host.is_out = true;
    assert_null(tote__arena_allocate(&arena, 10));
    assert_null(tote__arena_text(&arena, "x", SIZE_MAX));
    host.is_out = false;
    assert_null(tote__arena_allocate(&arena, SIZE_MAX));
    assert_non_null(tote__arena_allocate(&arena, 10));
    tote__arena_clear(&arena);
    assert_int_equal(host.blocks, 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(memory_is_freed_with_the_size_it_was_allocated_with),
        TEST(an_allocator_cannot_be_changed_while_memory_is_allocated),
        TEST(an_arena_uses_its_buffer_first_and_frees_everything),
        TEST(an_arena_reports_out_of_memory_and_works_afterwards),
    };
    const tote_allocator allocator = {sizeof allocator, host_allocate, host_reallocate,
                                      host_release, NULL};
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    return tote_allocator_set(&allocator) ? RUN_TESTS(tests, argc, argv) : 1;
}
