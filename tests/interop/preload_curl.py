#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
preload_curl.py - programs of the distribution under tote-preload-curl.so

preload_curl.py PRELOAD COMPILER WORK: each program runs without and with the preload object. Its exit code and its
output are the same, the server gets the program's own headers, and the span named by the traceparent of each request
is exported. A program that is bound to its libcurl without the preload object has no traceparent and no span.
"""
import http.server
import json
import os
import re
import shutil
import socketserver
import ssl
import subprocess
import sys
import threading
import unittest

PRELOAD, COMPILER, WORK = sys.argv[1:4]
TRACING = ("traceparent", "tracestate", "baggage")
lock = threading.Lock()
requests, spans = [], []


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves the files of WORK/www, responds to other paths with the request, and receives spans."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args):
        super().__init__(*args, directory=os.path.join(WORK, "www"))

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/v1/traces":
            self.receive(json.loads(body))
            return self.answer(b"{}", "application/json")
        headers = sorted((k.lower(), v) for k, v in self.headers.items())
        with lock:
            requests.append((self.path, dict(headers)))
        if self.path.startswith("/repo.git/"):
            return super().do_GET()
        seen = [(k, v) for k, v in headers if k not in TRACING]
        return self.answer(json.dumps([self.command, self.path, seen, body.decode()]).encode(), "text/plain")

    do_POST = do_PUT = do_GET

    def receive(self, request):
        with lock:
            for resource in request["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    spans.extend(span["spanId"] for span in scope["spans"])

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(0)


class Mail(socketserver.StreamRequestHandler):
    """Receives a mail. Its header counts as a request without headers."""

    def handle(self):
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            if line.startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                with lock:
                    requests.append(("mail %r" % re.sub(rb"boundary=.*", b"", text.split(b"\r\n\r\n")[0]), {}))
            self.wfile.write(b"250 done\r\n")


def serve_mail():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "smtp://127.0.0.1:%d/" % server.server_address[1]


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    scheme = "http"
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "%s://127.0.0.1:%d" % (scheme, server.server_address[1])


def run(command, preload):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_") and k.upper() not in
                   ("TRACEPARENT", "TRACESTATE", "BAGGAGE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    environment.update(HOME=WORK, GIT_SSL_NO_VERIFY="1", GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0",
                       LC_ALL="C.UTF-8", no_proxy="*", http=HTTP, https=HTTPS)
    if preload:
        environment.update(LD_PRELOAD=PRELOAD, OTEL_EXPORTER_OTLP_ENDPOINT=HTTP, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
    requests.clear(), spans.clear()
    done = subprocess.run(command, env=environment, cwd=WORK, capture_output=True, timeout=60)
    with lock:
        return done.returncode, done.stdout, done.stderr, list(requests), list(spans)


def write(name, text):
    with open(os.path.join(WORK, name), "w", encoding="utf-8") as file:
        file.write(text)
    return os.path.join(WORK, name)


PYCURL_EASY = """
import io, os, pycurl
for scheme in "http", "https":
    c, out = pycurl.Curl(), io.BytesIO()
    c.setopt(c.URL, os.environ[scheme] + "/easy"); c.setopt(c.SSL_VERIFYPEER, 0)
    c.setopt(c.SSL_VERIFYHOST, 0); c.setopt(c.WRITEDATA, out)
    c.setopt(c.HTTPHEADER, ["Authorization: Bearer secret", "X-Own: 1"])
    c.perform(); print(c.getinfo(c.RESPONSE_CODE), out.getvalue())
    d = c.duphandle(); d.setopt(d.WRITEDATA, out); d.setopt(d.POSTFIELDS, "body"); d.perform(); d.close()
    print(out.getvalue()); c.reset(); c.setopt(c.URL, os.environ[scheme] + "/reset"); c.setopt(c.SSL_VERIFYPEER, 0)
    c.setopt(c.SSL_VERIFYHOST, 0); c.setopt(c.WRITEDATA, out); c.perform(); c.close(); print(out.getvalue())
"""
PYCURL_MULTI = """
import io, os, pycurl
m, handles = pycurl.CurlMulti(), []
for i in range(5):
    c = pycurl.Curl(); c.out = io.BytesIO(); c.setopt(c.URL, os.environ["http"] + "/multi%d" % i)
    c.setopt(c.WRITEDATA, c.out); c.setopt(c.HTTPHEADER, ["Authorization: Bearer %d" % i]); m.add_handle(c)
    handles.append(c)
running = 5
while running:
    running = m.perform()[1]; m.select(0.2)
left, good, bad = m.info_read()
print(left, len(good), bad)
for c in handles:
    print(c.getinfo(c.RESPONSE_CODE), c.out.getvalue()); m.remove_handle(c); c.close()
