#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_tui.sh - tote view in a terminal: keys that a user presses, and what is on the screen
#
# test_tui.sh TOTE CURL TMUX
set -uo pipefail

tote=$1 curl=$2 tmux=$3
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

terminal() { "$tmux" -S "$work/tmux" -f /dev/null -u "$@"; }
finish_terminal() {
    terminal kill-server 2>/dev/null
    finish
}
trap finish_terminal EXIT
trap "exit 1" INT TERM

# open_shell COLUMNS ROWS: a shell in a new terminal of this size
open_shell() {
    terminal kill-server 2>/dev/null
    rm -f "$work/tmux"
    terminal new-session -d -x "$1" -y "$2" \
        "env PS1='ready> ' PROMPT_COMMAND= TOTE='$tote' WORK='$work' bash --norc --noprofile"
    until_shown 'ready>' || exit 1
}

screen() { terminal capture-pane -p; }
press() { terminal send-keys "$@"; }
type_line() { terminal send-keys -l "$1"; press Enter; }
# shell_line LINE: in a shell. What is typed while a program ends can be lost: wait for the prompt.
shell_line() {
    until_true is_ready
    type_line "$1"
}
# run_line LINE: in a shell whose screen is empty
run_line() {
    shell_line clear
    until_true is_empty
    type_line "$1"
}
is_empty() { [ "$(screen | sed '/^$/d')" = 'ready>' ]; }
is_ready() { [ "$(screen | sed '/^$/d' | tail -n 1)" = 'ready>' ]; }
is_shown() { [[ $(screen) == *"$1"* ]]; }
is_hidden() { ! is_shown "$1"; }
until_shown() {
    until_true is_shown "$1" && return
    printf 'not ok - %s is shown\n' "$1"
    screen
    failed=1
    return 1
}

# shows WHAT TEXT, hides WHAT TEXT: wait until the text is on the screen, or is not
shows() { until_shown "$2" && echo "ok - $1"; }
hides() {
    until_true is_hidden "$2" && { echo "ok - $1"; return; }
    printf 'not ok - %s\n' "$1"
    screen
    failed=1
}

# expect_screen WHAT WANTED: wait until the screen is so
expect_screen() {
    until_true is_screen "$2"
    expect "$1" "$(screen)" "$2"
}
is_screen() { [ "$(screen)" = "$1" ]; }

# ends WHAT STATUS: quit, and see the shell as it was
ends() {
    shell_line 'echo "status $?, $(stty -g | cksum)"'
    shows "$1" "status $2, $settings"
    hides "$1: nothing of the picture is left" 'spans ·'
}

# span TRACE ID PARENT NAME START_MS LENGTH_MS [MEMBERS]: a span in JSON
span() {
    local parent=
    [ -z "$3" ] || parent=$(printf '"parentSpanId":"%016d",' "$3")
    printf '{"traceId":"%032d","spanId":"%016d",%s"name":"%s","startTimeUnixNano":"%s000000",' \
        "$1" "$2" "$parent" "$4" $((1700000000000 + $5))
    printf '"endTimeUnixNano":"%s000000"%s}' $((1700000000000 + $5 + $6)) "${7:-}"
}

# request SERVICE SPAN...: in JSON
request() {
    local service=$1 IFS=,
    shift
    printf '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":'
    printf '{"stringValue":"%s"}}]},"scopeSpans":[{"spans":[%s]}]}]}\n' "$service" "$*"
}

post() {
    "$curl" -s --noproxy '*' -o /dev/null --data-binary @- -H 'Content-Type: application/json' \
        "http://127.0.0.1:$port/v1/traces"
}

# open_viewer [VARIABLES]: a viewer that receives, in the shell; sets port
open_viewer() {
    run_line "$* \$TOTE view --port 0 ${open_viewer_with:-}"
    until_shown 'no traces were received yet' || exit 1
    until_true has_port
}
has_port() {
    port=$(screen | sed -n 's/.*http:..127.0.0.1:\([0-9]*\).*/\1/p' | head -n 1)
    [ -n "$port" ]
}

