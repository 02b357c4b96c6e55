#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_test.sh - tote test: expectations on the spans of a command
#
# test_test.sh TOTE
set -uo pipefail

tote=$1
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export_py=$tests/export.py

# checked SPANS ARGUMENTS...: run tote test on a program that exports these spans; sets code
checked() {
    local spans=$1
    shift
    "$tote" test "$@" -- python3 "$export_py" "post([$spans])" >"$work/out" 2>"$work/err"
    code=$?
}
shop='span(1, 1, "GET /cart", ms=20), span(1, 2, "SELECT stock", 1, db="stock"),
    span(1, 3, "POST /order", 1, status="card refused")'

# Exit statuses.
checked "$shop" --expect 'service=python3 name~GET error=0'
expect "an expectation that a span meets" "$code" 0
expect "is reported" "$(cat "$work/err")" "tote: test: all expectations met
  ok      service=python3 name~GET error=0: 1 span"
checked "$shop" --expect 'name=PUT'
expect "an expectation that no span meets has status 1" $code 1
checked "$shop" --expect 'name~GET' --forbid 'error=1'
expect "so has a span that is forbidden" $code 1
checked "$shop" --expect 'name~GET' --forbid 'name=PUT'
expect "a forbidden span that does not come is a success" $code 0
checked "$shop" --expect 'name~GET' --expect 'name~SELECT' --expect 'error=1'
expect "all expectations may be met by different spans" $code 0
"$tote" test --expect 'name=x' -- sh -c 'exit 7' 2>/dev/null
expect "the exit status of a command that fails wins" $? 7
"$tote" test --forbid 'name=x' --exit-status 7 -- sh -c 'exit 7' 2>/dev/null
expect "--exit-status makes that status a success" $? 0
"$tote" test --forbid 'name=x' --exit-status 7 -- true 2>/dev/null
expect "another status, also 0, is then a failure" $? 1
for wrong in "" "--expect name=" "--expect a=1 --times x" "--times 2" '--expect "a' \
    "--expect a=1 --times 3..2" "--expect a=1 --times .." "--expect a=1 --exit-status 256" \
    "--expect a=1 --times 0.." "--expect a=1 --forbid b=1 --times 2" "--expect= --expect a=1"; do
    # shellcheck disable=SC2086
    "$tote" test $wrong -- touch "$work/ran" 2>"$work/err"
    expect "wrong usage has status 2, and the command is not run: $wrong" \
        "$? $(find "$work" -name ran)" "2 "
done

# Counts.
five='*[span(1, i, "call", 9) for i in range(1, 6)]'
while read -r times status; do
    checked "$five" --expect 'name=call' --times "$times"
    expect "five spans and --times $times" $code "$status"
done <<'END'
5 0
4 1
6 1
2..5 0
2..4 1
6..8 1
5.. 0
6.. 1
..5 0
..4 1
0 1
END

# Structure.
checked "$shop" --expect 'name~SELECT parent.name~GET' --expect 'root=1 name~GET' \
    --forbid 'parent.name~SELECT' --forbid 'trace.spans<3'
expect "parents, roots and properties of the trace can be expected" $code 0

# Failures.
checked "$shop" --expect 'name~POST error=0 db=stock' --forbid 'kind=server name~GET' -q
expect "a failure shows the nearest spans, and the values found" "$(cat "$work/err")" \
"tote: test: 2 of 2 expectations not met
  FAILED  name~POST error=0 db=stock: 0 spans, wanted 1 or more
          nearest: SELECT stock (python3, span 0000000000000002): name~POST: found 'SELECT stock'
                   POST /order (python3, span 0000000000000003): error=0: found '1'; db=stock: not found
                   GET /cart (python3, span 0000000000000001): name~POST: found 'GET /cart'; db=stock: not found
  FAILED  forbid kind=server name~GET: 1 span, wanted none
          matches: GET /cart (python3, span 0000000000000001)"
checked "$shop" --expect 'name=PUT'
expect "and the waterfall" "$(grep -c '  *python3.*ms' "$work/err")" 3
checked "$shop" --expect 'name~GET'
expect "a success draws nothing" "$(grep -c ' ms' "$work/err")" 0
checked "$shop, span(0, 9, 'lost')" --forbid 'name=lost'
expect "a span that cannot be checked is a failure" "$code $(head -1 "$work/err")" \
    "1 tote: test: 0 spans are over the memory limit, 1 are invalid: they are not checked"
checked '' --expect 'name~GET'
expect "no span at all is reported" "$(head -1 "$work/err")" \
    "tote: test: no span arrived: the command exports none, or not by OTLP to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
# shellcheck disable=SC2016
"$tote" test --late 60s --expect 'name=late' -- bash -c '
    (while kill -0 $$; do sleep 0.02; done; python3 "$0" "post([span(1, 2, \"late\")])") >/dev/null 2>&1 &
    python3 "$0" "post([span(1, 1, \"early\")])"' "$export_py" 2>/dev/null
expect "an expected span may arrive after the end of the command" $? 0

# JUnit XML.
checked 'span(1, 1, "<a>&\"b\"\u0001\u202e\uffff]]>")' --expect 'name~"]]>"' --expect 'name=<b>&' \
    --junit "$work/junit.xml"
expect "JUnit XML is well-formed, with any characters in names" "$(python3 - "$work/junit.xml" <<'END'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
suite = root.find("testsuite")
print(root.tag, root.get("tests"), root.get("failures"), suite.get("tests"), suite.get("errors"))
for case in suite.findall("testcase"):
    failure = case.find("failure")
    float(case.get("time"))
    print(case.get("classname"), "|", case.get("name"), "|", "ok" if failure is None else failure.get("message"))
print(root.find(".//failure").text.splitlines()[1].strip())
END
)" "testsuites 3 1 3 0
python3 | the command succeeds | ok
python3 | expect name~\"]]>\" | ok
python3 | expect name=<b>& | 0 spans, wanted 1 or more
nearest: <a>&\"b\"���]]> (python3, span 0000000000000001): name=<b>&: found '<a>&\"b\"���]]>'"
"$tote" test --expect 'name=x' --junit "$work/junit.xml" -- sh -c 'exit 7' 2>/dev/null
expect "the status of the command is a case" "$(grep -o 'message="the exit status is 7"' \
    "$work/junit.xml")" 'message="the exit status is 7"'

# Files.
checked "$shop" --expect 'name~GET' -o "$work/traces"
"$tote" test --expect 'name~GET' --forbid name=PUT --file "$work/traces" 2>/dev/null
expect "the traces of a file can be checked" $? 0
"$tote" test --expect 'name~PUT' --file "$work/traces" 2>"$work/err"
expect "with status 1 if an expectation is not met" $? 1
"$tote" test --expect 'name~PUT' --file "$work/nothing" 2>/dev/null
expect "or if the file cannot be read" $? 1
exit $failed
