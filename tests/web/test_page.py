#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `tote view --web`, as a user sees it: headless Chromium driven through WebDriver.

test_page.py TOTE [WORD]...    only the tests whose names contain a word, and the first one
"""
import contextlib
import json
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

WAIT = 60  # seconds; only a failure takes so long
START = 1_700_000_000_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER = "0af7651916cd43dd8448eb211c80319c"
HOSTILE = "bad0bad0bad0bad0bad0bad0bad0bad0"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1360,900"]


def attribute(key, value):
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    text = str(value) if type(value) is int else value
    return {"key": key, "value": {kinds[type(value)]: text}}


def attributes(values):
    return [attribute(key, value) for key, value in values.items()]


def span(number, name, start_ms, end_ms, parent=None, trace=TRACE, values=None, **more):
    result = {"traceId": trace, "spanId": "%016x" % number, "name": name, "kind": 1,
              "startTimeUnixNano": str(START + int(start_ms * 1e6)),
              "endTimeUnixNano": str(START + int(end_ms * 1e6)) if end_ms else "0",
              "attributes": attributes(values or {}), **more}
    if parent:
        result["parentSpanId"] = "%016x" % parent
    return result


def request(services):
    return {"resourceSpans": [
        {"resource": {"attributes": attributes({"service.name": service})},
         "scopeSpans": [{"scope": {"name": "test", "version": "1"}, "spans": spans}]}
        for service, spans in services.items()]}


def shop(trace=TRACE, slow=1):
    failed = {"status": {"code": 2, "message": "card declined"}}
    link = {"links": [{"traceId": OTHER, "spanId": "%016x" % 2}]}
    event = {"events": [{"timeUnixNano": str(START + 60_000_000), "name": "exception",
                         "attributes": attributes({"exception.message": "no funds"})}]}
    return request({
        "shop": [span(1, "GET /buy", 0, 100 * slow, trace=trace, values={"user": "ann"}),
                 span(2, "POST /pay", 10, 90 * slow, 1, trace, {"amount": 42}, **link)],
        "bank": [span(3, "charge", 20, 80 * slow, 2, trace, **failed, **event),
                 span(4, "look up", 25, 40, 3, trace, {"http.route": "/look up"}),
                 span(5, "notify", 45, 46, 3, trace, {"http.route": "/notify"})],
    })


class Viewer:
    """A viewer in the background."""

    def __init__(self, tote, folder, port="0"):
        self.tote, self.folder = tote, folder
        self.log = open(folder / "viewer.err", "w")
        self.process = subprocess.Popen([tote, "view", "--web", "--port", port, "--grpc-port", "0"],
                                        text=True, stdout=subprocess.PIPE, stderr=self.log)
        self.url = ""
        for line in self.process.stdout:
            if line.startswith("listening on http:"):
                self.url = line.split()[-1]
            if line.startswith("open http:"):
                break

    def post(self, value):
        message = urllib.request.Request(self.url + "/v1/traces", json.dumps(value).encode(),
                                         {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(message, timeout=WAIT).read()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Browser:
    """A browser, and what the tests ask of the page."""

    def __init__(self, folder, chromium, driver):
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in FLAGS + ["--user-data-dir=" + str(folder / "profile")]:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {
            "download.default_directory": str(folder), "download.prompt_for_download": False})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(driver), options=options)
        self.driver.set_page_load_timeout(WAIT)
        self.driver.set_script_timeout(WAIT)
        self.folder = folder

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def click(self, selector):
        self.find(selector).click()

    def keys(self, *keys, selector=None):
        target = self.find(selector) if selector else self.driver.switch_to.active_element
        target.send_keys(*keys)

    def wait(self, what, check):
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            try:
                value = check()
            except StaleElementReferenceException:
                value = None
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError("not in time: " + what + "\n" + self.text("body")[:2000])

    def open(self, url):
        self.driver.get("about:blank")
        self.driver.get(url)
        self.wait("the page starts",
                  lambda: self.js("return document.documentElement.dataset.theme"))

    def open_trace(self, viewer, trace=TRACE, more=""):
        self.open(viewer.url + "/#/trace/" + trace + more)
        self.wait("the trace is displayed", lambda: self.rows())
        self.click("#trace-title")

    def rows(self):
        """The labels of the visible rows of the waterfall."""
        return self.js("return [...document.querySelectorAll('#rows [role=treeitem]')]"
                       ".map((row) => row.getAttribute('aria-label'))")

    def names(self):
        return [row.split(",")[0] for row in self.rows()]

    def selected(self):
        return self.js("const row = document.querySelector('#rows [aria-selected=true]');"
                       "return row ? row.getAttribute('aria-label').split(',')[0] : ''")

    def wait_traces(self, count):
        self.wait("the list has %d traces" % count,
                  lambda: len(self.all("a[data-trace]")) == count)

    def wait_names(self, *names):
        self.wait("the rows are " + str(names), lambda: self.names() == list(names))

    def wait_selected(self, name):
        self.wait("the selected row is " + name, lambda: self.selected() == name)

    def body(self):
        """Send keys to the page, not to an element with keys of its own."""
        self.js("document.activeElement.blur(); document.getElementById('scroller').focus()")

    def type(self, text, selector):
        """Replace the text of an input."""
        self.find(selector).clear()
        self.keys(text, selector=selector)

    def cdp(self, command, **values):
        self.driver.execute_cdp_cmd(command, values)

    def set_dark(self, is_dark):
        """Prefer dark colours, as a setting of the system."""
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark"}] if is_dark else [])

    def set_screen(self, width, height, scale=1):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=scale, mobile=False)

    @contextlib.contextmanager
    def screen_of(self, width, height, scale=1):
        """A screen of this size, for the statements of a `with`."""
        self.set_screen(width, height, scale)
        try:
            yield
        finally:
            self.cdp("Emulation.clearDeviceMetricsOverride")

    def clipboard(self):
        return self.driver.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0])")

    def downloaded(self, name):
        path = self.folder / name
        self.wait("the file " + name, path.exists)
        return path.read_text()

    def problems(self):
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]


ALL = ["GET /buy", "POST /pay", "charge", "look up", "notify"]


def test_a_trace_appears_in_the_list_without_a_reload(page, viewer):
    page.open(viewer.url)
    page.wait("an empty list explains the variables", lambda: "OTEL_EXPORTER_OTLP_ENDPOINT="
              + viewer.url in page.text("#list-empty"))
    page.wait("the page is live", lambda: page.text("#live") == "live")
    viewer.post(shop(OTHER, slow=3))
    page.wait_traces(1)
    first = page.find("a[data-trace]")
    viewer.post(shop())
    page.wait_traces(2)
    first.click() # it is still the same element: a click that has begun is not lost
    page.wait("the trace", lambda: OTHER in page.driver.current_url)
    page.open(viewer.url)
    page.wait_traces(2)
    row = page.find("tbody tr").text
    for part in ("GET /buy", "shop", "bank", "5", "1 error", "100 ms"):
        assert part in row, (part, row)


def test_the_list_is_filtered_and_sorted_by_the_server(page, viewer):
    page.open(viewer.url)
    page.wait_traces(2)
    page.keys("duration>200ms", selector="#filter")
    page.wait_traces(1)
    assert page.find("a[data-trace]").get_attribute("data-trace") == OTHER
    assert "1 of 2" in page.text("#list-count")
    page.type('name="GET', "#filter")
    page.wait("the problem is displayed", lambda: "column" in page.text("#filter-problem"))
    assert page.find("#filter").get_attribute("aria-invalid") == "true"
    # Browsers report each response with an error status.
    assert all("/api/traces?" in problem and " 400 " in problem for problem in page.problems())
    page.find("#filter").clear()
    page.keys(Keys.SPACE, Keys.BACKSPACE, selector="#filter")
    page.wait_traces(2)
    page.driver.find_element(By.XPATH, "//th/button[text()='Duration']").click()
    page.wait("the longest trace is first", lambda:
              page.find("a[data-trace]").get_attribute("data-trace") == OTHER)
    assert page.find("th[aria-sort]").text.startswith("Duration")


def test_a_click_and_keys_move_through_a_trace(page, viewer):
    page.open(viewer.url)
    page.wait_traces(2)
    page.click("a[data-trace='%s']" % TRACE)
    page.wait_names(*ALL)
    levels = [row.get_attribute("aria-level") for row in page.all("#rows [role=treeitem]")]
    assert levels == ["1", "2", "3", "4", "4"], levels
    assert "error" in page.rows()[2] and "critical path" in page.rows()[0], page.rows()
    page.body()
    page.keys("j")
    page.wait_selected("GET /buy")
    page.keys("j", Keys.ARROW_DOWN)
    page.wait_selected("charge")
    page.keys(Keys.ARROW_LEFT)
    page.wait_names(*ALL[:3])
    page.keys(Keys.ARROW_LEFT)
    page.wait_selected("POST /pay")
    page.keys("}")
    page.wait_names(*ALL)
    page.keys("[")
    page.wait_names(*ALL[:3])
    page.keys("[")
    page.wait_names(*ALL[:2])
    page.keys("]")
    page.wait_names(*ALL[:3])
    page.keys("{")
    page.wait_names(*ALL[:1])
    page.click("#unfold-all")
    page.wait_names(*ALL)
    page.keys(Keys.ESCAPE, Keys.ESCAPE, selector="#scroller")
    page.wait("the list again", lambda: page.find("#screen-list").is_displayed())


def test_a_click_on_the_canvas_selects_and_folds(page, viewer):
    page.open_trace(viewer)
    page.wait_names(*ALL)
    canvas = page.find("#canvas")

    def at(x, y):
        """Click at a place from the upper left corner of the canvas."""
        size = canvas.size
        ActionChains(page.driver).move_to_element_with_offset(
            canvas, int(x - size["width"] / 2), int(y - size["height"] / 2)).click().perform()
    at(120, 28 + 27 * 1.5)
    page.wait_selected("POST /pay")
    at(8 + 14 + 3, 28 + 27 * 1.5)
    page.wait_names(*ALL[:2])


def test_search_counts_matches_and_jumps(page, viewer):
    page.open_trace(viewer)
    page.body()
    page.keys("/")
    page.wait("the search has the focus", lambda: page.js(
        "return document.activeElement.id === 'search'"))
    page.keys("http.route~/")
    page.wait("one of two", lambda: page.text("#search-count") == "1 of 2")
    page.wait_selected("look up")
    page.keys(Keys.ENTER)
    page.wait_selected("notify")
    assert page.text("#search-count") == "2 of 2"
    page.keys(Keys.ESCAPE)
    page.keys("n", selector="#scroller")
    page.wait_selected("look up")
    page.keys("N", selector="#scroller")
    page.wait_selected("notify")
    page.keys("e", selector="#scroller")
    page.wait_selected("charge")
    for query, matches in (("error=1", 1), ("service=bank", 3), ("-service=bank", 2),
                           ("duration>=60ms", 3), ('"card declined"', 1), ("amount=42", 1),
                           ("kind=internal root=1", 1), ("event=exception", 1),
                           ("user!=bob", 1), ("-user=ann", 4), ("link~0af7", 1)):
        page.type("name=none", "#search") # the count of the query before is no longer displayed
        page.wait("no match", lambda: page.text("#search-count") == "no match")
        page.type(query, "#search")
        page.wait(query, lambda: page.text("#search-count").endswith(" of %d" % matches))
    page.type("duration>x", "#search")
    page.wait("the problem", lambda: "needs a duration" in page.text("#search-count"))


def test_zoom_by_keys_wheel_and_drag(page, viewer):
    page.open_trace(viewer)
    is_zoomed = lambda: page.find("#zoom-reset").is_displayed()
    canvas = page.find("#canvas")
    assert not is_zoomed()
    page.body()
    page.keys("+")
    page.wait("a key zooms", is_zoomed)
    page.keys("0")
    page.wait("a key resets", lambda: not is_zoomed())
    page.js("arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -200, ctrlKey: true,"
            "clientX: 900, clientY: 400, bubbles: true, cancelable: true}))", canvas)
    page.wait("the wheel zooms", is_zoomed)
    page.click("#zoom-reset")
    page.wait("a button resets", lambda: not is_zoomed())
    ActionChains(page.driver).move_to_element_with_offset(canvas, 100, 100).click_and_hold() \
        .move_by_offset(150, 0).release().perform()
    page.wait("a drag zooms", is_zoomed)
    page.keys("0", selector="#scroller")
    page.wait("a key resets", lambda: not is_zoomed())
    ActionChains(page.driver).move_to_element_with_offset(page.find("#minimap"), -100, 0) \
        .click_and_hold().move_by_offset(200, 0).release().perform()
    page.wait("the overview zooms", is_zoomed)


def test_details_have_attributes_events_and_links_that_jump(page, viewer):
    page.open_trace(viewer, more="?span=%016x" % 3)
    page.wait_selected("charge")
    detail = page.text("#detail")
    for part in ("charge", "card declined", "exception", "no funds", "+40.0 ms", "service.name",
                 "bank", "test"):
        assert part in detail, (part, detail)
    page.cdp("Browser.grantPermissions", origin=viewer.url,
             permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.keys("y", selector="#scroller")
    page.wait("a message", lambda: page.text("#toast") == "Span copied")
    copied = page.clipboard()
    spans = json.loads(copied)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [item["name"] for item in spans] == ["charge"], copied
    page.keys("c", selector="#scroller")
    page.wait("a message", lambda: page.text("#toast") == "Link copied")
    link = page.clipboard()
    page.keys("k", selector="#scroller")
    page.wait_selected("POST /pay")
    page.click("#detail a")
    page.wait("the other trace", lambda: page.js("return location.hash").startswith(
        "#/trace/" + OTHER))
    page.wait_selected("POST /pay")
    page.open(link)
    page.wait_selected("charge")


def test_flame_graph_self_times_and_services(page, viewer):
    page.open_trace(viewer)
    page.click("#tab-flame")
    page.wait("the flame graph", lambda: "GET /buy" in page.text("#flame-path"))
    page.keys(Keys.ARROW_DOWN, Keys.ENTER, selector="#flame")
    page.wait("the child is chosen", lambda: "POST /pay" in page.text("#flame-path"))
    assert page.find("#flame-reset").is_displayed()
    page.click("#tab-table")
    first = page.text("#view-table tbody tr")
    assert "charge" in first and "44.0 ms" in first, first
    page.click("#tab-map")
    assert "shop \u2192 bank" in page.text("#view-map").replace("\n", " ")
    assert len(page.all("#view-map svg .node")) == 2
    assert len(page.all("#view-map svg .edge path")) == 1
    page.keys(Keys.ARROW_LEFT, selector="#tab-map")
    page.wait("keys move between tabs", lambda: page.find("#view-table").is_displayed())


def test_the_map_of_all_traces_has_rates_and_percentiles(page, viewer):
    page.open(viewer.url + "/#/map")
    page.wait("the map", lambda: len(page.all("#map svg .node")) == 2)
    text = page.text("#map svg .node")
    table = page.text("#map table")
    assert "p50" in page.text("#map") and "p99" in text, text
    assert "bank" in table and "shop" in table, table


def test_two_traces_are_compared(page, viewer):
    third = shop("c" * 32, slow=1)
    bank = third["resourceSpans"][1]["scopeSpans"][0]["spans"]
    bank[2]["name"] = "inform"
    bank[0]["endTimeUnixNano"] = str(START + 150_000_000)
    viewer.post(third)
    page.open(viewer.url)
    page.wait_traces(3)
    assert not page.find("#compare").is_enabled()
    page.click("[data-mark='%s']" % TRACE)
    page.click("[data-mark='%s']" % ("c" * 32))
    page.click("#compare")
    page.wait("the comparison", lambda: len(page.all("#compare-card tbody tr")) == 6)
    rows = {row.text.split()[0]: row.text for row in page.all("#compare-card tbody tr")}
    for name, difference in (("GET", "same"), ("charge", "slower"), ("notify", "removed"),
                             ("inform", "added")):
        assert rows[name].endswith(difference), rows
    page.driver.find_element(By.XPATH, "//button[text()='added 1']").click()
    page.wait("only the added one", lambda: len(page.all("#compare-card tbody tr")) == 1)


def test_an_open_trace_grows(page, viewer):
    trace = "d" * 32
    viewer.post(request({"late": [span(1, "begin", 0, 0, trace=trace)]}))
    page.open_trace(viewer, trace)
    assert "unfinished" in page.rows()[0] and "unfinished" in page.text("#trace-title")
    page.body()
    page.keys("j")
    page.wait_selected("begin")
    viewer.post(request({"late": [span(2, "child", 1, 5, 1, trace), span(1, "begin", 0, 9,
                                                                         trace=trace)]}))
    page.wait_names("begin", "child")
    page.wait("it is finished", lambda: "unfinished" not in page.rows()[0])
    assert page.selected() == "begin"


def names_of(otlp):
    return sorted(item["name"] for resource in otlp["resourceSpans"]
                  for scope in resource["scopeSpans"] for item in scope["spans"])


def test_downloads_contain_the_trace(page, viewer):
    page.open_trace(viewer)
    for form in ("otlp", "html", "perfetto"):
        page.click("#download summary")
        page.click("#download [data-format=%s]" % form)
    otlp = json.loads(page.downloaded("trace-%s.json" % TRACE))
    assert names_of(otlp) == sorted(ALL)
    perfetto = json.loads(page.downloaded("trace-%s.perfetto.json" % TRACE))
    complete = {event["name"]: event for event in perfetto["traceEvents"] if event["ph"] == "X"}
    assert sorted(complete) == sorted(ALL) and complete["charge"]["dur"] == 60000.0
    saved = page.downloaded("trace-%s.html" % TRACE)
    assert viewer.url not in saved
    rows = page.rows()
    page.open("file://" + str(page.folder / ("trace-%s.html" % TRACE)))
    page.wait("the saved trace", lambda: page.rows() == rows)
    assert page.text("#live") == "saved trace"
    page.click("#download summary")
    page.click("#download [data-format=otlp]")
    again = json.loads(page.downloaded("trace-%s (1).json" % TRACE))
    assert names_of(again) == sorted(ALL)


def test_a_file_is_opened(page, viewer):
    lines = page.folder / "lines.jsonl"
    lines.write_text("started\n" + "\n".join(json.dumps(request({"file": [
        span(1, "from a file", 0, 3, trace=trace)]})) for trace in ("e" * 32, "f" * 32)) + "\n")
    page.open(viewer.url)
    page.wait("the list", lambda: page.all("a[data-trace]"))
    page.js("document.getElementById('file').removeAttribute('multiple')")
    page.keys(str(lines), selector="#file")
    page.wait("traces of the file", lambda: "from a file" in page.text("#list-card"))
    page.click("a[data-trace='%s']" % ("e" * 32))
    page.wait_names("from a file")
    page.js("""
        const data = new DataTransfer();
        data.items.add(new File([arguments[0]], 'dropped.json'));
        for (const type of ['dragover', 'drop']) {
            document.body.dispatchEvent(new DragEvent(type,
                {dataTransfer: data, bubbles: true, cancelable: true}));
        }""", json.dumps(request({"file": [span(1, "dropped", 0, 3, trace="9" * 32)]})))
    page.wait_names("dropped")


def test_hostile_text_is_only_text(page, viewer):
    names = ["</script><script>window.pwned = 1</script>", "<img src=x onerror=pwned=1>",
             "\"'`><svg onload=pwned=1>", "evil\u202etxt.exe\u2066\u200f", "nul\u0000\u001b[31m",
             "N" * 100_000, "__proto__", "constructor", "${pwned=1}", "{{7*7}}", "\ud83d\ude00",
             "<!--<script>", "]]>", "javascript:pwned=1"]
    values = {name[:2000]: name for name in names}
    spans = [span(i + 1, name, i, i + 2, 1 if i else None, HOSTILE, values,
                  status={"code": 2, "message": name},
                  events=[{"name": name, "timeUnixNano": str(START), "attributes":
                           attributes(values)}]) for i, name in enumerate(names)]
    spans.append(span(98, "cycle a", 1, 2, 99, HOSTILE))
    spans.append(span(99, "cycle b", 1, 2, 98, HOSTILE))
    viewer.post(request({name: [item] for name, item in zip(names + ["a", "b"], spans)}))
    page.open(viewer.url)
    page.wait("the list", lambda: page.all("a[data-trace='%s']" % HOSTILE))
    page.open_trace(viewer, HOSTILE)
    page.wait("all rows", lambda: len(page.rows()) == len(spans))
    unsafe = "\u202e\u2066\u200f\u0000\u001b"
    for row in range(len(spans)):
        page.keys("j", selector="#scroller")
    for tab in ("flame", "table", "map", "waterfall"):
        page.click("#tab-" + tab)
        text = page.js("return document.body.textContent + document.title + "
                       "[...document.querySelectorAll('*')].map((element) => "
                       "[...element.attributes].map((item) => item.value).join()).join()")
        # The script of the page contains escapes, not these characters.
        assert not any(character in text for character in unsafe)
    page.click("#download summary")
    page.click("#download [data-format=html]")
    page.downloaded("trace-%s.html" % HOSTILE)
    page.open("file://" + str(page.folder / ("trace-%s.html" % HOSTILE)))
    page.wait("the saved trace", lambda: len(page.rows()) == len(spans))
    assert page.js("return window.pwned") is None
    assert not page.all("img") and len(page.all("script")) == 1
    assert page.js("return Object.prototype.pwned === undefined && !({}).polluted")


def test_dark_and_light(page, viewer):
    page.set_dark(True)
    page.open_trace(viewer)
    back = lambda: page.js("return getComputedStyle(document.body).backgroundColor")
    dark = back()
    assert page.js("return document.documentElement.dataset.theme") == "dark"
    page.click("#theme")
    page.wait("it is light", lambda: back() != dark)
    page.open_trace(viewer)
    assert back() != dark, "the choice is kept"
    page.js("localStorage.clear()")
    page.set_dark(False)


def test_400_pixels_are_sufficient(page, viewer):
    with page.screen_of(400, 800, 2):
        for path in ("/#/traces", "/#/trace/" + TRACE + "?span=%016x" % 3, "/#/map",
                     "/#/compare/" + TRACE + "/" + OTHER):
            page.open(viewer.url + path)
            page.wait("it is drawn",
                      lambda: "GET /buy" in page.text("body") or page.all("#map svg"))
            width = page.js("return document.documentElement.scrollWidth")
            assert width <= 400, (path, width)
            wide = page.js("""
                const items = document.querySelectorAll('header.top *, .bar > *, .title > *');
                return [...items].filter((item) => item.getClientRects().length &&
                    !item.matches('.hidden-text') && item.getBoundingClientRect().right > 401)
                    .map((item) => item.outerHTML.slice(0, 80));""")
            assert not wide, (path, wide)
        page.open_trace(viewer, more="?span=%016x" % 3)
        box = page.find("#detail").rect
        assert box["width"] > 350 and box["y"] + box["height"] <= 801, box
        assert page.find("#scroller").rect["height"] > 100


def test_a_span_that_is_selected_is_visible_on_a_narrow_screen(page, viewer):
    trace = "9" * 32
    viewer.post(request({"shop": [span(i, "row %d" % i, 0, 10, i > 1 and 1, trace)
                                  for i in range(1, 61)]}))
    with page.screen_of(400, 800):
        page.open_trace(viewer, trace)
        page.keys(Keys.END, selector="#scroller")
        page.wait_selected("row 60")
        row = page.find("#rows [aria-selected=true]").rect
        assert row["y"] + row["height"] <= page.find("#detail").rect["y"] + 1, row


def test_names_stay_in_their_boxes_on_the_map(page, viewer):
    names = ["W" * 60, "i" * 60, "backend-with-a-long-name", "\U0001f600" * 40]
    trace = "8" * 32
    viewer.post(request({name: [span(i + 1, "call", 0, 10, i, trace)]
                         for i, name in enumerate(names + ["s%d" % k for k in range(14)])}))
    page.open(viewer.url + "/#/trace/" + trace + "?view=map")
    page.wait("the map", lambda: len(page.all("#view-map .node")) == 18)
    outside = page.js(
        "return [...document.querySelectorAll('#view-map .node')].filter((node) => "
        "node.querySelector('.title-text').getBoundingClientRect().right > "
        "node.querySelector('.box').getBoundingClientRect().right).map((node) => node.textContent)")
    assert not outside, outside
    width = page.js("return document.querySelector('#view-map .box').getBoundingClientRect().width")
    assert width > 140, "names are too small: %d" % width


def test_help_lists_the_keys(page, viewer):
    page.open_trace(viewer)
    page.keys("?", selector="#scroller")
    page.wait("the help", lambda: page.find("#help").is_displayed())
    for part in ("next error", "search", "zoom in", "fold all"):
        assert part in page.text("#help")
    page.keys(Keys.ESCAPE)
    page.wait("it is closed", lambda: not page.find("#help").is_displayed())


def test_the_list_is_drawn_while_traces_arrive_all_the_time(page, viewer):
    page.open(viewer.url)
    page.wait("the list", lambda: page.all("a[data-trace]"))
    sent = []

    def send_and_look():
        sent.append("%032x" % (0xabc000 + len(sent)))
        viewer.post(request({"busy": [span(1, "busy", 0, 1, trace=sent[-1])]}))
        return any(page.all("a[data-trace='%s']" % trace) for trace in sent[-40:])
    page.wait("one of them", send_and_look)


def test_a_trace_that_loads_slowly_does_not_replace_another_one(page, viewer):
    page.open_trace(viewer)
    page.js("""
        const original = window.fetch;
        window.fetch = async (path, options) => {
            if (String(path).includes(arguments[0])) {
                await new Promise((resolve) => { window.release = resolve; });
            }
            return original(path, options);
        };
        location.hash = '#/trace/' + arguments[0];""", OTHER)
    page.wait("it is loading", lambda: page.js("return Boolean(window.release)")
              and "Loading" in page.text("#trace-title"))
    page.js("location.hash = '#/trace/' + arguments[0]", TRACE)
    page.wait("the trace is displayed", lambda: TRACE in page.text("#trace-title"))
    page.js("window.release()")
    time.sleep(0.5)
    assert TRACE in page.text("#trace-title") and TRACE in page.js("return location.hash")


def test_50000_spans_stay_fluent(page, viewer):
    trace = "5" * 32
    total = 50_000
    choose = random.Random(7)
    spans = [span(1, "root", 0, 1000, trace=trace)]
    for number in range(2, total + 1):
        parent = choose.randrange(max(1, number - 60), number)
        start = (number - 2) * 1000 / total
        failed = {"status": {"code": 2}} if number == total - 10 else {}
        spans.append(span(number, "work %d" % (number % 40), start, start + 3, parent, trace,
                          {"number": number}, **failed))
    for at in range(0, total, 10_000):
        viewer.post(request({"many": spans[at:at + 10_000]}))
    began = time.monotonic()
    page.open(viewer.url + "/#/trace/" + trace)
    page.wait("all spans", lambda: "50,000 spans" in page.text("#trace-title"))
    loaded = time.monotonic() - began
    page.wait("rows", lambda: page.rows())
    frames = page.driver.execute_async_script("""
        const done = arguments[0], scroller = document.getElementById('scroller'), times = [];
        const step = (time) => {
            times.push(time);
            scroller.scrollTop += 1000;
            if (times.length < 60) {
                requestAnimationFrame(step);
            } else {
                done(times.slice(1).map((item, i) => item - times[i]).sort((a, b) => a - b));
            }
        };
        requestAnimationFrame(step);""")
    assert len(page.rows()) < 100, "only visible rows are in the document"
    page.body()
    page.keys(Keys.END)
    page.wait("the last row", lambda: page.js(
        "const row = document.querySelector('#rows [aria-selected=true]');"
        "return row && row.getAttribute('aria-posinset') === '50000'"))
    page.keys(Keys.HOME, "e")
    page.wait("the error", lambda: page.selected() == "work %d" % ((total - 10) % 40))
    page.keys("number=777", selector="#search")
    page.wait("one match", lambda: page.text("#search-count") == "1 of 1")
    page.click("#fold-all")
    page.wait("one row", lambda: len(page.rows()) == 1)
    page.click("#tab-flame")
    page.wait("the flame graph", lambda: "root" in page.text("#flame-path"))
    page.click("#tab-table")
    page.wait("the table", lambda: len(page.all("#view-table tbody tr")) == 41)
    print("# 50,000 spans: loaded in %.1f s, median frame %.1f ms, slowest %.1f ms" % (
        loaded, frames[len(frames) // 2], frames[-1]))


def test_the_page_finds_a_viewer_that_starts_again(page, viewer):
    page.open(viewer.url)
    page.wait("it is live", lambda: page.text("#live") == "live")
    viewer.stop()
    page.wait("it reports that", lambda: page.text("#live") == "no connection")
    page.problems()
    again = Viewer(viewer.tote, viewer.folder, viewer.url.split(":")[-1])
    try:
        page.wait("it is live again", lambda: page.text("#live") == "live")
        page.wait("the traces are gone", lambda: page.find("#list-empty").is_displayed())
        again.post(shop())
        page.wait_traces(1)
    finally:
        again.stop()
        page.driver.get("about:blank")
        page.problems()


def main(tote, words):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tote-web-"))
    viewer = page = None
    failed = 0
    try:
        kept = socket.socket() # no other program gets the port while no viewer has it
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        viewer = Viewer(tote, folder, str(kept.getsockname()[1]))
        page = Browser(folder, chromium, driver)
        for name, test in list(globals().items()):
            is_chosen = not words or any(word in name for word in words + ["appears"])
            if not name.startswith("test_") or not is_chosen:
                continue
            title = name[5:].replace("_", " ")
            try:
                test(page, viewer)
                problems = page.problems()
                assert not problems, "the console has problems: " + str(problems)
                print("ok - " + title, flush=True)
            except Exception as error:
                failed += 1
                print("not ok - %s\n%r" % (title, error), flush=True)
                page.problems()
    finally:
        if page:
            page.driver.quit()
        if viewer:
            viewer.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