error=',"status":{"code":2,"message":"no such item"}'
link=',"links":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000003"}]'
{
    request shop "$(span 1 1 '' checkout 0 100 ',"kind":2')" "$(span 1 2 1 pay 10 50)"
    request bank "$(span 1 3 2 charge 20 30 "$error")"
    request mail "$(span 2 1 '' deliver 0 10 "$link")"
} >"$work/traces"

# new_shell COLUMNS ROWS: also notes the settings of its terminal
new_shell() {
    open_shell "$1" "$2"
    shell_line 'echo "settings $(stty -g | cksum)."'
    settings=
    until_true has_settings
}
has_settings() {
    settings=$(screen | sed -n 's/^settings \(.*\)\.$/\1/p')
    [ -n "$settings" ]
}

for columns in 60 80 120 200; do
    new_shell "$columns" 24
    run_line "\$TOTE view \$WORK/traces"
    shows "$columns columns: the list counts traces and spans" '2 traces · 4 spans'
    shows "$columns columns: a trace with an error is marked" '✗ checkout'
    shows "$columns columns: it has a duration" '100.0 ms'
    type_line '/error=1'
    shows "$columns columns: the list is filtered" '1 of 2 traces match'
    press Enter
    shows "$columns columns: the tree of a trace" '└── ✗ charge'
    press e Enter
    shows "$columns columns: the message of an error" 'no such item'
    press q q
    ends "$columns columns: the terminal is as before" 0
done

new_shell 80 12
run_line "\$TOTE view \$WORK/traces"
until_shown checkout
press j Enter
until_shown charge
expect_screen "a waterfall of 80 columns" \
'checkout                3 spans · 2 services · 1 error · 100.0 ms · 22:13:20.000
 1/3                                       │0           │50 ms        │100 ms
›▾ checkout                  ← shop        ███━━━━━━━━━━━━━███████████  100.0 ms
 └─▾ pay                       shop          ████━━━━━━━████             50.0 ms
   └── ✗ charge                bank             █████████                30.0 ms






Enter details  / search  e error  Space fold  z zoom  c critical path  ? keys  …'

# The size changes at any time.
for size in '40 10' '20 5' '300 100' '100 24'; do
    # shellcheck disable=SC2086
    set -- $size
    terminal resize-window -x "$1" -y "$2"
    expected=$([ "$1" = 20 ] && echo check || echo charge)
    shows "a terminal of $1 columns and $2 rows" "$expected"
done
press / c h
terminal resize-window -x 60 -y 12
shows "what is typed stays when the size changes" 'search: ch'
press Enter
shows "the search counts spans that match" '1 of 2  ch'
press n
shows "and goes to the next one" '2 of 2  ch'
press Escape
hides "and ends" '2 of 2'

# A job can be stopped and continued.
for turn in first second; do
    press C-z
    shows "Ctrl+Z stops it, the $turn time" 'Stopped'
    shell_line "echo \"$turn \$(stty -g | cksum).\""
    shows "the terminal is usable then" "$turn $settings."
    shell_line 'fg'
    shows "fg draws the picture again" '✗ charge'
    hides "and nothing else" 'Stopped'
done
press '?'
shows "? shows the keys" 'previous row'
press q q q
ends "the help is left" 0

# mouse BUTTON COLUMN ROW: what a terminal sends; button 0 is the left one, 64 and 65 are the wheel
mouse() {
    # shellcheck disable=SC2046
    press -H 1b 5b 4d $(printf '%x %x %x' $((32 + $1)) $((33 + $2)) $((33 + $3)))
}
terminal set -s set-clipboard on
run_line "\$TOTE view \$WORK/traces"
until_shown checkout
press j Enter
until_shown charge
mouse 0 5 4
shows "a click selects a span" '›  └── ✗ charge'
press Enter
until_shown '›name'
mouse 65 5 4
shows "the wheel scrolls down" '›status'
mouse 64 5 4
shows "and up" '›name'
press y
shows "a value is copied" 'copied'
expect "to the clipboard of the terminal" "$(terminal show-buffer)" charge
press q q q
until_true is_ready

