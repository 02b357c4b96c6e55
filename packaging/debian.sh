#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# debian.sh - the Debian packages: build them, check them, install and remove them; sourced by `dev`
#
# build-deb/SUITE has the packages of a suite, and source/, from which they were built.

# shellcheck source=tests/platforms/chroot.sh
. "$top/tests/platforms/chroot.sh"

deb_this_suite() {
    # shellcheck disable=SC1091
    (. /etc/os-release && echo "$VERSION_CODENAME")
}

# deb_export SUITE: the last commit, as a source package that is not built yet
deb_export() {
    local folder=$top/build-deb/$1 version

    version=$(sed -n 's/^project(tote VERSION \([0-9.]*\).*/\1/p' "$top/CMakeLists.txt")
    [ -z "$(git -C "$top" status --porcelain)" ] || say "the last commit is built, without the changes since"
    rm -rf "$folder"
    mkdir -p "$folder/source"
    git -C "$top" archive HEAD | tar -x -C "$folder/source"
    git -C "$top" archive --prefix="tote-$version/" HEAD -- . ':!debian' | xz -1 -T "$jobs" \
        >"$folder/tote_$version.orig.tar.xz"
}

# deb_profiles SUITE: only Debian 12 has PostgreSQL 15
deb_profiles() {
    [ "$1" = bookworm ] || echo pkg.tote.nopostgresql
}

# deb_build SUITE: build on this system
deb_build() {
    local folder=$top/build-deb/$1

    (cd "$folder/source" && DEB_BUILD_PROFILES=$(deb_profiles "$1") \
        DEB_BUILD_OPTIONS="parallel=$jobs ${DEB_BUILD_OPTIONS:-}" dpkg-buildpackage -us -uc \
        >../build.log 2>&1) || { tail -n 60 "$folder/build.log"; return 1; }
    (cd "$folder" && dpkg-scanpackages . >Packages 2>/dev/null)
}

# deb_check_paths SUITE: files that contain the path of the build differ in another folder. Debug
# information is compressed, and contains that of the sources of nginx.
deb_check_paths() {
    local folder=$top/build-deb/$1 package found=0 work

    say "no file contains the path of the build folder"
    work=$(mktemp -d)
    for package in "$folder"/*.deb; do
        dpkg-deb --extract "$package" "$work/root"
        find "$work/root" -type f -name '*.gz' -exec gunzip {} +
        find "$work/root" -type f \( -name '*.debug' -o -name '*.so*' \) \
            -exec objcopy --decompress-debug-sections {} \;
        if (cd "$work/root" && grep --recursive --text --files-with-matches --fixed-strings "$folder/" .); then
            echo "in ${package##*/}"
            found=1
        fi
        rm -rf "$work/root"
    done
    rm -rf "$work"
    return "$found"
}

# Bytes of code are no words.
deb_check() {
    deb_check_paths "$1"
    say "lintian"
    lintian --info --display-info --pedantic --suppress-tags spelling-error-in-binary --fail-on error,warning \
        --allow-root \
        "$top/build-deb/$1"/tote_*.changes
}

# deb_chroot SUITE: a minimal Debian that stays as it is; copies of it are changed
deb_chroot() {
    chroot_make "deb-$1" "$1" "$(dpkg --print-architecture)"
}

# deb_copy SUITE PURPOSE
deb_copy() {
    chroot_remove "deb-$1-$2"
    cp -a "$chroots/deb-$1" "$chroots/deb-$1-$2"
}

# deb_build_in_chroot SUITE: only with the packages that debian/control names
deb_build_in_chroot() {
    local suite=$1

    deb_chroot "$suite"
    deb_copy "$suite" build
    say "building the packages for $suite"
    # shellcheck disable=SC2016
    chroot_run "deb-$suite-build" env DEB_BUILD_PROFILES="$(deb_profiles "$suite")" sh -c '
        set -e
        cd "$1/source"
        apt-get update -q
        apt-get install -q -y build-essential fakeroot
        apt-get build-dep -q -y ./
        DEB_BUILD_OPTIONS="parallel=$2 $3" dpkg-buildpackage -us -uc -b
        cd ..
        dpkg-scanpackages . >Packages' \
        sh "$top/build-deb/$suite" "$jobs" "${DEB_BUILD_OPTIONS:-}" >"$top/build-deb/$suite/build.log" 2>&1 ||
        { tail -n 60 "$top/build-deb/$suite/build.log"; return 1; }
    chroot_remove "deb-$suite-build"
}

# deb_test SUITE: install the packages in a new chroot, use them, and purge them
deb_test() {
    local suite=$1

    deb_chroot "$suite"
    deb_copy "$suite" test
    say "installing the packages in $suite"
    chroot_run "deb-$suite-test" bash "$top/tests/packages/debian.sh" "$top/build-deb/$suite" || return 1
    chroot_remove "deb-$suite-test"
}
