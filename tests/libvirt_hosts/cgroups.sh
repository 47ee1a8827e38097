# shellcheck shell=bash
# The cgroups of a host: a group of one name in each of the machine's hierarchies, which on the host
# is all there is. host.sh, which reads this, has `fail` and `wait_until`.

# Print where the machine's hierarchies are mounted: one with cgroup v2, one per controller with v1.
# Of a mixture of both, the part that is v2 has no controllers and stays out.
cgroup_hierarchies() {
    local folder
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        echo /sys/fs/cgroup
        return
    fi
    for folder in /sys/fs/cgroup/*; do
        [ -L "$folder" ] || [ ! -e "$folder/cgroup.procs" ] || [ "${folder##*/}" = unified ] ||
            echo "$folder"
    done
}

make_cgroups() { # NAME
    local hierarchy group file
    for hierarchy in $(cgroup_hierarchies); do
        group=$hierarchy/$1
        mkdir -p "$group"
        if [ -e "$group/cgroup.subtree_control" ]; then
            # v2: controllers are handed down, and only from a group in which no process is
            hand_down_controllers "$hierarchy"
            mkdir -p "$group/init"
        else
            for file in cpuset.cpus cpuset.mems; do # v1: empty at first, and then nothing may join
                [ ! -e "$group/$file" ] || cat "$hierarchy/$file" >"$group/$file"
            done
        fi
    done
}

hand_down_controllers() { # GROUP, as a path
    local controller controllers
    read -ra controllers <"$1/cgroup.controllers" || true
    for controller in "${controllers[@]}"; do
        # one by one: the machine may forbid some of them
        echo "+$controller" 2>/dev/null >"$1/cgroup.subtree_control" || true
    done
}

join_cgroups() { # NAME
    local hierarchy group
    for hierarchy in $(cgroup_hierarchies); do
        group=$hierarchy/$1
        # v2: a group from which controllers are handed down takes no process any more
        [ -z "$(cat "$group/cgroup.subtree_control" 2>/dev/null)" ] || group=$group/init
        [ ! -d "$group" ] || echo "$BASHPID" >"$group/cgroup.procs" || fail "cannot join $group"
    done
}

leave_the_root_of_the_namespace() { # NAME; v2: or controllers cannot be handed down from there
    [ ! -d "/sys/fs/cgroup/$1/init" ] || echo $$ >"/sys/fs/cgroup/$1/init/cgroup.procs"
}

remove_cgroups() { # NAME
    local hierarchy
    for hierarchy in $(cgroup_hierarchies); do
        # a `run` that was on its way into the host may be in there for a moment
        wait_until 10 remove_cgroup "$hierarchy/$1" || fail "a process is in $hierarchy/$1"
    done
}

remove_cgroup() { [ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; }

# The last two change what is mounted: they are for a host's own mount namespace.

show_cgroups_of() { # NAME
    local hierarchy
    for hierarchy in $(cgroup_hierarchies); do
        mount --bind "$hierarchy/$1" "$hierarchy"
        [ ! -e "$hierarchy/cgroup.subtree_control" ] || hand_down_controllers "$hierarchy"
    done
    ! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
}

hide_cgroups() {
    ! mountpoint -q /sys/fs/cgroup || umount --recursive /sys/fs/cgroup
}
