#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""overhead.py - what the nginx module costs: throughput and CPU time beside plain nginx

overhead.py MODULE [ROUNDS [SECONDS]]

In each round wrk loads each variant of nginx in turn, with one worker; the table has medians of the
ratios to plain nginx in the same round. The CPU time of the worker is steadier on a busy machine.
"""
import contextlib, http.server, os, re, statistics, subprocess, sys, threading

from servers import Accepting, Host

MODULE = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
SECONDS = sys.argv[3] if len(sys.argv) > 3 else "2"
ALL = "tote on; tote_endpoint http://127.0.0.1:PORT;"
VARIANTS = {
    "plain": "",
    "off": "tote off; tote_endpoint http://127.0.0.1:PORT;",
    "1 %": ALL + "tote_sample 1%;",
    "1 % by the sampler": ALL,
    "100 %": ALL,
}
MAIN = {"1 % by the sampler": "env OTEL_TRACES_SAMPLER=parentbased_probability;"
                              "env OTEL_TRACES_SAMPLER_ARG=0.01;"}
LOADS = {"return": "/return", "file of 4 KiB": "/file", "proxy": "/proxy"}
HTTP = """
    upstream inner { server unix:FOLDER/inner.sock; keepalive 64; }
    server {
        listen LISTEN;
        keepalive_requests 1000000;
        location /return { return 200 ok; }
        location /file { alias FOLDER/file; }
        location /proxy {
            proxy_pass http://inner;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }"""
INNER = "server { listen unix:FOLDER/inner.sock; keepalive_requests 1000000; " \
        "location / { return 200 ok; } }"


@contextlib.contextmanager
def sink():
    """A receiver that accepts everything. Yields its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Accepting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def upstream():
    """The server behind the proxies. Yields its folder, which has its socket."""
    host = Host(MODULE)
    try:
        host.start(f"server {{ listen LISTEN; }} {INNER}", endpoint=False)
        yield host.folder
    finally:
        host.close()


def start(host, text, main, inner, sink_port, directives="daemon off;"):
    """Start a variant of nginx."""
    with open(f"{host.folder}/file", "w") as out:
        out.write("x" * 4096)
    http_text = HTTP.replace("FOLDER/inner", f"{inner}/inner")
    host.start(text.replace("PORT", str(sink_port)) + http_text, main, directives, endpoint=False)


def cpu_seconds(process):
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(host, path):
    """Return requests a second, and microseconds of CPU time for a request."""
    (worker,) = host.workers()
    before = cpu_seconds(worker)
    out = subprocess.run(["wrk", "-t1", "-c32", f"-d{SECONDS}s",
                          f"http://127.0.0.1:{host.port}{path}"],
                         capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    assert "Non-2xx" not in out, out
    return (float(re.search(r"Requests/sec: *([\d.]+)", out).group(1)),
            1e6 * (cpu_seconds(worker) - before) / requests)


def main():
    hosts = {}
    priority = "worker_priority -5;" if os.geteuid() == 0 else ""
    with sink() as sink_port, upstream() as inner, contextlib.ExitStack() as stack:
        for name, text in VARIANTS.items():
            host = hosts[name] = Host(MODULE)
            stack.callback(host.close)
            start(host, text, MAIN.get(name, "") + priority, inner, sink_port)
        for load, path in LOADS.items():
            results = {name: [] for name in VARIANTS}
            for _ in range(ROUNDS):
                for name, host in hosts.items():
                    results[name].append(measure(host, path))
            print(f"{load:20} requests/s   ratio   CPU us   ratio", flush=True)
            for name, values in results.items():
                rate, cpu = ([value[i] for value in values] for i in (0, 1))
                rates, cpus = ([value[i] / plain[i] for value, plain in zip(values,
                                results["plain"])] for i in (0, 1))
                print(f"  {name:18} {statistics.median(rate):10.0f}  "
                      f"{statistics.median(rates):6.3f}  {statistics.median(cpu):7.2f}  "
                      f"{statistics.median(cpus):6.3f}", flush=True)


if __name__ == "__main__":
    main()