m.close()
"""
PERL = """
use WWW::Curl::Easy; my ($c, $out) = (WWW::Curl::Easy->new, "");
$c->setopt(CURLOPT_URL, "$ENV{http}/perl"); $c->setopt(CURLOPT_HTTPHEADER, ["Authorization: Bearer secret"]);
open(my $file, ">", \\$out); $c->setopt(CURLOPT_WRITEDATA, $file);
print $c->perform, " ", $c->getinfo(CURLINFO_HTTP_CODE), " $out\\n";
"""
PHP = """<?php $c = curl_init(getenv("http") . "/php"); curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
curl_setopt($c, CURLOPT_HTTPHEADER, ["Authorization: Bearer secret", "Content-Type: application/json"]);
curl_setopt($c, CURLOPT_POSTFIELDS, "{}"); echo curl_exec($c), curl_getinfo($c, CURLINFO_RESPONSE_CODE), "\\n";
$d = curl_copy_handle($c); $m = curl_multi_init(); curl_multi_add_handle($m, $d);
do { curl_multi_exec($m, $running); curl_multi_select($m, 0.1); } while ($running);
echo curl_multi_getcontent($d), "\\n"; curl_multi_remove_handle($m, $d);
"""
CMAKE = """
file(DOWNLOAD $ENV{http}/cmake ${CMAKE_CURRENT_LIST_DIR}/downloaded STATUS status HTTPHEADER "Authorization: Bearer secret")
file(READ ${CMAKE_CURRENT_LIST_DIR}/downloaded text)
message("${status} ${text}")
"""
R = """
connection <- url(paste0(Sys.getenv("http"), "/r"), method = "libcurl", headers = c(Authorization = "Bearer secret"))
cat(readLines(connection, warn = FALSE), "\\n"); close(connection)
"""
# A plug-in that is linked with its own libcurl, of another build than curl.h. The difference is not relevant here.
PLUGIN = """
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
int run(const char *url) {
    CURL *easy = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, "Authorization: Bearer secret");
    CURLM *multi = curl_multi_init();
    int running = 1, left;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_multi_add_handle(multi, easy);
    while (running) { curl_multi_perform(multi, &running); curl_multi_poll(multi, NULL, 0, 100, NULL); }
    CURLMsg *message = curl_multi_info_read(multi, &left);
    printf("\\n%s %d %d\\n", strstr(curl_version(), "GnuTLS") ? "GnuTLS" : "OpenSSL", message->data.result, left);
    curl_multi_remove_handle(multi, easy);
    CURL *copy = curl_easy_duphandle(easy);
    printf("\\n%d\\n", curl_easy_perform(copy));
    curl_easy_cleanup(copy);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(list);
    return 0;
}
"""
HOST = """
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **arguments) {
    for (int i = 2; i < count; i++) {
        void *plugin = dlopen(arguments[i], RTLD_NOW | RTLD_LOCAL);
        if (!plugin) { puts(dlerror()); return 1; }
        ((int (*)(const char *))dlsym(plugin, "run"))(arguments[1]);
        fflush(stdout);
        dlclose(plugin);
    }
    return 0;
}
"""
DLSYM = """
#include <curl/curl.h>
#include <dlfcn.h>
#define GET(name) __typeof__(&curl_##name) my_##name = (__typeof__(&curl_##name))dlsym(library, "curl_" #name)
int main(int count, char **arguments) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW);
    GET(easy_init); GET(easy_setopt); GET(easy_perform); GET(easy_cleanup); GET(slist_append); GET(slist_free_all);
    CURL *easy = my_easy_init();
    struct curl_slist *list = my_slist_append(NULL, "Authorization: Bearer secret");
    my_easy_setopt(easy, CURLOPT_URL, arguments[count - 1]);
    my_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    int result = my_easy_perform(easy);
    my_easy_cleanup(easy);
    my_slist_free_all(list);
    return result;
}
"""


# One handle for traced and other transfers, with different options of the program.
REUSE = """
#include <curl/curl.h>
#include <stdio.h>
static int calls;
static int before(void *data, char *peer, char *local, int peer_port, int local_port) {
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    calls += *(int *)data;
    return CURL_PREREQFUNC_OK;
}
static void perform(CURL *easy, const char *url) {
    curl_easy_setopt(easy, CURLOPT_URL, url);
    printf("\\n%d %d\\n", curl_easy_perform(easy), calls);
}
int main(int count, char **url) {
    CURL *easy = curl_easy_init();
    struct curl_slist *first = curl_slist_append(curl_slist_append(NULL, "X-First: 1"), "X-More: 1");
    struct curl_slist *second = curl_slist_append(curl_slist_append(NULL, "Traceparent: own"), "X-Second: 2");
    struct curl_slist *to = curl_slist_append(NULL, "a@example.com");
    int one = 1, thousand = 1000;
    curl_mime *mail = curl_mime_init(easy);
    (void)count;
    perform(easy, url[1]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, first);
    perform(easy, url[1]);
    perform(easy, url[1]);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, &one);
    perform(easy, url[1]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, second);
    curl_slist_free_all(first);
    perform(easy, url[1]);
    CURL *copy = curl_easy_duphandle(easy);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
    curl_mime_data(curl_mime_addpart(mail), "text", CURL_ZERO_TERMINATED);
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, mail);
    perform(easy, url[2]);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, &thousand);
    perform(easy, url[1]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    perform(easy, url[1]);
    perform(copy, url[1]);
    curl_easy_cleanup(copy);
    curl_slist_free_all(second);
    curl_easy_reset(easy);
    perform(easy, url[1]);
    curl_easy_cleanup(easy);
    curl_mime_free(mail);
    curl_slist_free_all(to);
    return 0;
}
"""


def build(name, text, *options):
    source, output = write(name + ".c", text), os.path.join(WORK, name)
    subprocess.run([COMPILER, "-DCURL_DISABLE_TYPECHECK", "-o", output, source, *options], check=True)
    return output


def library(name):
    found = subprocess.run([COMPILER, "-print-file-name=" + name], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def own_headers(seen):
    return sorted((path, [h for h in headers.items() if h[0] not in TRACING]) for path, headers in seen)


class Programs(unittest.TestCase):
    def assert_same(self, command, is_traced=True, is_authorized=True, mails=0):
        """is_traced None: all requests or none. Returns the number of requests."""
        code, out, errors, plain, _ = run(command, False)
        self.assertEqual(code, 0, errors)
        again, out_again, errors_again, seen, ended = run(command, True)
        self.assertEqual((again, out_again, errors_again), (code, out, errors))
        self.assertTrue(seen)
        self.assertEqual(own_headers(seen), own_headers(plain))
        if is_authorized:
            self.assertTrue(all("authorization" in headers for path, headers in seen if path != "/reset"))
        sent = [headers["traceparent"].split("-")[2] for _, headers in seen if "traceparent" in headers]
        traced = len(seen) - mails
        self.assertIn(len(sent), {True: [traced], False: [0], None: [0, traced]}[is_traced])
        self.assertEqual(sorted(sent), sorted(ended))
        return len(seen)

    def test_curl(self):
        for url in HTTP, HTTPS:
            self.assert_same(["curl", "-sk", "-H", "Authorization: Bearer secret", "-d", "body", url + "/a", url + "/b"])
            command = "curl -skZ -H 'Authorization: Bearer secret' %s/a -o a %s/b -o b 2>meter; cat a b" % (url, url)
            self.assert_same(["sh", "-c", command])

    def test_curl_of_a_url_without_a_scheme(self):
        self.assert_same(["curl", "-s", HTTP.split("//")[1] + "/a"], is_authorized=False)

    def test_pycurl_easy(self):
        self.assertEqual(self.assert_same(["/usr/bin/python3", write("easy.py", PYCURL_EASY)]), 6)

    def test_pycurl_multi(self):
        self.assertEqual(self.assert_same(["/usr/bin/python3", write("multi.py", PYCURL_MULTI)]), 5)

    def test_perl(self):
        self.assert_same(["perl", write("easy.pl", PERL)])

    def test_git(self):
        for url in HTTP, HTTPS:
            self.assert_same(["git", "ls-remote", url + "/repo.git"], is_authorized=False)
            command = 'rm -rf clone && git clone -q "%s/repo.git" clone && cat clone/file' % url
            self.assertGreater(self.assert_same(["sh", "-c", command], is_authorized=False), 3)

    def test_php_whose_version_decides_whether_the_preload_object_intercepts_its_extension(self):
        self.assert_same(["php", write("easy.php", PHP)], is_traced=None)

    def test_cmake(self):
        self.assert_same(["cmake", "-P", write("download.cmake", CMAKE)])

    def test_r(self):
        self.assert_same(["Rscript", "--vanilla", write("url.r", R)])

    def test_functions_found_by_dlsym_are_not_intercepted(self):
        self.assert_same([build("by_dlsym", DLSYM), HTTP + "/dlsym"], is_traced=False)

    def test_two_libcurls_in_one_process(self):
        host = build("host", HOST)
        openssl = build("openssl.so", PLUGIN, "-shared", "-fPIC", "-lcurl")
        gnutls = build("gnutls.so", PLUGIN, "-shared", "-fPIC", library("libcurl-gnutls.so.4"))
        for order in (openssl, gnutls), (gnutls, openssl, gnutls):
            self.assertEqual(self.assert_same([host, HTTP + "/plugin", *order]), 2 * len(order))


    def test_one_handle_for_transfers_with_different_options_and_schemes(self):
        command = [build("reuse", REUSE, "-lcurl"), HTTP + "/reuse", serve_mail()]
        self.assertEqual(self.assert_same(command, is_authorized=False, mails=1), 10)


def set_up():
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(os.path.join(WORK, "www"))
    subprocess.run(["sh", "-ec", """
        git init -q tree && cd tree && echo text >file && git add file
        git -c user.name=a -c user.email=a@example.com commit -qm first
        cd .. && git clone -q --bare tree www/repo.git && git -C www/repo.git update-server-info
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null
        """], cwd=WORK, check=True, env=dict(os.environ, HOME=WORK))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(WORK, "cert.pem"), os.path.join(WORK, "key.pem"))
    return serve(), serve(context)


HTTP, HTTPS = set_up()
unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
