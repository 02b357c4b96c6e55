#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_exec.sh - tote exec runs a command as if it had been started without tote, in a span
#
# test_exec.sh TOTE
set -uo pipefail

tote=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Exit statuses. Spec: POSIX XCU 2.8.2, and timeout(1), env(1) of coreutils.
"$tote" exec -- sh -c 'exit 42'
expect "the exit status is that of the command" $? 42
"$tote" exec "$work/nothing" 2>"$work/err"
expect "a command that is not found has status 127" "$? $(cat "$work/err")" \
    "127 tote: exec: cannot run '$work/nothing': No such file or directory"
"$tote" exec /etc/passwd 2>"$work/err"
expect "a command that is not executable has status 126" "$? $(cat "$work/err")" \
    "126 tote: exec: cannot run '/etc/passwd': Permission denied"
for signal in HUP QUIT TERM KILL SEGV; do
    (ulimit -c 0; "$tote" exec -- sh -c "kill -$signal \$\$")
    expect "a command that is killed by SIG$signal has status 128+n" $? $((128 + $(kill -l $signal)))
done
"$tote" exec 2>"$work/err"
expect "a missing command is wrong usage" $? 2
printf 'echo "$1 $#"\n' >"$work/script"
chmod +x "$work/script"
expect "a script without #! is run by the shell, as by execvp(3)" \
    "$(PATH=$work:$PATH "$tote" exec script a b)" "a 2"

# Options end at the command.
expect "options of the command are the command's" "$("$tote" exec echo --timeout 1 --help)" "--timeout 1 --help"
expect "the command may follow --" "$("$tote" exec -- echo -- x)" "-- x"

# Time limits. Spec: timeout(1)
"$tote" exec --timeout 50ms sleep 60
expect "a timeout has status 124" $? 124
"$tote" exec --timeout 50ms sh -c 'trap "exit 7" TERM; while :; do sleep 0.01; done'
expect "also if the command exits with another status" $? 124
"$tote" exec --timeout 50ms --kill-after 50ms sh -c 'trap "" TERM; while :; do sleep 0.01; done'
expect "a command that ignores SIGTERM is killed, with status 137" $? 137
"$tote" exec --timeout 60s true
expect "a command that ends in time has its own status" $? 0

# What the command inherits. glibc ignores its two internal signals, 32 and 33, in posix_spawn().
# shellcheck disable=SC2016
probe='grep -E "^Sig(Blk|Ign|Cgt)|^Groups" /proc/self/status | sed "s/00000001800/00000000000/"
ls -l /proc/self/fd | sed "s/.* \([0-9]* -> \)/\1/" | grep -v /proc/ | sort
umask; pwd; cut -d " " -f 5,6 /proc/self/stat'
inherited() {
    (trap '' HUP USR2; exec 9<"$work/script" 0<&-; "$@" sh -c "$probe" 2>&1 | sed 's/pipe:.*/pipe/')
}
expect "dispositions, mask, descriptors and groups are those of tote" "$(inherited "$tote" exec --)" \
    "$(inherited env)"
expect "and so are blocked signals" \
    "$(python3 -c 'import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPROF])
os.execvp(sys.argv[1], sys.argv[1:])' "$tote" exec -- grep SigBlk /proc/self/status)" \
    "$(printf 'SigBlk:\t%016x' $((1 << 14 | 1 << 9 | 1 << 16 | 1 << 26)))"
expect "an ignored SIGCHLD does not lose the exit status" \
    "$(sh -c 'trap "" CHLD; "$1" exec -- sh -c "exit 5"; echo $?' - "$tote")" 5
expect "standard input is the command's" "$(seq 3 | "$tote" exec -- cat | tail -1)" 3

# Signals. Spec: POSIX XSH 2.4
forward() {
    rm -f "$work/ready" "$work/got"
    "$tote" exec -- sh -c "trap 'echo $1 >>$work/got; exit 9' $1; touch $work/ready; while :; do sleep 0.01; done" &
    local pid=$!
    started+=("$pid")
    until_true test -e "$work/ready"
    kill "-$1" "$pid"
    await "$pid"
}
for signal in HUP INT QUIT TERM USR1 USR2 WINCH; do
    # Background jobs ignore INT and QUIT, which a shell cannot undo.
    case $signal in INT | QUIT) set -m ;; *) set +m ;; esac
    forward $signal
    expect "SIG$signal is forwarded to the command once" "$code $(cat "$work/got")" "9 $signal"
done
set +m

if command -v python3 >/dev/null; then
    python3 "$(dirname "$0")/terminal_exec.py" "$tote" "$work" || failed=1
fi
exit "$failed"
