#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ctypes_span.py - spans from Python, without a binding: ctypes calls the functions of libtote

ctypes_span.py [LIBRARY]: the default is libtote.so

The API is usable from other languages: functions that are inline in C are exported too, a value has
16 bytes and a layout that never changes, and structs begin with their size.
"""
import ctypes
import sys
from ctypes import POINTER, byref, c_bool, c_char_p, c_size_t, c_uint32, c_uint64, c_void_p

CONTEXT_CURRENT = 1  # TOTE_CONTEXT_CURRENT
KIND_CLIENT = 2  # TOTE_SPAN_KIND_CLIENT
STATUS_ERROR = 2  # TOTE_STATUS_CODE_ERROR


class Value(ctypes.Structure):  # tote_value
    # ctypes passes no union by value: the functions below fill in `data`
    _fields_ = [("data", c_uint64), ("size", c_uint32), ("type", c_uint32)]


class SpanOptions(ctypes.Structure):  # tote_span_options
    _fields_ = [("struct_size", c_size_t), ("parent", c_void_p), ("root", c_bool),
                ("kind", c_uint32), ("attributes", c_void_p), ("attribute_count", c_size_t),
                ("links", c_void_p), ("link_count", c_size_t), ("start_time_unix_nano", c_uint64)]

    def __init__(self, **fields):
        super().__init__(struct_size=ctypes.sizeof(SpanOptions), parent=CONTEXT_CURRENT, **fields)


class Header(ctypes.Structure):  # tote_header
    _fields_ = [("name", c_void_p), ("name_length", c_size_t),
                ("value", c_void_p), ("value_length", c_size_t)]


def load(path):
    """Load libtote, and declare what this program calls: pointers have no default."""
    tote = ctypes.CDLL(path)
    for name, result, *arguments in (
            ("tote_bool", Value, c_bool),
            ("tote_double", Value, ctypes.c_double),
            ("tote_int", Value, ctypes.c_int64),
            ("tote_string", Value, c_char_p),
            ("tote_sdk_start", c_void_p, c_void_p),
            ("tote_sdk_close", ctypes.c_int, POINTER(c_void_p), c_uint32),
            ("tote_get_tracer", c_void_p, c_char_p, c_char_p),
            ("tote_scope_open", c_void_p, c_void_p, c_char_p, POINTER(SpanOptions)),
            ("tote_scope_get_span", c_void_p, c_void_p),
            ("tote_scope_close", None, POINTER(c_void_p)),
            ("tote_tracer_start_span", c_void_p, c_void_p, c_char_p, POINTER(SpanOptions)),
            ("tote_span_set_attribute", None, c_void_p, c_char_p, Value),
            ("tote_span_set_status", None, c_void_p, ctypes.c_int, c_char_p),
            ("tote_span_close", None, POINTER(c_void_p)),
            ("tote_inject_headers", c_size_t, c_void_p, POINTER(Header), c_size_t, c_char_p,
             c_size_t)):
        function = getattr(tote, name)
        function.restype, function.argtypes = result, arguments
    return tote


def headers(tote):
    """Return the headers for a request that is made in the current context."""
    array, text = (Header * 16)(), ctypes.create_string_buffer(32768)
    count = tote.tote_inject_headers(CONTEXT_CURRENT, array, len(array), text, len(text))
    return {ctypes.string_at(h.name, h.name_length).decode():
            ctypes.string_at(h.value, h.value_length).decode() for h in array[:count]}


def main():
    tote = load(sys.argv[1] if len(sys.argv) > 1 else "libtote.so")
    sdk = c_void_p(tote.tote_sdk_start(None))
    tracer = tote.tote_get_tracer(b"ctypes", b"1.0")

    scope = c_void_p(tote.tote_scope_open(tracer, b"order", None))
    span = tote.tote_scope_get_span(scope)
    user = "Zoë".encode()  # a value borrows its text, which must not be a temporary object
    for key, value in ((b"user", tote.tote_string(user)), (b"items", tote.tote_int(-3)),
                       (b"price", tote.tote_double(9.5)), (b"paid", tote.tote_bool(True))):
        tote.tote_span_set_attribute(span, key, value)

    call = c_void_p(tote.tote_tracer_start_span(tracer, b"call", SpanOptions(kind=KIND_CLIENT)))
    print(headers(tote)["traceparent"])
    tote.tote_span_set_status(call, STATUS_ERROR, b"refused")
    tote.tote_span_close(byref(call))

    tote.tote_scope_close(byref(scope))
    return tote.tote_sdk_close(byref(sdk), 5000)


if __name__ == "__main__":
    sys.exit(main())
