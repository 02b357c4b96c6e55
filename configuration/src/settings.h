/* SPDX-License-Identifier: MIT */
/*
 * settings.h - each setting by its environment variable, its key in a file and its field
 *
 * One table. A test compares it with docs/configuration.md.
 */
#ifndef TOTE_CONFIGURATION_SETTINGS_H
#define TOTE_CONFIGURATION_SETTINGS_H

#include "tote/delivery.h"
#include "tote/start.h"

enum tote__setting_kind {
    TOTE__SETTING_TEXT,
    TOTE__SETTING_HEADERS, /* the values are not shown */
    TOTE__SETTING_URL,     /* shown without user and password */
    TOTE__SETTING_NUMBER,  /* a uint32_t */
    TOTE__SETTING_SIZE,    /* a size_t */
    TOTE__SETTING_RATIO,
    TOTE__SETTING_BOOLEAN,
    TOTE__SETTING_WORD,  /* one of `words` */
    TOTE__SETTING_TEXTS, /* a list; in a file a sequence of strings */
};

struct tote__texts {
    const char *const *items;
    size_t count;
};

/* Options of Tote that the schema of the file does not have: `distribution: tote:`. */
struct tote__own_settings {
    tote_delivery_options delivery;   /* of OTLP exporters */
    uint32_t max_concurrent_requests; /* of OTLP exporters */
    size_t max_queue_bytes;
    uint32_t poll_budget_us;
    uint32_t store_export; /* a position in `words` */
    struct tote__texts store_export_keys;
    struct tote__texts allowed_hosts;
    bool skip_process_context;
    uint32_t metrics_exporter; /* a position in `words` */
    uint32_t metric_export_interval_ms;
    uint32_t metric_export_timeout_ms;
};

struct tote__setting {
    const char *variable;         /* NULL: none */
    const char *general_variable; /* read if `variable` is not set; NULL: none */
    const char *key;   /* in a file; `[]` is any element; without a dot: in `distribution: tote:` */
    const char *words; /* separated by blanks */
    const char *fallback; /* as shown */
    enum tote__setting_kind kind;
    uint32_t least;
    size_t field; /* in struct tote__own_settings; TOTE__NO_FIELD: a key of the schema */
};

#define TOTE__NO_FIELD SIZE_MAX

const struct tote__setting *tote__settings(size_t *count);

/* Return the position of the text in a list of words; SIZE_MAX if it is none of them. */
size_t tote__setting_find_word(const char *words, const char *text);

enum tote__shown_part {
    TOTE__SHOWN_SETTING,
    TOTE__SHOWN_RESOURCE, /* an attribute of the resource in effect */
    TOTE__SHOWN_VARIABLE  /* a reference in a file; without the value, which may be secret */
};

/* A value in effect, and where it came from. The texts are valid for the call. */
struct tote__shown {
    enum tote__shown_part part;
    const char *name; /* a variable, or the path of a key */
    const char *value;
    const char *origin; /* NULL: the one that is observed already */
    uint32_t line;      /* in the file; 0: not from a file */
    enum tote__setting_kind kind;
};

/* A name may be observed twice: the last value is the one in effect. */
typedef void tote__setting_observer(void *self, const struct tote__shown *shown);

/* Describe the variables of this process. Those that are not valid count as unset. */
void tote__settings_describe_environment(tote__setting_observer *observe, void *self);

/*
 * Set while the program `tote check` runs; NULL otherwise. The SDK then reports the settings that
 * it takes from a file, samples every span, has no disk queue and keeps the level of diagnostics.
 */
struct tote__check {
    tote__setting_observer *observe;
    void *self;
};
extern const struct tote__check *tote__check;

/* Observe the value in effect of a setting that is observed already. Does nothing without `tote
 * check`. */
void tote__check_effective(const char *name, const char *value);

/* Write a value as it may be shown: without what is secret. */
void tote__setting_show(enum tote__setting_kind kind, const char *text, char *shown, size_t size);

#endif
