#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""overhead.py - what the nginx module costs: throughput and CPU time beside plain nginx

overhead.py MODULE [ROUNDS [SECONDS]] [--other MODULE FILE]

In each round wrk loads each variant of nginx in turn, with one worker on a CPU of its own. The
table has medians: requests a second, CPU time of the worker for a request, and of it the time that
is not the kernel's; and of the ratios to plain nginx in the same round. A worker that is slower
than its client wakes it more often, which costs time in the kernel.

--other loads another module, with directives from FILE, in the same rounds.
"""
import argparse, contextlib, http.server, os, re, statistics, subprocess, sys, threading

from servers import Accepting, Host

MODULE = os.path.abspath(sys.argv[1])
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
    """CPU time of a process outside of the kernel, and in it."""
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:13]]


def measure(host, path, seconds):
    """Requests a second; microseconds of CPU time for a request, and those outside of the kernel."""
    (worker,) = host.workers()
    before = cpu_seconds(worker)
    out = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s",
                          f"http://127.0.0.1:{host.port}{path}"],
                         capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    assert "Non-2xx" not in out, out
    user, system = (1e6 * (now - then) / requests for now, then in zip(cpu_seconds(worker), before))
    return float(re.search(r"Requests/sec: *([\d.]+)", out).group(1)), user + system, user


def print_table(load, results):
    print(f"{load:20} requests/s   ratio   CPU us   ratio   of it user", flush=True)
    for name, values in results.items():
        rate, cpu, user = (statistics.median(value[i] for value in values) for i in range(3))
        rates, cpus = (statistics.median(value[i] / plain[i] for value, plain in
                                         zip(values, results["plain"])) for i in (0, 1))
        print(f"  {name:18} {rate:10.0f}  {rates:6.3f}  {cpu:7.2f}  {cpus:6.3f}  {user:7.2f}",
              flush=True)


def use_cpus():
    """Keep the CPU 0 for nginx. Returns directives."""
    others = os.sched_getaffinity(0) - {0}
    if others:
        os.sched_setaffinity(0, others)
    return ("worker_cpu_affinity 1;" if others else "") + \
           ("worker_priority -5;" if os.geteuid() == 0 else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("rounds", nargs="?", type=int, default=7)
    parser.add_argument("seconds", nargs="?", default="2")
    parser.add_argument("--other", nargs=2, metavar=("MODULE", "FILE"))
    given = parser.parse_args()
    worker = use_cpus()
    hosts = {}
    variants = {name: (MODULE, text, MAIN.get(name, "")) for name, text in VARIANTS.items()}
    if given.other:
        with open(given.other[1]) as file:
            variants["other"] = (os.path.abspath(given.other[0]), file.read(), "")
    with sink() as sink_port, upstream() as inner, contextlib.ExitStack() as stack:
        for name, (module, text, main_text) in variants.items():
            host = hosts[name] = Host(module)
            stack.callback(host.close)
            start(host, text, main_text + worker, inner, sink_port)
        for load, path in LOADS.items():
            results = {name: [] for name in variants}
            for _ in range(given.rounds):
                for name, host in hosts.items():
                    results[name].append(measure(host, path, given.seconds))
            print_table(load, results)


if __name__ == "__main__":
    main()
