#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tarball.sh - what is released builds and passes its tests, without the repository
#
# tarball.sh SOURCE RELEASE WORK: checks the files of `./dev dist` in RELEASE, which were built from
# the repository SOURCE; builds and tests the tarball under WORK.
set -euo pipefail

source=$(cd "$1" && pwd) release=$(cd "$2" && pwd) work=$3
jobs=${TOTE_JOBS:-$(nproc)}

say() { printf '== %s\n' "$*"; }
fail() { printf '%s\n' "$*"; exit 1; }

rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)

say "a second build, from a clone in another folder, at another time, has the same bytes"
git clone -q "$source" "$work/another clone"
git -C "$work/another clone" checkout -q "$(git -C "$source" rev-parse HEAD)"
(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 bash "$work/another clone/release/dist.sh" "$work/again")
for file in "$release"/* "$work"/again/*; do
    cmp "$release/${file##*/}" "$work/again/${file##*/}" || fail "not reproducible"
done
rm -rf "$work/another clone" "$work/again"

say "checksums and bill of materials"
(cd "$release" && sha256sum --check --quiet --strict SHA256SUMS)
[ "$(cd "$release" && ls -A)" = "$(printf '%s\n' SHA256SUMS "$(cut -c67- "$release/SHA256SUMS")" | LC_ALL=C sort)" ] ||
    fail "files without checksum"
tarball=$(ls "$release"/tote-*.tar.gz)
name=$(basename "$tarball" .tar.gz)
python3 "$source/tests/release/check_spdx.py" "$release/$name.spdx.json" "$tarball"

say "the tarball has one folder, and nothing that only the repository needs"
members=$(tar -tzf "$tarball")
! grep -v "^$name/" <<<"$members" || fail "outside of its folder"
! grep -E '/(\.git|\.ci|\.github|build|build-[^/]*|node_modules|__pycache__)(/|$)|\.gitignore$|\.gitattributes$' <<<"$members" ||
    fail "not for users"
tar -xzf "$tarball" -C "$work"
tree=$work/$name

say "built from the tarball, without protoc"
unset CFLAGS LDFLAGS LD_LIBRARY_PATH
cmake -S "$tree" -B "$work/build" -G Ninja -DTOTE_WERROR=ON -DTOTE_BUILD_TESTS=ON -DTOTE_BUILD_EXAMPLES=OFF \
    -DCMAKE_BUILD_TYPE=Debug '-DCMAKE_C_FLAGS_DEBUG=-O1' >"$work/log" || fail "$(cat "$work/log")"
! grep -q protoc "$work/build/build.ninja" || fail "the build runs protoc"
ninja -C "$work/build" -j "$jobs" --quiet unit_tests
run_unit_tests() { # without those of the schedulers, which take minutes
    ctest --test-dir "$work/build" -j "$jobs" --output-on-failure --no-tests=error \
        -R '^test_' -E '^test_(schedule|weak)' -LE repeat </dev/null |
        grep -v '^ *[0-9]*/[0-9]* Test\|^ *Start\|^$' || [ "${PIPESTATUS[0]}" = 0 ]
}
run_unit_tests

say "tote-api.c and tote.h compile and work"
cp "$release"/tote-api.c "$release"/tote.h "$work/"
bash "$tree/tests/release/amalgamation.sh" "$tree" "$work"

say "unit tests, with tote-api.c instead of the sources of libtote-api"
cmake -S "$tree" -B "$work/build" -DTOTE_AMALGAMATION="$work" >"$work/log" || fail "$(cat "$work/log")"
ninja -C "$work/build" -j "$jobs" --quiet unit_tests
run_unit_tests

say "building and testing changed nothing in the folder"
tar -dzf "$tarball" -C "$work" >"$work/changed" || true
! grep -v ': \(Mod time\|Mode\|Uid\|Gid\) differs' "$work/changed" || fail "files changed"
[ "$(cd "$work" && find "$name" -type f | wc -l)" = "$(grep -vc '/$' <<<"$members")" ] || fail "files were added"
rm -rf "$work"