# What is received is shown, also in the trace that is open.
new_shell 100 40
open_viewer
request shop "$(span 7 1 '' live 0 100)" | post
shows "a trace that arrives is in the list" 'live'
press Enter
until_shown '1/1'
request bank "$(span 7 2 1 late 10 10)" | post
shows "a span that arrives later joins its trace" '└── late'
hostile='\u001b[31mred\u001b]0;title\u0007 \u202eabc\r\n\u009b2J'
attribute=',"attributes":[{"key":"'$hostile'","value":{"stringValue":"'$hostile'"}}]'
request "$hostile" "$(span 7 3 1 "$hostile" 20 10 "$attribute")" | post
shows "a hostile name is replaced" '�[31mred�]0;title� �abc���2J'
printf '[' | post
shows "a malformed request is reported" '1 request refused: '
press j j Enter
shows "and so are attributes" '�[31mred�]0;title� �abc���2J  �[31mred'
expect "nothing of it reaches the terminal" \
    "$(terminal display-message -p '#{pane_title}' | grep -c title)" 0
press q m
shows "the map shows the services" '→ bank'
terminal send-keys -l 'not a key'
press C-c
ends "Ctrl+C ends it" 0

# Memory is limited: the oldest trace is evicted.
open_viewer_with='--memory 1M'
open_viewer
for trace in $(seq 30); do
    request shop "$(span "$trace" 1 '' "$(printf '%060000d' 0)" 0 100)" | post
done
shows "over the limit of --memory traces are evicted" ' evicted'
press q
open_viewer_with=

# end_by SIGNAL: a signal from elsewhere restores the terminal.
end_by() {
    open_viewer
    kill "-$1" "$(ps -o pid= --ppid "$(terminal display-message -p '#{pane_pid}')" | head -n 1)"
    ends "SIG$1 restores the terminal" 0
}
end_by TERM
end_by HUP

# Without UTF-8, without colours, and with terminals that cannot do it.
new_shell 80 12
run_line "LC_ALL=C \$TOTE view \$WORK/traces"
until_shown checkout
press j Enter
shows "without UTF-8 the tree is ASCII" "\`-- ! charge"
expect "and so is everything" "$(screen | LC_ALL=C grep -c '[^ -~]')" 0
press q q
# shellcheck disable=SC2016
colours() { terminal capture-pane -p -e | grep -cE $'\e''\[([0-9]+;)*(3[0-7]|9[0-7])'; }
for variables in 'NO_COLOR=1' 'TERM=vt220'; do
    run_line "env $variables \$TOTE view \$WORK/traces"
    until_shown checkout
    press j Enter
    shows "$variables: an error is marked" '✗ charge'
    expect "$variables: there is no colour" "$(colours)" 0
    press q q
    expect "$variables: the prompt has an empty row" "$(until_true is_ready && echo yes)" yes
done
for variables in 'TERM=dumb' 'TERM=unknown-terminal' 'TERM='; do
    run_line "env $variables \$TOTE view \$WORK/traces"
    shows "$variables: the traces are printed" '✗ no such item'
done
run_line "\$TOTE view --plain \$WORK/traces"
shows "--plain prints them" '✗ no such item'
run_line "\$TOTE view \$WORK/traces | cat"
shows "a pipe gets them" '✗ no such item'
run_line "\$TOTE view \$WORK/traces & wait"
shows "a background process prints them" '✗ no such item'

# An error is a message, and is printed at the end.
run_line "\$TOTE view \$WORK/missing \$WORK/traces"
shows "a file that cannot be read is reported in the last row" '✗ '
shows "the others are shown" 'checkout'
hides "both are read" 'reading files'
press q
until_true is_ready
shows "the error is printed at the end" "$work/missing"
shell_line 'echo "status $?"'
shows "the exit status reports it" 'status 1'

exit $failed
