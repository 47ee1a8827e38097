#!/bin/bash
# A private libvirt host on this machine: one libvirtd with its own files, processes, host name,
# network and cgroups, which runs real QEMU guests. Several live side by side. Needs root.
set -euo pipefail

usage() {
    cat <<'X'
usage: host.sh COMMAND DIR …

  up DIR [OPTION …]   power on, and print the libvirt URI; DIR is a folder for this host alone
  crash DIR           power loss: everything that runs on the host dies; its files stay; `up` again
  down DIR            take the host away: everything that runs on it, and DIR
  start DIR           start libvirtd              stop DIR     stop libvirtd; the guests live on
  kill9 DIR           SIGKILL libvirtd            pause DIR, resume DIR   SIGSTOP, SIGCONT it
  run DIR COMMAND …   run a command on the host   uri DIR      print the libvirt URI

options of up (the host's hardware: repeat them after a crash)
  --name NAME         the host's name (default: the last part of DIR)
  --shared-network    the machine's network instead of a loopback of its own: what listens on the
                      host is then reached from outside
  --no-cgroups        no cgroup controllers, as in a bare container
  --made-up-cpus N    SIMULATED: libvirt sees N CPUs that are not there, and pins to them; from 32
                      up in two sockets, each a NUMA node. The kernel runs the guests on the CPUs
                      it has. Implies --no-cgroups: a cpuset cannot hold CPUs that are not there
  --owner PID         the host is taken down when this process ends
X
}

export PATH=$PATH:/usr/sbin:/sbin # not there after a plain `su`
here=$(dirname "$(realpath "$0")")
self=$here/host.sh
# shellcheck source=tests/libvirt_hosts/cgroups.sh
. "$here/cgroups.sh"

fail() {
    echo "host.sh: $*" >&2
    exit 1
}

# What the host is made of ------------------------------------------------------------------------
# DIR/uuid      marks DIR as a host's; names the host in libvirt and its cgroups
# DIR/init.pid  its first process, as seen from outside; all else on the host dies with it
# DIR/run, etc, lib, log, cache   stand for /run, /etc/libvirt, /var/lib/libvirt, … on the host

is_host() { [ -e "$dir/uuid" ]; }

uri() { echo "qemu+unix:///system?socket=$dir/run/libvirt/libvirt-sock"; }

# Process ids are used again, and DIR may outlive a reboot of the machine: what is signalled must
# be what was started here.
process() { # FILE SUBCOMMAND: print the process id in DIR/FILE, if that process is still ours
    local pid command
    pid=$(cat "$dir/$1" 2>/dev/null) || return 1
    command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || return 1
    [[ $command = *"host.sh $2 $dir "* ]] || return 1
    echo "$pid"
}

cgroup() { echo "slackvm-host-$(cat "$dir/uuid")"; }

# Power -------------------------------------------------------------------------------------------

up() {
    local name=${dir##*/} cgroups=yes network=private cpus='' owner=''
    local fresh='' uuid unshared booting
    while [ $# -gt 0 ]; do
        case $1 in
            --name) name=$2 && shift ;;
            --shared-network) network=shared ;;
            --no-cgroups) cgroups=no ;;
            --made-up-cpus) cpus=$2 cgroups=no && shift ;;
            --owner) owner=$2 && shift ;;
            *) fail "up has no option $1" ;;
        esac
        shift
    done
    [ "$(id -u)" = 0 ] || fail "a libvirt host needs root"
    case $dir in /run/*) fail "$dir is below /run, of which each host has its own" ;; esac
    # a socket is below it, whose path may have 107
    [ ${#dir} -le 80 ] || fail "the path of $dir is longer than 80 characters"
    is_host || [ -z "$(ls -A "$dir" 2>/dev/null)" ] || fail "$dir is not empty and is no host's"

    umask 077 # who may talk to libvirtd is root on this machine
    is_host || fresh=yes
    # shellcheck disable=SC2064 # what $fresh is now
    trap "not_up '$fresh'" EXIT
    trap 'exit 130' INT TERM HUP
    read -r uuid </proc/sys/kernel/random/uuid
    mkdir -p "$dir"
    [ -s "$dir/uuid" ] || echo "$uuid" >"$dir/uuid"
    mkdir -p "$dir"/{etc,lib,log,cache}
    [ -z "$owner" ] || watch "$owner"
    lock
    ! process init.pid init >/dev/null || already_up
    rm -rf "$dir/run" "$dir/made-up-affinity.so" # a boot finds /run empty
    mkdir -p "$dir/run/libvirt" "$dir/run/lock" # the second for `virsh console`
    configure_libvirt
    if [ -n "$cpus" ]; then
        mkdir -p "$dir/made-up-cpus"
        cc -shared -fPIC -O1 -o "$dir/made-up-affinity.so" "$here/made_up_affinity.c"
    fi
    unshared=(--mount --uts --ipc)
    [ $network = shared ] || unshared+=(--net)
    if [ $cgroups = yes ]; then
        [ -n "$(cgroup_hierarchies)" ] || fail "no cgroups on this machine: --no-cgroups"
        remove_cgroups "$(cgroup)" # of a host that was killed from outside
        make_cgroups "$(cgroup)"
        unshared+=(--cgroup)
    fi
    # `isolate` and `init` follow. Joining first makes the groups the roots of the namespace.
    (
        [ $cgroups = no ] || join_cgroups "$(cgroup)"
        exec setsid unshare "${unshared[@]}" \
            "$self" isolate "$dir" "$name" $cgroups "$cpus"
    ) </dev/null >"$dir/log/init.log" 2>&1 &
    booting=$!
    wait_until 10 booted || true
    [ -e "$dir/run/ready" ] || fail "the host did not start"
    exec 9>&-
    start_libvirtd
    trap - EXIT
    uri
}

# Held from the time when a host's first process is started until that is on record, also by that
# process itself: if `up` is killed meanwhile, `down` still knows what to end.
lock() { exec 9>"$dir/lock" && flock --timeout 60 9; }
unlock() { flock --unlock 9 && exec 9>&-; }

already_up() {
    trap - EXIT
    fail "$dir is up already"
}

booted() { [ -e "$dir/run/ready" ] || gone "$booting"; }

not_up() { # FRESH: `up` failed or was killed: nothing may keep running
    tail -n 20 "$dir/log/init.log" "$dir/log/libvirtd.log" >&2 2>/dev/null || true
    if [ -n "$1" ]; then down; else crash; fi
}

configure_libvirt() {
    cat >"$dir/etc/libvirtd.conf" <<X
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
host_uuid = "$(cat "$dir/uuid")"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
X
    # Guests run as root and unconfined: image files keep their owner and may lie anywhere. Nothing
    # of the machine is used: no virtlogd, no huge pages, no /dev of their own.
    cat >"$dir/etc/qemu.conf" <<'X'
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
stdio_handler = "file"
hugetlbfs_mount = []
X
}

# Runs in all namespaces but that of the processes, which `--fork` enters next.
isolate() { # NAME CGROUPS CPUS
    [ "$2" = no ] || leave_the_root_of_the_namespace "$(cgroup)"
    exec unshare --pid --fork --kill-child "$self" init "$dir" "$@"
}

init() { # NAME CGROUPS CPUS: the first process of the host
    local pid folder
    read -r pid _ </proc/self/stat # /proc is still the machine's: the id as seen from outside
    echo "$pid" >"$dir/init.pid"
    unlock
    mount -t proc proc /proc
    echo "$1" >/proc/sys/kernel/hostname
    ip link set lo up
    if [ "$2" = no ]; then hide_cgroups; else show_cgroups_of "$(cgroup)"; fi
    if [ -n "$3" ]; then
        mount -t tmpfs tmpfs "$dir/made-up-cpus" # thousands of files, which a disk is slow with
        python3 "$here/made_up_cpus.py" "$dir/made-up-cpus" "$3"
        mount --bind "$dir/made-up-cpus/cpu" /sys/devices/system/cpu
        mount --bind "$dir/made-up-cpus/node" /sys/devices/system/node
    fi
    mount --bind "$dir/etc" /etc/libvirt
    for folder in lib log cache; do
        mount --bind "$dir/$folder" "/var/$folder/libvirt"
    done
    # All of it: with the machine's D-Bus in sight, libvirtd would tell its systemd of the guests
    mount --bind "$dir/run" /run
    trap : CHLD # bash then reaps every process whose parent has gone, as an init must
    mkfifo /run/silent
    exec 8<>/run/silent
    touch /run/ready
    while :; do read -r -u 8 _ || true; done
}

crash() {
    local pid
    lock
    if pid=$(process init.pid init); then
        # The kernel kills what else runs in the namespace, and lets go of mounts and network
        kill -KILL "$pid"
        wait_until 30 gone "$pid" || fail "process $pid does not die"
    fi
    rm -f "$dir/init.pid"
    remove_cgroups "$(cgroup)"
}

down() {
    local pid
    is_host || return 0
    crash
    if pid=$(process watch.pid watch-owner) && [ "$pid" != $$ ]; then
        kill -KILL -- "-$pid"
        wait_until 10 gone "$pid" || true
    fi
    rm -rf "$dir"
}

watch() { # OWNER: start a process that takes the host down when the owner has gone
    ! process watch.pid watch-owner >/dev/null || return 0
    setsid "$self" watch-owner "$dir" "$1" </dev/null >/dev/null 2>&1 &
    echo $! >"$dir/watch.pid"
    disown # or its end is reported
}

watch_owner() { # OWNER
    while [ -d "/proc/$1" ] && is_host; do sleep 1; done
    ! is_host || down
}

# libvirtd ----------------------------------------------------------------------------------------

run() { # COMMAND …: in the host's namespaces and cgroups
    local pid preload=()
    pid=$(process init.pid init) || fail "$dir is not up"
    [ ! -e "$dir/made-up-affinity.so" ] || preload=("LD_PRELOAD=$dir/made-up-affinity.so")
    join_cgroups "$(cgroup)"
    # nsenter stays as the parent and passes no signal on: whoever ends it means the command
    exec nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup \
        setpriv --pdeathsig TERM env --chdir="$PWD" "${preload[@]}" "$@"
}

start_libvirtd() {
    # With --daemon it returns when clients may connect; they wait until the drivers are ready
    process init.pid init >/dev/null || fail "$dir is not up"
    (run libvirtd --daemon --config /etc/libvirt/libvirtd.conf \
        --pid-file /run/libvirt/libvirtd.pid </dev/null >>"$dir/log/init.log" 2>&1) ||
        fail "libvirtd does not start, or runs already: $dir/log says more"
    virsh --connect "$(uri)" uri >/dev/null
}

signal_libvirtd() { # SIGNAL [wait]
    # shellcheck disable=SC2016 # the variables are those of the shell on the host
    (run timeout 30 bash -ec '
        pid=$(cat /run/libvirt/libvirtd.pid)
        [ "$(cat "/proc/$pid/comm")" = libvirtd ] # the file outlives a kill
        kill -s "$1" "$pid"
        while [ "$2" = wait ] && [ -e "/proc/$pid" ]; do sleep 0.02; done
    ' _ "$1" "${2-}" 2>/dev/null) || fail "no libvirtd runs in $dir, or it does not end"
}

# -------------------------------------------------------------------------------------------------

gone() { # PID; a dead process that nobody has waited for counts as gone
    ! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null
}

wait_until() { # SECONDS COMMAND …
    local tries=$((50 * $1))
    shift
    until "$@"; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.02
    done
}

case ${1-} in
    '' | -h | --help) usage && exit ;;
esac
[ $# -ge 2 ] || fail "$1 of which host? (host.sh --help)"
command=$1 dir=$(realpath -m "$2")
shift 2
case $command in
    up | isolate | init | watch-owner) ;;
    down) is_host || rmdir "$dir" 2>/dev/null || fail "$dir is no host" ;; # `up` was killed early
    *) is_host || fail "$dir is no host" ;;
esac
case $command in
    up | isolate | init | crash | down | run | uri) "$command" "$@" ;;
    watch-owner) watch_owner "$@" ;;
    start) start_libvirtd ;;
    stop) signal_libvirtd TERM wait ;;
    kill9) signal_libvirtd KILL wait ;;
    pause) signal_libvirtd STOP ;;
    resume) signal_libvirtd CONT ;;
    *) fail "no command $command (host.sh --help)" ;;
esac
