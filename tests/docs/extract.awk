# extract.awk - the code blocks of a Markdown file, or the example in the comment of a header
#
# awk -v name=README -v out=DIRECTORY -v harnesses=tests/docs -f extract.awk README.md
#
# In Markdown a C block has a marker in the line before it, which is not rendered: <!-- test: NAME -->.
# If the harnesses have a file NAME.c.in, the block replaces its line SNIPPET; otherwise it is a whole
# program. A block with the marker <!-- program: NAME --> is a program that test_tutorial.sh runs: it is written to
# out/program-NAME.c. Blocks with the marker <!-- part: NAME --> are joined to one block NAME. In a header (`-v header=NAME`) the block is the first run of lines that are indented by four.
# Writes out/name-NAME.c for each, out/name.sh with all shell blocks, and prints the names.

function finish(    line, number, harness, target) {
    target = out "/" (is_program ? "program" : name) "-" block ".c"
    harness = is_program ? "/dev/null" : harnesses "/" block ".c.in"
    if ((getline line < harness) <= 0) {
        printf "#line %d \"%s\"\n%s", first, FILENAME, text > target
    } else {
        printf "#line 1 \"%s\"\n", harness > target
        do {
            number++
            if (line == "SNIPPET") {
                printf "#line %d \"%s\"\n%s", first, FILENAME, text > target
                printf "#line %d \"%s\"\n", number + 1, harness > target
            } else {
                print line > target
            }
        } while ((getline line < harness) > 0)
        close(harness)
    }
    close(target)
    if (!is_program) print name "-" block
    block = ""
}

function fail(message) {
    printf "%s:%d: %s\n", FILENAME, FNR, message > "/dev/stderr"
    failed = 1
}

BEGIN { shell = out "/" name ".sh" }

header && /^ \*     ?[^ ]/ && state != "done" {
    if (state != "code") {
        state = "code"; first = FNR; text = ""
    }
    text = text substr($0, 8) "\n"
    next
}
header && state == "code" && /^ \*      / { text = text substr($0, 8) "\n"; next }
header && state == "code" { state = "done"; block = header; finish(); next }
header { next }

state == "c" && /^```$/ && is_part {
    state = ""
    parts[block] = parts[block] sprintf("#line %d \"%s\"\n%s\n", first, FILENAME, text)
    next
}
state == "c" && /^```$/ { state = ""; finish(); next }
state == "c" { text = text $0 "\n"; next }
state == "sh" && /^```$/ { state = ""; next }
state == "sh" { print > shell; next }
state == "other" { if (/^```$/) state = ""; next }
/^```c$/ {
    if (marker == "") {
        fail("a C block without a marker <!-- test: NAME --> in the line before it is not tested")
        marker = "unmarked" FNR
    }
    state = "c"; block = marker; first = FNR + 1; text = ""
    next
}
/^```sh$/ { state = "sh"; next }
/^```/ { state = "other"; next }
{ marker = "" }
/^<!-- (test|program|part): [a-z_]+ -->$/ {
    marker = $3; is_program = $2 == "program:"; is_part = $2 == "part:"
}

END {
    if (state != "" && state != "done") fail("a block has no end")
    first = 1
    for (block in parts) {
        text = parts[block]
        finish()
    }
    exit failed
}
