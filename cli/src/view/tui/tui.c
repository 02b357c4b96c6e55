/* SPDX-License-Identifier: MIT */
/*
 * tui.c - the interactive display on ncurses: keys, signals and output
 *
 * The main thread waits for keys, signals, messages and changes of the model. A second thread waits
 * for changes, because that is a condition variable, and writes to a pipe. Without any of
 * these, only ages are drawn again.
 *
 * Tests: tests/cli/test_tui.sh
 */
#include "tui.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <curses.h>

#include "cli_os.h"
#include "terminal.h"
#include "tote/internal/base64.h"
#include "tote/internal/clock.h"
#include "ui.h"

enum {
    REFRESH_MS = 50,   /* between two refreshes */
    REFRESH_PAUSE = 4, /* pause / duration of a refresh: refreshes take at most 20 % of the time */
    LOADING_MS = 250,  /* to see the end of loading */
    WATCH_MS = 60000,  /* the watcher wakes up without changes */
    ESCAPE_MS = 25,    /* between the bytes of a key */
    WHEEL_ROWS = 3,
    MOST_SIZE = 1000,
    KEPT_BYTES = 4096, /* of messages, for the end */
    PAIRS = 16
};

struct tui {
    struct ui ui;
    struct surface shown; /* what the terminal shows */
    SCREEN *screen;
    bool has_colour;
    struct model *model;
    const atomic_bool *is_loading;
    pthread_t watcher;
    bool has_watcher;
    bool has_changed;
    atomic_bool is_over;
    int changed[2]; /* a pipe: the model has changed */
    int signals;    /* see os_signals_open() */
    int errors;     /* what is written to standard error; -1: it is not a terminal */
    int old_stderr;
    char kept[KEPT_BYTES];
    size_t kept_length;
    uint64_t next_refresh_ms;
    bool is_terminated;
};

static const int handled[] = {SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGTSTP};

static sigset_t handled_signals(void) {
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < TOTE_COUNT_OF(handled); i++) {
        sigaddset(&set, handled[i]);
    }
    return set;
}

void tui_block_signals(void) {
    sigset_t set = handled_signals();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Wait for changes of the model, and report each once until the main thread has seen it. */
static void *watch(void *arg) {
    struct tui *tui = arg;
    const struct timespec pause = {0, REFRESH_MS * 1000000L};
    uint64_t seen = 0;

    while (!atomic_load(&tui->is_over)) {
        uint64_t version = model_wait(tui->model, seen, WATCH_MS);
        if (version != seen) {
            (void)!write(tui->changed[1], "", 1); /* a full pipe is readable, too */
            nanosleep(&pause, NULL);
        }
        seen = version;
    }
    return NULL;
}

static void stop_watcher(struct tui *tui) {
    if (tui->has_watcher) {
        atomic_store(&tui->is_over, true);
        model_lock(tui->model);
        model_clear(tui->model); /* a change: wakes it */
        model_unlock(tui->model);
        pthread_join(tui->watcher, NULL);
    }
}

/* Replace standard error by a pipe whose content is shown as messages. */
static void redirect_errors(struct tui *tui) {
    int ends[2];

    tui->errors = tui->old_stderr = -1;
    if (!isatty(STDERR_FILENO) || !os_pipe(ends)) {
        return;
    }
    fflush(stderr);
    tui->old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (tui->old_stderr < 0 || dup2(ends[1], STDERR_FILENO) < 0) {
        close(ends[0]);
    } else {
        tui->errors = ends[0];
    }
    close(ends[1]);
}

/* Keep the last messages. */
static void keep_message(struct tui *tui, const char *text, size_t length) {
    length = tote__min(length, sizeof tui->kept);
    size_t left = sizeof tui->kept - length;
    if (tui->kept_length > left) {
        memmove(tui->kept, tui->kept + tui->kept_length - left, left);
        tui->kept_length = left;
    }
    memcpy(tui->kept + tui->kept_length, text, length);
    tui->kept_length += length;
}

/* Show the last line that was written to standard error. */
static void read_errors(struct tui *tui) {
    char text[2048];
    ssize_t length;

    while (tui->errors >= 0 && (length = read(tui->errors, text, sizeof text - 1)) > 0) {
        struct tote__arena arena = {0};
        text[length] = '\0';
        keep_message(tui, text, (size_t)length);
        for (char *end; (end = strrchr(text, '\n')) && !end[1];) {
            *end = '\0';
        }
        char *line = strrchr(text, '\n');
        line = line ? line + 1 : text;
        line += strncmp(line, "tote: ", 6) == 0 ? 6 : 0;
        ui_message(&tui->ui, true, "%s", terminal_clean(&arena, line, strlen(line)));
        tote__arena_clear(&arena);
    }
}

static void restore_errors(struct tui *tui) {
    if (tui->errors < 0) {
        return;
    }
    fflush(stderr);
    read_errors(tui);
    dup2(tui->old_stderr, STDERR_FILENO);
    close(tui->old_stderr);
    close(tui->errors);
    fwrite(tui->kept, 1, tui->kept_length, stderr);
}

static void begin_colours(struct tui *tui) {
    static const short colours[PAIRS] = {-1, 6, 3, 5, 2, 4, 14, 11, 13, 1, 3};
    const char *no_colour = getenv("NO_COLOR");

    tui->has_colour = has_colors() && !(no_colour && *no_colour);
    if (!tui->has_colour) {
        return;
    }
    start_color();
    use_default_colors();
    for (int i = 1; i <= STYLE_ACCENT; i++) {
        short colour = colours[i];
        init_pair((short)i, (short)(colour < COLORS ? colour : colour % 8), -1);
    }
}

static bool resize(struct tui *tui) {
    struct winsize size = {0};
    size_t rows = (size_t)LINES;
    size_t columns = (size_t)COLS;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
        rows = size.ws_row;
        columns = size.ws_col;
    }
    rows = tote__min(rows, MOST_SIZE);
    columns = tote__min(columns, MOST_SIZE);
    resizeterm((int)rows, (int)columns);
    clearok(stdscr, TRUE);
    return surface_resize(&tui->ui.surface, rows, columns) &&
           surface_resize(&tui->shown, rows, columns);
}

