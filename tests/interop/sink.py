# SPDX-License-Identifier: MIT
#
# sink.py - a receiver on gRPC's C core: prints its port, then each request as a line of base64
#
#   /usr/bin/python3 sink.py [--respond-in-gzip]
import base64
import sys
from concurrent import futures

import grpc


def export(request, context):
    print(base64.b64encode(request).decode(), flush=True)
    return b""


def main():
    compression = grpc.Compression.Gzip if "--respond-in-gzip" in sys.argv else None
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2), compression=compression)
    handler = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler(
            "opentelemetry.proto.collector.trace.v1.TraceService", {"Export": handler}),
    ))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


main()
