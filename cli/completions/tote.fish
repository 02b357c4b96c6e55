# fish completion for tote
# SPDX-License-Identifier: MIT
#
# The program lists its commands and options: tote --list-commands, tote COMMAND --list-options.

# Print the words that may follow, each with its description after a tab.
function __tote_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l tote $words[1]
    set -e words[1]
    if not set -q words[1]
        $tote --list-commands 2>/dev/null
        return
    end
    if test "$words[1]" = help
        $tote --list-commands 2>/dev/null
        return
    end
    set -l command $words[1]
    set -e words[1]
    set -l options ($tote $command --list-options 2>/dev/null)
    if set -q words[1]; and string match -q -r -- "^"(string escape --style=regex -- $words[1])"\t" $options
        and not string match -q -- '-*' $words[1]
        set -a command $words[1]
        set -e words[1]
        set options ($tote $command --list-options 2>/dev/null)
    end
    # A command line of another program begins after -- or at the first argument.
    if string match -q -- \t\t\t (string replace -r '^--(?=\t)' '' -- $options)
        while set -q words[1]
            set -l value (string match -r -- '^(?:'(string escape --style=regex -- $words[1])'\t[^\t]*|[^\t]*\t'(string escape --style=regex -- $words[1])')\t(.+)\t' $options)[2]
            if test "$words[1]" = --
                set -e words[1]
                complete -C (string join ' ' -- $words "$word")
                return
            else if not string match -q -- '-*' $words[1]
                complete -C (string join ' ' -- $words "$word")
                return
            end
            set -e words[1]
            test -z "$value"; or set -e words[1]
        end
        if not string match -q -- '-*' "$word"
            complete -C "$word"
            return
        end
    end
    for option in $options
        set -l fields (string split \t -- $option)
        test "$fields[1]" = --; or printf '%s\t%s\n' $fields[1] $fields[4]
    end
end

complete -c tote -a '(__tote_complete)'
