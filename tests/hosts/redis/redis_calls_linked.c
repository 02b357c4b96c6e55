/* SPDX-License-Identifier: MIT */
/*
 * redis_calls_linked.c - redis_calls.c with the functions of libtote-hiredis
 */
#include "tote/instrumentation/hiredis.h"
#include "tote/tote.h"

#define redisCommand tote_redis_command
#define redisvCommand tote_redis_vcommand
#define redisCommandArgv tote_redis_command_argv
#define redisAppendCommand tote_redis_append_command
#define redisvAppendCommand tote_redis_vappend_command
#define redisAppendCommandArgv tote_redis_append_command_argv
#define redisAppendFormattedCommand tote_redis_append_formatted_command
#define redisGetReply tote_redis_get_reply
#define redisFree tote_redis_free
#define redisReconnect tote_redis_reconnect
#define redisAsyncCommand tote_redis_async_command
#define redisvAsyncCommand tote_redis_vasync_command
#define redisAsyncCommandArgv tote_redis_async_command_argv
#define redisAsyncFormattedCommand tote_redis_async_formatted_command
int run_calls(int argc, char **argv);

#define main run_calls
#include "redis_calls.c" /* NOLINT(bugprone-suspicious-include) */
#undef main

int main(int argc, char **argv) {
    tote_sdk *sdk = tote_sdk_start(NULL);
    int status = run_calls(argc, argv);

    tote_sdk_close(&sdk, 5000);
    return status;
}
