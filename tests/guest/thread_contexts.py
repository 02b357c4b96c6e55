# SPDX-License-Identifier: MIT
#
# thread_contexts.py - print the thread context of each thread of a stopped program, in gdb
#
# In gdb: source thread_contexts.py. One line for each thread: its number, trace id, span id and trace
# flags; or its number and "none". The program needs no debug information, and may be stripped.
import struct
import subprocess

import gdb

NAME = "otel_thread_ctx_v1"
RECORD = struct.Struct("=16s8sBBH")


def static_offset(program):
    """The distance of the variable from the thread pointer in a static program on x86-64."""
    lines = subprocess.run(["readelf", "-W", "--dyn-syms", "--program-headers", program],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    value = next(int(line.split()[1], 16) for line in lines if line.split()[-1:] == [NAME])
    segment = next(line.split() for line in lines if line.split()[:1] == ["TLS"])
    size, align = int(segment[5], 16), int(segment[-1], 16)
    return value - (size + align - 1) // align * align


def pointer_of_thread():
    """The pointer of the selected thread. A static program has no library for gdb to ask."""
    try:
        return int(gdb.parse_and_eval("(unsigned long)" + NAME))
    except gdb.error:
        at = int(gdb.parse_and_eval("(unsigned long)$fs_base"))
        at += static_offset(gdb.current_progspace().filename)
        return int(gdb.parse_and_eval(f"*(unsigned long *){at}"))


def describe(thread):
    thread.switch()
    number = thread.ptid[1] or thread.ptid[0]
    pointer = pointer_of_thread()
    if not pointer:
        return f"thread {number} none"
    memory = gdb.selected_inferior().read_memory(pointer, RECORD.size).tobytes()
    trace_id, span_id, valid, flags, size = RECORD.unpack(memory)
    if valid != 1:
        return f"thread {number} invalid"
    attributes = f" and {size} bytes of attributes" if size else ""
    return f"thread {number} {trace_id.hex()} {span_id.hex()} {flags:02x}{attributes}"


for each in gdb.selected_inferior().threads():
    print(describe(each))
