#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the pictures of the page in docs/images: screenshots.py TOTE

The traces are those of a shop with six services. Each picture has fewer than 200 KB.
"""
import pathlib
import random
import shutil
import sys
import tempfile
import time

import test_page
from test_page import attributes, request

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "images"
MS = 1_000_000


class Order:
    """The spans of a request to the shop."""

    def __init__(self, choose, age_ms):
        self.choose = choose
        self.trace = "%032x" % choose.getrandbits(128)
        self.base = time.time_ns() - int(age_ms * MS)
        self.services = {}

    def span(self, service, name, kind, start, end, parent=None, values=None, **more):
        item = {"traceId": self.trace, "spanId": "%016x" % self.choose.getrandbits(64),
                "name": name, "kind": kind, "attributes": attributes(values or {}),
                "startTimeUnixNano": str(self.base + int(start * MS)),
                "endTimeUnixNano": str(self.base + int(end * MS)), **more}
        if parent:
            item["parentSpanId"] = parent["spanId"]
        self.services.setdefault(service, []).append(item)
        return item

    def failed(self, message):
        return {"status": {"code": 2, "message": message}}

    def event(self, name, at, values=None):
        return {"name": name, "timeUnixNano": str(self.base + int(at * MS)),
                "attributes": attributes(values or {})}

    def reserve(self, parent, item, start, slow):
        """Reserve an item in the inventory, which asks a database. Returns the end."""
        end = start + 20 * slow + self.choose.uniform(0, 6)
        at = lambda part: start + 2 + (end - start - 4) * part
        call = self.span("checkout", "POST /reserve", 3, start, end, parent, {"item": item})
        server = self.span("inventory", "POST /reserve", 2, start + 1.5, end - 1.5, call,
                           {"http.route": "/reserve", "item": item})
        query = {"db.system.name": "postgresql", "db.namespace": "shop",
                 "db.query.text": "SELECT count FROM stock WHERE item = $1 FOR UPDATE"}
        select = self.span("inventory", "SELECT stock", 3, at(.04), at(.4), server, query)
        self.span("postgres", "SELECT", 2, at(.07), at(.37), select)
        if slow > 1.5:
            self.span("inventory", "wait for lock", 1, at(.41), at(.7), server, {"lock": item},
                      events=[self.event("contended", at(.43), {"owner": "worker-7"}),
                              self.event("acquired", at(.69))])
        update = self.span("inventory", "UPDATE stock", 3, at(.72), at(.95), server,
                           {"db.system.name": "postgresql"})
        self.span("postgres", "UPDATE", 2, at(.75), at(.92), update)
        return end

    def buy(self, slow=1.0, is_declined=False):
        begin, code = 66 + 24 * slow, 402 if is_declined else 200
        end = begin + 72
        failed = lambda message: self.failed(message) if is_declined else {}
        root = self.span("frontend", "GET /buy", 2, 0, end + 12, None, {
            "http.request.method": "GET", "url.path": "/buy", "user.id": "u_123",
            "http.response.status_code": code}, **failed("payment failed"))
        self.span("frontend", "session lookup", 1, 1, 7, root, {"cache.hit": True})
        call = self.span("frontend", "POST /checkout", 3, 9, end + 4, root,
                         {"server.address": "checkout", "server.port": 8081})
        server = self.span("checkout", "POST /checkout", 2, 11, end + 2, call,
                           {"http.route": "/checkout", "cart.items": 3})
        self.span("checkout", "validate cart", 1, 12, 21, server)
        reserve = self.span("checkout", "reserve", 1, 22, begin - 2, server)
        for item, start, factor in (("book", 24, 1), ("lamp", 26, 1 + slow), ("chair", 25, 1.3)):
            self.reserve(reserve, item, start, min(factor, (begin - 30) / 26))
        charge = self.span("checkout", "charge", 1, begin, begin + 61, server,
                           {"payment.account": "u_123"}, **failed("card was declined"))
        post = self.span("checkout", "POST /v1/charges", 3, begin + 1, begin + 60, charge,
                         {"server.address": "payments", "http.response.status_code": code},
                         **failed("402"))
        pay = self.span("payments", "POST /v1/charges", 2, begin + 3, begin + 58, post, {
            "http.route": "/v1/charges", "amount": 4999, "currency": "EUR"},
            **failed("card was declined"))
        self.span("payments", "fraud check", 1, begin + 4, begin + 22, pay, {"score": 12},
                  events=[self.event("rules loaded", begin + 8, {"rules": 214}),
                          self.event("model scored", begin + 20, {"score": 12})])
        thrown = [self.event("exception", begin + 55, {
            "exception.type": "CardDeclined", "exception.message": "insufficient funds"})]
        self.span("payments", "POST /authorize", 3, begin + 23, begin + 57, pay, {
            "server.address": "bank.example", "http.request.resend_count": 1,
            "tls.protocol.version": "1.3"}, events=thrown if is_declined else [],
            **failed("insufficient funds"))
        publish = self.span("checkout", "publish order", 4, end - 8, end - 4, server, {
            "messaging.system": "nats", "messaging.destination.name": "orders"})
        self.span("mailer", "process order", 5, end - 3, end + 8, publish,
                  {"messaging.system": "nats"})
        self.span("frontend", "render", 1, end + 6, end + 11, root)
        return self

    def browse(self, path, is_broken=False):
        more = self.failed("connection refused") if is_broken else {}
        end = self.choose.uniform(4, 30)
        root = self.span("frontend", "GET " + path, 2, 0, end + 4, None, {
            "http.request.method": "GET", "url.path": path,
            "http.response.status_code": 502 if is_broken else 200}, **more)
        self.span("frontend", "GET /stock", 3, 1, end, root, {"server.address": "inventory"},
                  **more)
        return self


def take(page, name):
    time.sleep(1) # animations and fonts
    page.driver.save_screenshot(str(IMAGES / name))
    print(name, (IMAGES / name).stat().st_size)


def main(tote):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tote-web-"))
    viewer = test_page.Viewer(tote, folder)
    page = test_page.Browser(folder, shutil.which("chromium"), shutil.which("chromedriver"))
    choose = random.Random(4)
    try:
        page.set_screen(1280, 760)
        ages = iter(range(95_000, 0, -9_000))
        for path in ("/", "/item/lamp", "/item/chair"):
            viewer.post(request(Order(choose, next(ages)).browse(path).services))
        for slow in (1, 1.4, .8, 2.1):
            viewer.post(request(Order(choose, next(ages)).buy(slow).services))
        viewer.post(request(Order(choose, next(ages)).browse("/item/sofa", True).services))
        declined = Order(choose, next(ages)).buy(1.2, True)
        viewer.post(request(declined.services))
        viewer.post(request(Order(choose, next(ages)).buy(1.1).services))
        page.open(viewer.url)
        page.wait_traces(10)
        take(page, "web-list.png")
        page.open(viewer.url + "/#/map")
        page.wait("the map", lambda: page.all("#map svg .node"))
        take(page, "web-map.png")
        page.open_trace(viewer, declined.trace)
        page.keys("e", "e", "e", "e", "e", selector="#scroller")
        page.js("document.activeElement.blur()")
        take(page, "web-waterfall.png")
        page.set_dark(True)
        page.open_trace(viewer, declined.trace)
        page.click("#tab-flame")
        take(page, "web-flame-dark.png")
    finally:
        page.driver.quit()
        viewer.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