static bool begin_screen(struct tui *tui) {
    tui->screen = newterm(NULL, stdout, stdin);
    if (!tui->screen) {
        return false;
    }
    set_escdelay(ESCAPE_MS);
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    mouseinterval(0);
    begin_colours(tui);
    tui->ui.surface.is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    return resize(tui);
}

static void set_style(const struct tui *tui, unsigned style) {
    static const struct {
        unsigned style;
        attr_t attribute;
    } attributes[] = {{STYLE_BOLD, WA_BOLD},
                      {STYLE_DIM, WA_DIM},
                      {STYLE_REVERSE, WA_REVERSE},
                      {STYLE_UNDERLINE, WA_UNDERLINE}};
    attr_t attribute = WA_NORMAL;

    for (size_t i = 0; i < TOTE_COUNT_OF(attributes); i++) {
        attribute |= style & attributes[i].style ? attributes[i].attribute : 0;
    }
    attr_set(attribute, (short)(tui->has_colour ? style & STYLE_COLOURS : 0), NULL);
}

/* Write the cells of a row: each run of the same style at once. */
static void paint_row(const struct tui *tui, size_t row) {
    const struct surface *surface = &tui->ui.surface;

    for (size_t from = 0, to; from < surface->columns; from = to) {
        char text[MOST_SIZE * CELL_BYTES + 1];
        size_t length = 0;
        unsigned style = surface_cell(surface, row, from)->style;
        for (to = from; to < surface->columns && surface_cell(surface, row, to)->style == style;
             to++) {
            const char *cell = surface_cell(surface, row, to)->text;
            length = (size_t)(stpcpy(text + length, cell) - text);
        }
        set_style(tui, style);
        mvaddnstr((int)row, (int)from, text, (int)length);
    }
}

/* Write the rows that have changed. */
static void paint(struct tui *tui) {
    struct surface *surface = &tui->ui.surface;
    size_t size = surface->columns * sizeof *surface->cells;

    if (tui->ui.is_redrawn) {
        clearok(stdscr, TRUE);
        tui->ui.is_redrawn = false;
    }
    for (size_t row = 0; row < surface->rows; row++) {
        struct cell *cells = surface_cell(&tui->shown, row, 0);
        if (memcmp(cells, surface_cell(surface, row, 0), size) != 0) {
            memcpy(cells, surface_cell(surface, row, 0), size);
            paint_row(tui, row);
        }
    }
    refresh();
}

