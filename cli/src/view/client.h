/* SPDX-License-Identifier: MIT */
/*
 * client.h - requests to a running viewer
 */
#ifndef TOTE_CLI_CLIENT_H
#define TOTE_CLI_CLIENT_H

#include "bytes.h"
#include "program.h"

struct client_parameter {
    const char *name;
    const char *value; /* NULL: leave the parameter out */
};

struct client_request {
    const struct program_command *command; /* for error messages */
    const char *url;
    const char *path;
    bool may_miss;
    const struct client_parameter *parameters;
    size_t parameter_count;
};

/*
 * Send GET to a viewer. `url`: its address; NULL: that in TOTE_VIEW_URL, which tote run sets, or
 * the default. Returns the HTTP status, or 0 without a response. Reports failures, except a status
 * 404 if the resource `may_miss`. The caller clears the body.
 */
long client_get(const struct client_request *request, struct bytes *body);

#endif
