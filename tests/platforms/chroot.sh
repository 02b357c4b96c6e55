#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# chroot.sh - Debian in a folder, for builds and tests; sourced by `dev`
#
# build-chroot/NAME is created once. To create it again, `chroot_remove NAME`. Commands run in namespaces
# of their own: their mounts and processes end with them, so a folder never contains a mount.

chroots=$top/build-chroot

chroot_needs_root() {
    [ "$(id -u)" = 0 ] || die "needs root for chroots: run it as root"
}

# chroot_make NAME SUITE ARCHITECTURE: create it, unless it exists.
chroot_make() {
    local root=$chroots/$1

    chroot_needs_root
    [ ! -e "$root/.complete" ] || return 0
    need debootstrap
    say "creating build-chroot/$1: Debian $2 for $3"
    retry chroot_bootstrap "$@" || die "no chroot: see build-chroot/$1.log"
    printf 'APT::Install-Recommends "false";\nAcquire::Check-Valid-Until "false";\nDpkg::Options { "--force-unsafe-io"; }\n' \
        >"$root/etc/apt/apt.conf.d/90chroot"
    printf 'path-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n' \
        >"$root/etc/dpkg/dpkg.cfg.d/90chroot"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no package starts a server
    chmod +x "$root/usr/sbin/policy-rc.d"
    touch "$root/.complete"
}

chroot_bootstrap() {
    chroot_remove "$1"
    mkdir -p "$chroots/$1"
    debootstrap --variant=minbase --arch="$3" "$2" "$chroots/$1" >"$chroots/$1.log" 2>&1
}

# chroot_remove NAME. Refuses if something is mounted below it, which it never is after chroot_run.
chroot_remove() {
    local root=$chroots/$1

    [ -n "$1" ] && [ -d "$root" ] || return 0
    ! grep -qF " $root/" /proc/self/mounts || die "something is mounted in $root"
    rm -rf --one-file-system "$root"
}

# Let the kernel start programs of other architectures with qemu-user-static.
chroot_need_qemu() {
    local registry=/proc/sys/fs/binfmt_misc name=qemu-$1 line

    need qemu-user-static
    [ -e "$registry/register" ] || mount -t binfmt_misc binfmt_misc "$registry" ||
        die "needs the kernel's binfmt_misc"
    [ ! -e "$registry/$name" ] || return 0
    read -r line <"/usr/lib/binfmt.d/$name.conf"
    printf '%s' "$line" >"$registry/register" # the flag F: found also inside of a chroot
}

# chroot_run NAME COMMAND...: run it as root in this folder, with the sources mounted where they are.
# The environment is that of a login, with CI and TOTE_JOBS.
chroot_run() {
    local root=$chroots/$1 repository
    shift

    chroot_needs_root
    repository=$(git -C "$top" rev-parse --path-format=absolute --git-common-dir 2>/dev/null || echo "$top")
    cp /etc/resolv.conf "$root/etc/"
    # shellcheck disable=SC2016
    unshare --mount --propagation private --pid --fork --kill-child bash -c '
        set -euo pipefail
        root=$1 top=$2 repository=$3
        shift 3
        mount -t proc proc "$root/proc"
        mount -t sysfs sysfs "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        for folder in "$top" "$repository"; do
            mkdir -p "$root$folder"
            mount --bind "$folder" "$root$folder"
        done
        # Not exec: this shell is the first process and collects the orphans of tests.
        chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive ${CI:+CI="$CI"} \
            ${TOTE_JOBS:+TOTE_JOBS="$TOTE_JOBS"} /bin/sh -c "cd \"\$0\" && exec \"\$@\"" "$top" "$@"
        exit $?
    ' chroot_run "$root" "$top" "$repository" "$@" </dev/null
}

# chroot_install NAME PACKAGE...: install those that are missing.
chroot_install() {
    local name=$1 list
    shift

    list=$(printf '%s\n' "$@" | sort -u)
    [ "$(cat "$chroots/$name/.installed" 2>/dev/null)" != "$list" ] || return 0
    say "installing packages in build-chroot/$name"
    # shellcheck disable=SC2086
    retry chroot_run "$name" sh -c 'apt-get update -q && apt-get install -q -y "$@"' sh $list \
        >"$chroots/$name.log" 2>&1 || { tail -n 20 "$chroots/$name.log"; return 1; }
    printf '%s\n' "$list" >"$chroots/$name/.installed"
}