/* Put a text into the clipboard of the terminal. */
static void copy(const char *text) {
    enum { PART = 3 * 256 }; /* padding is at the end only */
    char digits[TOTE__BASE64_LENGTH(PART)];
    size_t size = strlen(text);

    fputs("\033]52;c;", stdout);
    for (size_t at = 0; at < size; at += PART) {
        const uint8_t *bytes = (const uint8_t *)text + at;
        fwrite(digits, 1, tote__base64_encode(digits, bytes, tote__min(size - at, PART)), stdout);
    }
    putchar('\a');
    fflush(stdout);
}

/* A terminal without a second screen keeps the picture: the prompt gets an empty row. */
static void leave_screen(void) {
    move(LINES - 1, 0);
    clrtoeol();
    refresh();
    endwin();
}

/* Stop the process as Ctrl+Z does, and continue later. */
static void suspend(struct tui *tui) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    struct sigaction old;
    sigset_t set;

    def_prog_mode();
    leave_screen();
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaction(SIGTSTP, &action, &old);
    raise(SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* it stops here */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGTSTP, &old, NULL);
    reset_prog_mode();
    resize(tui);
}

static void read_signals(struct tui *tui) {
    int signal;

    while ((signal = os_signals_take(tui->signals)) != 0) {
        if (signal == SIGWINCH) {
            if (!resize(tui)) {
                tui->is_terminated = true;
            }
        } else if (signal == SIGTSTP) {
            suspend(tui);
        } else {
            tui->is_terminated = true;
        }
    }
}

static void read_mouse(struct tui *tui) {
    MEVENT event;

    if (getmouse(&event) != OK || event.y < 0 || event.x < 0) {
        return;
    }
    if (event.bstate & BUTTON4_PRESSED) {
        ui_wheel(&tui->ui, -WHEEL_ROWS);
    } else if (event.bstate & BUTTON5_PRESSED) {
        ui_wheel(&tui->ui, WHEEL_ROWS);
    } else if (event.bstate & BUTTON1_PRESSED) {
        ui_click(&tui->ui, (size_t)event.y, (size_t)event.x);
    }
}

/* Return the key of ui.h for one of ncurses; 0: none. */
static int key_of(int key, bool is_function) {
    static const struct {
        int curses;
        int key;
        bool is_function;
    } keys[] = {
        {KEY_UP, KEY_OF_UP, true},         {KEY_DOWN, KEY_OF_DOWN, true},
        {KEY_LEFT, KEY_OF_LEFT, true},     {KEY_RIGHT, KEY_OF_RIGHT, true},
        {KEY_PPAGE, KEY_OF_PAGE_UP, true}, {KEY_NPAGE, KEY_OF_PAGE_DOWN, true},
        {KEY_HOME, KEY_OF_HOME, true},     {KEY_END, KEY_OF_END, true},
        {KEY_ENTER, KEY_OF_ENTER, true},   {KEY_BACKSPACE, KEY_OF_BACKSPACE, true},
        {KEY_DC, KEY_OF_DELETE, true},     {'\r', KEY_OF_ENTER, false},
        {'\n', KEY_OF_ENTER, false},       {'\t', KEY_OF_TAB, false},
        {'\b', KEY_OF_BACKSPACE, false},   {0x7F, KEY_OF_BACKSPACE, false},
        {0x1B, KEY_OF_ESCAPE, false},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(keys); i++) {
        if (keys[i].curses == key && keys[i].is_function == is_function) {
            return keys[i].key;
        }
    }
    return is_function ? 0 : key;
}

/* Handle the keys that have arrived, up to one that copies text. */
static void read_keys(struct tui *tui) {
    wint_t character;
    int result;

    while (!tui->ui.is_done && !tui->ui.copied && (result = get_wch(&character)) != ERR) {
        bool is_function = result == KEY_CODE_YES;
        if (is_function && character == KEY_MOUSE) {
            read_mouse(tui);
            continue;
        }
        int key = key_of((int)character, is_function);
        if (key > 0 && (is_function || key < 0x80 || tui->ui.surface.is_utf8 || key >= KEY_OF_UP)) {
            ui_key(&tui->ui, key);
        }
    }
}

