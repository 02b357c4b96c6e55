#!/bin/sh
# SPDX-License-Identifier: MIT
#
# page.sh - write the manual page of a command: its options are those of its help
#
# page.sh TOTE COMMAND TEXT [DATE VERSION]: COMMAND is empty for the program. For a program
# without commands, such as tote-spoa, it is the part after the dash. TEXT has sections in mdoc: those
# from DESCRIPTION on; a line `.\" OPTIONS` is where the options go.
set -eu

tote=$1 command=$2 text=$3 date=${4:-$(LC_ALL=C date -u '+%B %d, %Y')}
title=tote${command:+-$command}
name=tote${command:+ $command}
alone= # set for a program without commands
if [ -n "$command" ] && [ "${tote##*/}" = "$title" ]; then
    name=$title alone=yes
fi

# call COMMAND ARGUMENTS...
call() {
    [ -z "$alone" ] || shift
    "$tote" "$@"
}

# Escape text for mdoc: a line that begins with a dot or an apostrophe would be a macro.
escape() {
    sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\&&/" -e 's/-/\\-/g'
}

list() {
    if [ -z "$command" ]; then
        "$tote" --list-commands | escape | awk -F '\t' '{ printf ".It Cm %s\n%s\n", $1, $2 }'
        return
    fi
    # shellcheck disable=SC2086
    call $1 --list-options | escape | awk -F '\t' '
        $1 !~ /^\\-\\-./ { next }
        {
            name = substr($1, 5)
            value = $3 == "" ? "" : " Ar " $3
            letter = $2 == "" ? "" : "Fl " substr($2, 3) " , "
            printf ".It %sFl \\-%s%s\n%s\n", letter, name, value, $4
        }'
}

sections() {
    echo '.Bl -tag -width Ds'
    list "$command"
    echo '.El'
    [ -n "$command" ] || return 0
    # shellcheck disable=SC2086
    call $command --list-options | awk -F '\t' '/^[a-z]/ { print $1 }' | while read -r sub; do
        printf '.Ss tote %s %s\n.Bl -tag -width Ds\n' "$command" "$sub"
        list "$command $sub"
        echo '.El'
    done
}

cat <<END
.\\" SPDX-License-Identifier: MIT
.\\" Written by cli/man/page.sh.
.Dd $date
.Dt $(echo "$title" | tr '[:lower:]' '[:upper:]') 1
.Os${5:+ Tote $5}
.Sh NAME
.Nm $title
.Nd $(if [ "$name" = tote ]; then echo 'tracing for programs, scripts and terminals'
    elif [ -n "$alone" ]; then "$tote" --help | sed -n '3s/\.$//p'
    else "$tote" --list-commands | sed -n "s/^$command	//p"; fi)
.Sh SYNOPSIS
.Nm $name
END
if [ -n "$command" ]; then
    call "$command" --help | sed -n '1s/^usage: [a-z -]*//p' | escape | sed 's/ *$//'
else
    echo '.Ar command Op Ar option ... Op Ar argument ...'
fi
while IFS= read -r line; do
    case $line in
    '.\" OPTIONS') sections ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$text"
cat <<END
.Sh SEE ALSO
END
[ -z "$alone" ] || { printf '.Xr tote 1 ,\n.Xr tote-haproxy 7\n'; exit; }
"$tote" --list-commands | cut -f 1 | sed '/^help$/d; s/^/tote-/' | {
    [ -z "$command" ] || { echo tote; grep -vx "$title"; exit; }
    cat
} | sort | sed 's/.*/.Xr & 1 ,/'
[ -n "$command" ] || echo '.Xr tote 3 ,'
printf '.Xr tote-configuration 5 ,\n.Xr tote-environment 7\n'
