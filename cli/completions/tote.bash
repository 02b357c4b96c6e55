# bash completion for tote                                        -*- shell-script -*-
# SPDX-License-Identifier: MIT
#
# The program lists its commands and options: tote --list-commands, tote COMMAND --list-options.

# Print the column of a list that describes this option: 1 name, 3 value.
_tote_column() {
    local name letter value
    while IFS=$'\t' read -r line; do
        name=${line%%$'\t'*} line=${line#*$'\t'}
        letter=${line%%$'\t'*} line=${line#*$'\t'}
        value=${line%%$'\t'*}
        [[ $1 != "$name" && $1 != "$letter" ]] || { echo "$value"; return; }
    done <<<"$options"
}

_tote() {
    local tote=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} options names line i=2
    local command=("${COMP_WORDS[1]}")
    COMPREPLY=()

    if [[ $COMP_CWORD == 1 ]]; then
        names=$("$tote" --list-commands 2>/dev/null | cut -f 1)
        mapfile -t COMPREPLY < <(compgen -W "$names --help --version" -- "$word")
        return
    fi
    if [[ ${command[0]} == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$tote" --list-commands | cut -f 1)" -- "$word")
        return
    fi
    options=$("$tote" "${command[@]}" --list-options 2>/dev/null) || return
    names=$(cut -f 1 <<<"$options")
    if [[ $COMP_CWORD -gt 2 && ${COMP_WORDS[2]} != -* && $'\n'$names$'\n' == *$'\n'"${COMP_WORDS[2]}"$'\n'* ]]; then
        command+=("${COMP_WORDS[2]}")
        options=$("$tote" "${command[@]}" --list-options 2>/dev/null) || return
        names=$(cut -f 1 <<<"$options")
        i=3
    fi
    # A command line of another program begins after -- or at the first argument.
    if [[ $'\n'$names$'\n' == *$'\n--\n'* ]]; then
        for (( ; i < COMP_CWORD; i++)); do
            case ${COMP_WORDS[i]} in
            --) i=$((i + 1)); break ;;
            -*) [[ -z $(_tote_column "${COMP_WORDS[i]}") ]] || i=$((i + 1)) ;;
            *) break ;;
            esac
        done
        if [[ $i -le $COMP_CWORD && ($word != -* || ${COMP_WORDS[i - 1]} == --) ]]; then
            if declare -F _command_offset >/dev/null; then
                _command_offset "$i"
            elif [[ $i == "$COMP_CWORD" ]]; then
                mapfile -t COMPREPLY < <(compgen -c -- "$word")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
            fi
            return
        fi
    fi
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(grep -x -- '--[^-].*' <<<"$names")" -- "$word")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$(grep -v '^-' <<<"$names")" -- "$word"
        compgen -f -- "$word")
}

complete -o filenames -o bashdefault -F _tote tote
