#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# debian.sh - the Debian packages in this system: install, test, purge
#
# debian.sh FOLDER: the folder has packages, their index `Packages`, and source/. This changes the
# system: run it as root in a chroot that is removed afterwards. The tests are those of debian/tests/.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

folder=$1
source=$folder/source
work=$(mktemp -d)
failed=0

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }
check() {
    printf '%s - %s\n' "$([ "$1" = 0 ] && echo ok || echo 'not ok')" "$2"
    [ "$1" = 0 ] || failed=1
}

# The fields of debian/tests/control, one test a line: name, command, needed packages.
tests() {
    awk -v RS= -F '\n' '{
        name = command = depends = field = ""
        for (i = 1; i <= NF; i++) {
            if ($i ~ /^#/) continue
            if ($i ~ /^[A-Z]/) { field = $i; sub(/:.*/, "", field); sub(/^[^:]*: */, "", $i) }
            if (field == "Tests") { name = $i; command = "./debian/tests/" $i }
            if (field == "Test-Command") command = $i
            if (field == "Features") { name = $i; sub(/.*test-name=/, "", name) }
            if (field == "Depends") depends = depends " " $i
        }
        gsub(/,/, " ", depends)
        print name "\t" command "\t" depends
    }' "$source/debian/tests/control"
}

# What is in the file system, except what is mounted, the state of dpkg, apt and debconf, logs, and the caches of
# the dynamic linker and of man.
listing() {
    local folder left_out=()

    for folder in $(awk '$2 != "/" { print $2 }' /proc/self/mounts) /tmp /var/lib/dpkg /var/lib/apt /var/cache/apt \
        /var/cache/debconf /var/cache/ldconfig /var/cache/man /var/log; do
        left_out+=(-path "$folder" -prune -o)
    done
    find / "${left_out[@]}" -printf '%p %y %m %u %l\n' | sort
    find /etc -type f ! -name ld.so.cache -exec sha256sum {} + | sort -k 2
}

# The chroot installs no manual pages, except ours.
echo 'path-include=/usr/share/man/man?/tote*' >/etc/dpkg/dpkg.cfg.d/91tote
echo "deb [trusted=yes] file:$folder ./" >/etc/apt/sources.list.d/tote.list
quietly apt-get update -q

mapfile -t packages < <(sed -n 's/^Package: //p' "$folder/Packages" | grep -v -e '-dbgsym$' | sort)
mapfile -t needed < <(tests | cut -f 3 | tr ' ' '\n' | sed '/^$/d' | sort -u)
# A test of a package that this suite does not have is left out.
ours='^(libtote.*|tote|tote-.*|libnginx-mod-http-tote|postgresql-[0-9]+-tote)$'
absent=$(printf '%s\n' "${needed[@]}" | grep -E "$ours" | grep -vxF "$(printf '%s\n' "${packages[@]}")" || true)
if [ -n "$absent" ]; then
    echo "left out: the tests of ${absent//$'\n'/, }"
    mapfile -t needed < <(tests | grep -vwF "$absent" | cut -f 3 | tr ' ' '\n' | sed '/^$/d' | sort -u)
fi

# First all packages that are not ours, then ours.
mapfile -t others < <(apt-get install -s "${packages[@]}" "${needed[@]}" | sed -n 's/^Inst \([^ ]*\).*/\1/p' |
    grep -vxF "$(printf '%s\n' "${packages[@]}")")
quietly apt-get install -q -y "${others[@]}"
listing >"$work/before"
quietly apt-get install -q -y "${packages[@]}"
check 0 "${#packages[@]} packages are installed"

while IFS=$'\t' read -r name command depends; do
    [ -z "$absent" ] || ! grep -qwF "$absent" <<<"$depends" || continue
    export AUTOPKGTEST_TMP=$work/$name
    mkdir "$AUTOPKGTEST_TMP"
    status=0
    (cd "$source" && HOME=$AUTOPKGTEST_TMP bash -c "$command") >"$work/$name.log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] || cat "$work/$name.log"
    check "$status" "the test $name"
done < <(tests)

quietly apt-get purge -q -y "${packages[@]}"
listing >"$work/after"
status=0
diff "$work/before" "$work/after" || status=1
check "$status" "after the purge the system is as it was before"
rm -rf "$work"
exit "$failed"