/* Handle all keys that have arrived. What is copied is valid until the next key. */
static void handle_keys(struct tui *tui) {
    const char *copied;

    do {
        model_lock(tui->model);
        read_keys(tui);
        model_unlock(tui->model);
        copied = tui->ui.copied;
        tui->ui.copied = NULL;
        if (copied) {
            copy(copied);
        }
    } while (copied);
}

/* Take over changes of the model, and draw. Returns after how many ms to do so again; -1: never. */
static int draw(struct tui *tui) {
    struct ui *ui = &tui->ui;
    uint64_t before = tote__clock_monotonic();

    ui->now_ms = before / 1000000;
    ui->is_loading = tui->is_loading && atomic_load(tui->is_loading);
    model_lock(tui->model);
    if (ui_is_behind(ui) && ui->now_ms >= tui->next_refresh_ms) {
        ui_refresh(ui);
        uint64_t after = tote__clock_monotonic();
        uint64_t pause = (after - before) / 1000000 * REFRESH_PAUSE;
        tui->next_refresh_ms = after / 1000000 + (pause > REFRESH_MS ? pause : REFRESH_MS);
    }
    ui_draw(ui);
    bool is_behind = ui_is_behind(ui);
    int tick = ui_tick_ms(ui);
    model_unlock(tui->model);
    paint(tui);
    if (!is_behind) {
        return ui->is_loading ? LOADING_MS : tick;
    }
    uint64_t now = tote__clock_monotonic() / 1000000;
    return tui->next_refresh_ms > now ? (int)(tui->next_refresh_ms - now) : 0;
}

static void run(struct tui *tui) {
    while (!tui->ui.is_done && !tui->is_terminated) {
        struct pollfd ready[] = {{STDIN_FILENO, POLLIN, 0},
                                 {tui->signals, POLLIN, 0},
                                 {tui->changed[0], POLLIN, 0},
                                 {tui->errors, POLLIN, 0}};
        char bytes[64];
        int timeout = draw(tui);

        if (poll(ready, TOTE_COUNT_OF(ready), timeout) <= 0) {
            continue;
        }
        if (ready[1].revents) {
            read_signals(tui);
        }
        if (ready[2].revents) {
            (void)!read(tui->changed[0], bytes, sizeof bytes);
        }
        if (ready[3].revents) {
            read_errors(tui);
        }
        if (ready[0].revents & POLLIN) {
            handle_keys(tui);
        } else if (ready[0].revents) {
            tui->is_terminated = true; /* the terminal is gone */
        }
    }
}

static void end(struct tui *tui) {
    if (tui->screen) {
        leave_screen();
        delscreen(tui->screen);
    }
    stop_watcher(tui);
    restore_errors(tui);
    model_lock(tui->model);
    ui_end(&tui->ui);
    model_unlock(tui->model);
    surface_free(&tui->shown);
    if (tui->signals >= 0) {
        os_signals_close(tui->signals);
    }
    if (tui->has_changed) {
        close(tui->changed[0]);
        close(tui->changed[1]);
    }
}

bool tui_run(struct model *model, const char *source, const atomic_bool *is_loading) {
    struct tui *tui = tote__allocate_zeroed(sizeof *tui);
    sigset_t set = handled_signals();
    bool has_begun = false;

    if (!tui) {
        fputs("tote: out of memory\n", stderr);
        return false;
    }
    tui->model = model;
    tui->is_loading = is_loading;
    ui_begin(&tui->ui, model, source);
    tui_block_signals();
    tui->signals = os_signals_open(&set);
    tui->has_changed = os_pipe(tui->changed);
    redirect_errors(tui);
    if (tui->signals >= 0 && tui->has_changed) {
        tui->has_watcher = pthread_create(&tui->watcher, NULL, watch, tui) == 0;
        has_begun = tui->has_watcher && begin_screen(tui);
    }
    if (has_begun) {
        run(tui);
    }
    end(tui);
    tote__release(tui, sizeof *tui);
    if (!has_begun) {
        fputs("tote: the terminal cannot be used; --plain does not need it\n", stderr);
    }
    return has_begun;
}
