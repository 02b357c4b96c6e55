#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_trace.sh - examples/hosts.sh: one trace through curl, nginx, a service, PostgreSQL and SQLite
#
#   test_trace.sh BUILD_DIR
set -uo pipefail

tote=$1/bin/tote
# shellcheck source=../cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

bash "$tests/../../examples/hosts.sh" "$1" >"$work/out" 2>"$work/err"
expect "the demo succeeds" "$? $(cat "$work/err")" "0 "

# Depth, name, kind and service of each span, in the order of the drawing. The depth is 3 columns each.
spans=$(sed -nE 's/^([│├└─ ]*)(.*[^ ]) +(→ |← |)(curl|nginx|orders|postgresql) .* [0-9.]+ (ns|µs|ms|s)$/\1|\2 \3\4/p' \
    "$work/out" | while IFS='|' read -r indent span; do
    echo "$((${#indent} / 3)) $span"
done | sed -E 's/ +/ /g')
expect "the spans of all programs are one trace" "$spans" "0 GET → curl
1 GET /orders/ ← nginx
2 GET → nginx
3 GET /orders/{id} ← orders
4 SELECT cached → orders
4 SELECT orders → orders
5 SELECT orders ← postgresql
6 plan postgresql
6 execute postgresql
4 INSERT cached → orders"
exit "$failed"
