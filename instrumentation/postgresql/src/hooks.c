/* SPDX-License-Identifier: MIT */
/*
 * hooks.c - where the server calls the extension
 *
 * The span of a statement begins in the planner, or in the executor if there is a plan already. It
 * ends with the executor. A portal of a client may be executed in several steps, each with a span.
 *
 * An error leaves the executor by longjmp(), and nobody ends its query. So the state of an
 * execution is in the memory of the query, and is released with it. All other state is reset by
 * PG_FINALLY and at the end of the transaction.
 *
 * Tests: tests/hosts/postgresql/test_extension.sh
 */
#include "statement.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/elog.h"
#include "utils/memutils.h"

/* The execution of a query, in the memory of the query. */
struct execution {
    struct statement statement;
    struct statement step; /* that runs */
    struct work work;
    bool has_steps; /* a client executes it */
    const QueryDesc *query;
    struct execution *next;
    MemoryContextCallback release;
};

/* The recorded executions of this process: usually one. */
static struct execution *executions;

/* A utility statement that runs. */
struct utility {
    struct statement statement;
    struct utility *next;
};
static struct utility *utilities;

/* The statement of a client that has a plan and is not executed yet. */
static struct {
    bool is_known; /* the decision about this statement was made */
    int location;
    int length;
    uint32 text; /* hash of the text, if the statement is recorded */
    struct statement statement;
} planned;

/* Calls of the planner, the executor and utilities around the current one. 0: a client's. */
static int level;

/* SQLSTATE of the error that ends this process; 0: none. */
static int fatal_error;

/* What the hooks call: the next hook, or the function of the server. */
static planner_hook_type next_planner;
static ExecutorStart_hook_type next_start;
static ExecutorRun_hook_type next_run;
static ExecutorFinish_hook_type next_finish;
static ExecutorEnd_hook_type next_end;
static ProcessUtility_hook_type next_utility;
static emit_log_hook_type next_emit_log; /* NULL: none */

static bool is_on(void) {
    return tote_enabled && shared && !IsParallelWorker();
}

/* Attach the context of a statement. Returns 0 if it is not recorded. */
static tote_context_token enter(const struct statement *statement) {
    level++;
    return statement->context ? tote_context_attach(statement->context) : 0;
}

/* Detach it, with contexts that code left attached when it was left by longjmp(). */
static void leave(tote_context_token token) {
    level--;
    if (token) {
        tote_context_detach(token);
    }
}

/* End the statement that was planned and not executed. */
static void drop_planned(void) {
    statement_end(&planned.statement, NULL);
    planned.is_known = false;
}

static uint32 hash_of(const char *text) {
    return hash_bytes((const unsigned char *)text, (int)strlen(text));
}

/* Decide about a statement, unless the planner has done so. The caller owns the result. */
static struct statement take_planned(const struct place *place, const char *tag) {
    struct statement statement = planned.statement;

    if (planned.is_known && planned.location == place->location &&
        planned.length == place->length &&
        (!statement.span || planned.text == hash_of(place->text))) {
        planned.statement = (struct statement){.span = NULL};
        planned.is_known = false;
        return statement;
    }
    drop_planned();
    return statement_start(place, tag);
}

/* Keep the decision about a statement until it is executed. */
static void keep_planned(const struct place *place, const struct statement *statement) {
    planned.is_known = true;
    planned.location = place->location;
    planned.length = place->length;
    planned.text = statement->span ? hash_of(place->text) : 0;
    planned.statement = *statement;
}

static PlannedStmt *plan(Query *query, const char *text, int options, ParamListInfo parameters) {
    if (!is_on()) {
        return next_planner(query, text, options, parameters);
    }
    const struct place place = {text, query->stmt_location, query->stmt_len};
    const tote_context *parent = statement_current();

    if (level == 0 && text) {
        const struct statement statement = take_planned(&place, CreateCommandName((Node *)query));
        keep_planned(&place, &statement);
        parent = statement.context;
    }
    struct statement step = statement_start_step(parent, "plan");
    tote_context_token token = enter(&step);
    PlannedStmt *volatile result = NULL;
    PG_TRY();
    { result = next_planner(query, text, options, parameters); }
    PG_CATCH();
    {
        leave(token);
        statement_fail(&step, geterrcode());
        statement_end(&step, NULL);
        if (level == 0) {
            statement_fail(&planned.statement, geterrcode());
            drop_planned();
        }
        PG_RE_THROW();
    }
    PG_END_TRY();
    leave(token);
    statement_end(&step, NULL);
    return result;
}

