#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print a command line after zsh has completed it. Run by test_completion.sh.

zsh_completion.py FOLDER LINE
"""
import os
import pty
import re
import select
import sys
import time

folder, line = sys.argv[1:3]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "dumb"
    os.execvp("zsh", ["zsh", "-f", "-i"])
text = b""


def read_until(wanted):
    global text
    end = time.monotonic() + 60
    while wanted not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 4096)


def send(data):
    global text
    text = b""
    os.write(terminal, data)


# A key prints the line, between two marks that are not in it.
send(b"unsetopt zle_bracketed_paste; PROMPT=; fpath=('" + folder.encode() + b"' $fpath)\n"
     b"autoload -U compinit; compinit -u -D; show() { print -r \"<<$BUFFER>>\"; exit }\n"
     b"zle -N show; bindkey '^X' show; bindkey '^I' complete-word; print rea''dy\n")
read_until(b"ready")
send(line.encode() + b"\t\x18")
read_until(b">>")
found = re.search(rb"<<(.*?)>>", text)
print(found.group(1).decode().strip() if found else text)
