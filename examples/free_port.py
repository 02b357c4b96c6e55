#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""free_port.py [COUNT] - print different ports of 127.0.0.1 that no server uses

The ports that the system selects itself are higher: it gives none of these to another program.
"""
import contextlib
import random
import socket
import sys

with contextlib.ExitStack() as stack:
    ports = []
    while len(ports) < int(sys.argv[1] if len(sys.argv) > 1 else 1):
        probe = stack.enter_context(socket.socket())
        try:
            probe.bind(("127.0.0.1", random.randrange(16000, 32000)))
        except OSError:
            continue
        ports.append(probe.getsockname()[1])
    print(*ports)