/* End an execution, with its error if there is one. */
static void end_execution(struct execution *execution, int error) {
    if (error) {
        statement_fail(&execution->step, error);
        statement_fail(&execution->statement, error);
    }
    statement_end(&execution->step, NULL);
    statement_end(&execution->statement, &execution->work);
}

/* The process ends: end what runs. */
static void end_process(int code, Datum argument) {
    (void)code, (void)argument;
    for (struct execution *execution = executions; execution; execution = execution->next) {
        end_execution(execution, fatal_error);
    }
    for (struct utility *utility = utilities; utility; utility = utility->next) {
        if (fatal_error) {
            statement_fail(&utility->statement, fatal_error);
        }
        statement_end(&utility->statement, NULL);
    }
    if (fatal_error) {
        statement_fail(&planned.statement, fatal_error);
    }
    drop_planned();
}

/* Call end_process() at the end of this process. */
static void watch_process(void) {
    static bool is_watched;

    if (!is_watched) {
        before_shmem_exit(end_process, (Datum)0);
        is_watched = true;
    }
}

/* The memory of the query is released: after its end, or after an error. */
static void release_execution(void *argument) {
    struct execution *execution = argument;
    struct execution **link = &executions;

    end_execution(execution, 0);
    while (*link && *link != execution) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = execution->next;
    }
}

static struct execution *execution_of(const QueryDesc *query) {
    struct execution *execution = executions;

    while (execution && execution->query != query) {
        execution = execution->next;
    }
    return execution;
}

/* Return the statement of a query that begins. */
static struct statement begin_query(const QueryDesc *query, int flags) {
    const PlannedStmt *plan = query->plannedstmt;
    const struct place place = {query->sourceText, plan->stmt_location, plan->stmt_len};
    const char *tag = CreateCommandName((Node *)plan);

    if (IsParallelWorker() && shared && level == 0) {
        return statement_start_parallel();
    }
    if (!tote_enabled || !shared || !place.text || (flags & EXEC_FLAG_EXPLAIN_ONLY)) {
        return (struct statement){.span = NULL};
    }
    return level == 0 ? take_planned(&place, tag)
                      : statement_start_nested(statement_current(), &place, tag);
}

static void start_executor(QueryDesc *query, int flags) {
    struct statement statement = begin_query(query, flags);

    if (!statement.span) {
        next_start(query, flags);
        return;
    }
    watch_process();
    PG_TRY();
    {
        next_start(query, flags);
        struct execution *execution =
            MemoryContextAllocZero(query->estate->es_query_cxt, sizeof *execution);
        execution->statement = statement;
        execution->has_steps = level == 0 && !IsParallelWorker();
        execution->query = query;
        execution->next = executions;
        execution->release.func = release_execution;
        execution->release.arg = execution;
        MemoryContextRegisterResetCallback(query->estate->es_query_cxt, &execution->release);
        executions = execution;
    }
    PG_CATCH();
    {
        statement_fail(&statement, geterrcode());
        statement_end(&statement, NULL);
        PG_RE_THROW();
    }
    PG_END_TRY();
}

/* A call of the executor for a query. */
struct run {
    QueryDesc *query;
    ScanDirection direction;
    uint64 count;
    bool is_once;
    bool is_finish;
};

static void call_run(const struct run *run) {
    if (run->is_finish) {
        next_finish(run->query);
    } else {
        next_run(run->query, run->direction, run->count, run->is_once);
    }
}

/* Call the executor for a query that is not recorded. */
static void run_level(const struct run *run) {
    level++;
    PG_TRY();
    { call_run(run); }
    PG_FINALLY();
    { level--; }
    PG_END_TRY();
}

static void run_recorded(struct execution *execution, const struct run *run) {
    bool is_leader = !run->is_finish && run->query->plannedstmt->parallelModeNeeded;
    const BufferUsage buffers = pgBufferUsage;
    const WalUsage wal = pgWalUsage;

    if (execution->has_steps && !run->is_finish) {
        execution->step = statement_start_step(execution->statement.context, "execute");
    }
    const struct statement *inner = execution->step.span ? &execution->step : &execution->statement;
    tote_context_token token = enter(inner);
    if (is_leader) {
        statement_lead(inner->context);
    }
    PG_TRY();
    { call_run(run); }
    PG_CATCH();
    {
        leave(token);
        end_execution(execution, geterrcode());
        PG_RE_THROW();
    }
    PG_END_TRY();
    leave(token);
    BufferUsageAccumDiff(&execution->work.buffers, &pgBufferUsage, &buffers);
    WalUsageAccumDiff(&execution->work.wal, &pgWalUsage, &wal);
    if (!run->is_finish) {
        execution->work.rows += run->query->estate->es_processed;
    }
    statement_end(&execution->step, NULL);
    if (is_leader) {
        statement_lead(NULL);
    }
}

