#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tote exec in a terminal: keys that send signals, job control. Run by test_exec.sh.

terminal_exec.py TOTE FOLDER
"""
import os
import pty
import select
import signal
import sys
import time

tote, work = sys.argv[1:3]
failed = False


def expect(what, value, wanted):
    global failed
    if value == wanted:
        print(f"ok - {what}")
        return
    print(f"not ok - {what}\n--- is\n{value}\n--- wanted\n{wanted}")
    failed = True


class Terminal:
    """A command that leads the foreground group of a new terminal."""

    def __init__(self, *command):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.text = b""

    def read_until(self, wanted):
        end = time.monotonic() + 30
        while wanted not in self.text and time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    read = os.read(self.terminal, 4096)
                except OSError:
                    break
                if not read:
                    break
                self.text += read
        return wanted in self.text

    def press(self, key):
        self.text = b""
        os.write(self.terminal, key)

    def end(self):
        self.read_until(b"\0never")
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.terminal)
        return status


def count_signals(key, name):
    """Return how often a command got the signal of a key."""
    terminal = Terminal(
        tote, "exec", "-q", "--", sys.executable, "-c",
        "import signal, time\n"
        "count = 0\n"
        "def handle(number, frame):\n"
        "    global count\n"
        "    count += 1\n"
        f"signal.signal(signal.{name}, handle)\n"
        "print('ready', flush=True)\n"
        "while not count: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "print('count', count, flush=True)\n")
    terminal.read_until(b"ready")
    terminal.press(key)
    terminal.read_until(b"count ")
    status = terminal.end()
    return terminal.text.decode().split("count ")[-1].strip(), status


expect("Ctrl-C reaches the command once", count_signals(b"\x03", "SIGINT"), ("1", 0))
expect("Ctrl-\\ reaches the command once", count_signals(b"\x1c", "SIGQUIT"), ("1", 0))

terminal = Terminal(tote, "exec", "-q", "--", "sh", "-c", "echo ready; exec sleep 60")
terminal.read_until(b"ready")
terminal.press(b"\x03")
expect("Ctrl-C ends tote as it ends the command, so that loops of shells end",
       os.WTERMSIG(terminal.end()), signal.SIGINT)

# The command ends before tote has read the signal: tote is stopped, and reads SIGHUP first.
terminal = Terminal(tote, "exec", "-q", "--", "sh", "-c", "echo ready; exec sleep 60")
terminal.read_until(b"ready")
os.kill(terminal.pid, signal.SIGSTOP)
os.waitid(os.P_PID, terminal.pid, os.WSTOPPED)
with open(f"/proc/{terminal.pid}/task/{terminal.pid}/children") as children:
    command = children.read().strip()
terminal.press(b"\x03")
while True:
    with open(f"/proc/{command}/stat") as stat:
        if stat.read().rpartition(")")[2].split()[0] == "Z":
            break
    time.sleep(0.01)
os.kill(terminal.pid, signal.SIGHUP)
os.kill(terminal.pid, signal.SIGCONT)
expect("also if the command has ended before tote reads the signal",
       os.WTERMSIG(terminal.end()), signal.SIGINT)

# Job control, by a shell: Ctrl-Z stops tote and the command, fg continues both.
terminal = Terminal("bash", "--norc", "--noprofile", "-i")
terminal.press(f"PS1='$ '; '{tote}' exec -q -- sh -c 'echo rea''dy; read x; echo got $x'\n".encode())
terminal.read_until(b"ready\r\n")
terminal.press(b"\x1a")
expect("Ctrl-Z returns to the shell", terminal.read_until(b"Stopped"), True)
terminal.press(b"fg; echo st''atus $?\n")
terminal.read_until(b"exec")
terminal.press(b"input\n")
expect("fg continues the command, which reads the terminal",
       terminal.read_until(b"got input") and terminal.read_until(b"status 0"), True)

# A command that stops itself alone, as editors and `suspend` do.
terminal.press(f"'{tote}' exec -q -- sh -c 'kill -STOP $$; echo resu''med'\n".encode())
expect("a command that stops itself stops tote", terminal.read_until(b"Stopped"), True)
terminal.press(b"fg\n")
expect("and fg continues it", terminal.read_until(b"resumed"), True)

# A command that ignores Ctrl-Z goes on, in the foreground.
terminal.press(f"'{tote}' exec -q -- sh -c 'trap \"\" TSTP; echo rea''dy; read x; echo got $x'\n".encode())
terminal.read_until(b"ready\r\n")
terminal.press(b"\x1a")
time.sleep(0.2)
terminal.press(b"input\n")
expect("a command that ignores Ctrl-Z keeps the terminal", terminal.read_until(b"got input"), True)
terminal.press(b"exit\n")
terminal.end()
sys.exit(failed)
