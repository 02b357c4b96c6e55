#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# platforms.sh - build and test on other platforms; sourced by `dev`
#
# platforms.tsv has one line for each platform. Without a suite it is a build on this machine, else one
# in a chroot (chroot.sh). With a triplet, the chroot has a cross compiler, and qemu-user runs the tests.
# left_out.tsv names the tests that a platform cannot run, with the reason. docs/platforms.md has the
# results.

# shellcheck source=tests/platforms/chroot.sh
. "$top/tests/platforms/chroot.sh"

platform_lines() { grep -v '^#' "$top/tests/platforms/platforms.tsv"; }

list_platforms() {
    printf 'usage: ./dev test-platform NAME...\n\n'
    platform_lines | awk -F '\t' '{ printf "  %-8s %s\n", $1, $6 }'
    printf '  %-8s %s\n' all 'all of them'
}

# Libraries of the target for a cross build; the optional ones are those that the tests use most.
cross_libraries=(libc6-dev libcurl4-openssl-dev libprotobuf-c-dev zlib1g-dev libxxhash-dev libyaml-dev
    libmicrohttpd-dev libjansson-dev libnghttp2-dev libncurses-dev libuv1-dev libpq-dev libsqlite3-dev
    libhiredis-dev libevent-dev libcmocka-dev)
cross_tools=(cmake ninja-build gcc libc6-dev pkg-config protobuf-c-compiler protobuf-compiler git curl make
    procps binutils ca-certificates python3-jsonschema python3-yaml)

# Debian's name of a target.
debian_architecture() {
    case $1 in
    aarch64-*) echo arm64 ;;
    arm-*) echo armhf ;;
    *) echo "${1%%-*}" ;;
    esac
}

# Create the chroot of a platform, with all packages.
platform_chroot() {
    local name=$1 suite=$2 architecture=$3 triplet=$4 foreign packages

    chroot_make "$name" "$suite" "$architecture" || return 1
    if [ "$triplet" = - ]; then
        # without the package of amd64 for 32 bits
        mapfile -t packages < <(printf '%s\n' "${build_packages[@]}" "${test_packages[@]}" git clang |
            grep -v '^libc6-dev-i386$')
        chroot_install "$name" "${packages[@]}"
        return
    fi
    foreign=$(debian_architecture "$triplet")
    chroot_need_qemu "${triplet%%-*}"
    chroot_run "$name" dpkg --add-architecture "$foreign" || return 1
    chroot_install "$name" "gcc-$triplet" "g++-$triplet" "${cross_tools[@]}" \
        "${cross_libraries[@]/%/:$foreign}"
}

# The tests that a platform leaves out, as a regular expression of ctest; prints them with the reasons.
left_out() {
    local name=$1 platforms tests reason all=

    while IFS=$'\t' read -r platforms tests reason; do
        if [[ $name =~ ^($platforms)$ ]]; then
            printf '   left out: %s: %s\n' "$tests" "$reason" >&2
            all+="${all:+|}$tests"
        fi
    done < <(grep -v '^#' "$top/tests/platforms/left_out.tsv")
    printf '%s' "$all"
}

# versions ARCHITECTURE COMPILER [RUN...]: print the versions of the compiler, the C library and libcurl.
versions() {
    local architecture=$1 compiler=$2
    shift 2

    # shellcheck disable=SC2016
    "$@" sh -c 'printf "   %s\n" "$("$1" --version | head -n 1)"
        dpkg-query -W -f "   \${Package} \${Version} \${Architecture}\n" "libc6:$2" "libcurl4-openssl-dev:$2"' \
        sh "$compiler" "$architecture"
}

# test_platform NAME [ctest args]
test_platform() {
    local name=$1 line suite architecture triplet options description out compiler=cc
    local run=() cmake=() ctest=()

    shift
    line=$(platform_lines | grep "^$name"$'\t') || die "unknown platform: $name; ./dev test-platform lists them"
    IFS='|' read -r _ suite architecture triplet options description <<<"${line//$'\t'/|}"
    say "platform $name: $description"
    if [ "$triplet" = musl ]; then
        need "${build_packages[@]}" "${test_packages[@]}"
        bash "$top/tests/platforms/musl.sh" "$top/build-platform/musl"
        return
    fi
    if [ "$suite" = - ]; then
        need "${build_packages[@]}" "${test_packages[@]}" "${clang_packages[@]}"
    else
        platform_chroot "$name" "$suite" "$architecture" "$triplet" || return 1
        run=(chroot_run "$name")
    fi
    [ "$architecture" != - ] || architecture=$(dpkg --print-architecture)
    if [ "$triplet" != - ]; then
        compiler=$triplet-gcc architecture=$(debian_architecture "$triplet")
        run+=(env "PKG_CONFIG_LIBDIR=/usr/lib/$triplet/pkgconfig:/usr/share/pkgconfig")
        cmake=(-DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=${triplet%%-*}"
            "-DCMAKE_C_COMPILER=$triplet-gcc" "-DCMAKE_CXX_COMPILER=$triplet-g++")
    fi
    eval "cmake+=($options)" # spaces inside of an option are escaped
    [[ $options != *CMAKE_C_COMPILER=clang* ]] || compiler=clang
    versions "$architecture" "$compiler" "${run[@]}"
    out=$(left_out "$name")
    [ -z "$out" ] || ctest=(-E "^($out)\$")

    "${run[@]}" cmake -S "$top" -B "$top/build-platform/$name" -G Ninja -DTOTE_WERROR=ON \
        -DTOTE_BUILD_TESTS=ON "${cmake[@]}" | grep -v '^-- ' || [ "${PIPESTATUS[0]}" = 0 ] || return 1
    "${run[@]}" ninja -C "$top/build-platform/$name" -j "$jobs" --quiet -k 0 || return 1
    "${run[@]}" ctest --test-dir "$top/build-platform/$name" -j "$jobs" --output-on-failure \
        --no-tests=error -LE 'interop|bench|hosts|abi' "${ctest[@]}" "$@" </dev/null
}

# test-platform [NAME...]
command_test_platform() {
    local name names failed=()

    [ $# != 0 ] || { list_platforms; return; }
    mapfile -t names < <(if [ "$*" = all ]; then platform_lines | cut -f 1; else printf '%s\n' "$@"; fi)
    for name in "${names[@]}"; do
        test_platform "$name" || failed+=("$name")
    done
    [ "${#failed[@]}" = 0 ] || die "platforms that failed: ${failed[*]}"
}