static void run_query(const struct run *run) {
    struct execution *execution = executions ? execution_of(run->query) : NULL;

    if (execution && execution->statement.span) {
        run_recorded(execution, run);
    } else if (tote_enabled || level || executions) {
        run_level(run);
    } else {
        call_run(run);
    }
}

static void run_executor(QueryDesc *query, ScanDirection direction, uint64 count, bool is_once) {
    const struct run run = {query, direction, count, is_once, false};

    run_query(&run);
}

static void finish_executor(QueryDesc *query) {
    const struct run run = {.query = query, .is_finish = true};

    run_query(&run);
}

static void end_executor(QueryDesc *query) {
    struct execution *execution = executions ? execution_of(query) : NULL;

    if (execution) {
        end_execution(execution, 0);
    }
    next_end(query);
}

/* SET tote.traceparent is how a client sets the context, and not work of the client. */
static bool is_own_setting(const Node *node) {
    return IsA(node, VariableSetStmt) && ((const VariableSetStmt *)node)->name &&
           strncmp(((const VariableSetStmt *)node)->name, "tote.", strlen("tote.")) == 0;
}

static void run_utility(PlannedStmt *plan, const char *text, bool is_read_only,
                        ProcessUtilityContext context, ParamListInfo parameters,
                        QueryEnvironment *environment, DestReceiver *receiver,
                        QueryCompletion *completion) {
    const struct place place = {text, plan->stmt_location, plan->stmt_len};
    struct work work = {.rows = 0};
    const BufferUsage buffers = pgBufferUsage;
    const WalUsage wal = pgWalUsage;
    struct utility utility = {.next = utilities};
    struct statement *statement = &utility.statement;

    if (!is_on() || is_own_setting(plan->utilityStmt)) {
        next_utility(plan, text, is_read_only, context, parameters, environment, receiver,
                     completion);
        return;
    }
    const char *tag = CreateCommandName(plan->utilityStmt);
    if (level == 0) {
        *statement = take_planned(&place, tag);
    } else if (context == PROCESS_UTILITY_SUBCOMMAND) { /* the text is that of the statement */
        *statement = statement_start_step(statement_current(), tag);
    } else {
        *statement = statement_start_nested(statement_current(), &place, tag);
    }
    tote_context_token token = enter(statement);
    if (statement->span) {
        watch_process();
        utilities = &utility;
    }
    PG_TRY();
    {
        next_utility(plan, text, is_read_only, context, parameters, environment, receiver,
                     completion);
    }
    PG_CATCH();
    {
        leave(token);
        utilities = utility.next;
        statement_fail(statement, geterrcode());
        statement_end(statement, NULL);
        PG_RE_THROW();
    }
    PG_END_TRY();
    leave(token);
    utilities = utility.next;
    if (statement->span) {
        BufferUsageAccumDiff(&work.buffers, &pgBufferUsage, &buffers);
        WalUsageAccumDiff(&work.wal, &pgWalUsage, &wal);
        work.rows = completion ? completion->nprocessed : 0;
    }
    statement_end(statement, &work);
}

/* An error that ends the process does not return to PG_CATCH. */
static void note_fatal_error(ErrorData *error) {
    if (error->elevel >= FATAL) {
        fatal_error = error->sqlerrcode;
    }
    if (next_emit_log) {
        next_emit_log(error);
    }
}

static void end_transaction(XactEvent event, void *argument) {
    (void)event, (void)argument;
    if (level == 0 && planned.is_known) {
        drop_planned();
    }
}

void statement_install(void) {
    next_planner = planner_hook ? planner_hook : standard_planner;
    next_start = ExecutorStart_hook ? ExecutorStart_hook : standard_ExecutorStart;
    next_run = ExecutorRun_hook ? ExecutorRun_hook : standard_ExecutorRun;
    next_finish = ExecutorFinish_hook ? ExecutorFinish_hook : standard_ExecutorFinish;
    next_end = ExecutorEnd_hook ? ExecutorEnd_hook : standard_ExecutorEnd;
    next_utility = ProcessUtility_hook ? ProcessUtility_hook : standard_ProcessUtility;
    next_emit_log = emit_log_hook;
    planner_hook = plan;
    ExecutorStart_hook = start_executor;
    ExecutorRun_hook = run_executor;
    ExecutorFinish_hook = finish_executor;
    ExecutorEnd_hook = end_executor;
    ProcessUtility_hook = run_utility;
    emit_log_hook = note_fatal_error;
    RegisterXactCallback(end_transaction, NULL);
}
