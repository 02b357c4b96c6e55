# Turn page.html into a C source: cmake -DPAGE=page.html -DOUTPUT=page.c -P page.cmake
#
# The Content-Security-Policy allows the one script and the one style of the page, by their hashes.

# Encode 32 bytes in hex as base64: groups of 3 bytes, and two bytes at the end.
function(base64_of hex result)
    set(digits ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
    set(text)
    foreach(at RANGE 0 60 6)
        string(SUBSTRING "${hex}0000" ${at} 6 group)
        math(EXPR bits "0x${group}")
        foreach(shift 18 12 6 0)
            math(EXPR index "(${bits} >> ${shift}) & 63")
            string(SUBSTRING ${digits} ${index} 1 digit)
            string(APPEND text ${digit})
        endforeach()
    endforeach()
    string(SUBSTRING ${text} 0 43 text)
    set(${result} "${text}=" PARENT_SCOPE)
endfunction()

# Return the source of the only element with this tag, for the policy.
function(source_of tag result)
    string(FIND "${page}" "<${tag}>" begin)
    string(FIND "${page}" "</${tag}>" end)
    string(LENGTH "<${tag}>" length)
    math(EXPR begin "${begin} + ${length}")
    math(EXPR length "${end} - ${begin}")
    string(SUBSTRING "${page}" ${begin} ${length} text)
    string(SHA256 hash "${text}")
    base64_of(${hash} hash)
    set(${result} "'sha256-${hash}'" PARENT_SCOPE)
endfunction()

file(READ ${PAGE} page)
source_of(script script)
source_of(style style)
string(CONCAT policy "default-src 'none'; script-src ${script}; style-src ${style}; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'")
string(REPLACE "@POLICY@" "${policy}" page "${page}")
file(WRITE ${OUTPUT}.html "${page}")
file(READ ${OUTPUT}.html bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "/* Generated from page.html by page.cmake */
#include \"page.h\"

const unsigned char page_html[] = {
${bytes}
};
const size_t page_html_size = sizeof page_html;

/* frame-ancestors has no effect in the document. */
const char page_policy[] = \"${policy}; frame-ancestors 'none'\";
")
