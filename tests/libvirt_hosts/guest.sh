#!/bin/bash
# guest.sh IMAGE: build the disk (qcow2) of a small Linux guest that boots by itself in seconds.
#
# On its serial console it prints a line that begins with SLACKVM-GUEST-UP, then runs a shell there.
# It shuts down on ACPI's power button and knows virtio's disk and memory balloon. All its files are
# in memory: a disk is never written to. Neither root, a loop device nor the network is needed.
set -euo pipefail

case ${1-} in
    '' | -h | --help) sed -n '2,/^set/{/^set/d;s/^# \?//p}' "$0" && exit ;;
esac
image=$(realpath -m "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
export PATH=$PATH:/usr/sbin:/sbin # modprobe, mkfs.vfat

# The cloud kernel is the smallest of Debian's; any other does as well.
kernel=$(find /boot -maxdepth 1 -name 'vmlinuz-*cloud*' | sort -V | tail -n 1)
kernel=${kernel:-$(find /boot -maxdepth 1 -name 'vmlinuz-*' | sort -V | tail -n 1)}
[ -n "$kernel" ] || { echo "guest.sh: no kernel in /boot" >&2; exit 1; }
version=${kernel##*/vmlinuz-}

root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,modules,etc/acpi/PWRF}
cp "$(command -v busybox)" "$root/bin/busybox"
touch "$root/modules/order"

# Modules in the order in which they must be loaded; what the kernel has built in needs none.
for module in virtio_pci virtio_blk virtio_balloon button evdev; do
    modprobe --set-version "$version" --show-depends "$module" | while read -r action path _; do
        [ "$action" = insmod ] || continue
        name=${path##*/}
        case $path in
            *.ko) cp "$path" "$root/modules/" ;;
            *.ko.xz) name=${name%.xz} && xz --decompress --stdout "$path" >"$root/modules/$name" ;;
        esac
        grep -qx "$name" "$root/modules/order" || echo "$name" >>"$root/modules/order"
    done
done

cat >"$root/init" <<'X'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
acpid -f -l /dev/null >/dev/null 2>&1 &
memory=$(awk '/^MemTotal:/ {print $2}' /proc/meminfo)
read -r up _ </proc/uptime
echo "SLACKVM-GUEST-UP vcpus=$(nproc) memory_kib=$memory seconds=$up"
while :; do
    setsid cttyhack sh
    sleep 1 # there may be no serial console
done
X
cat >"$root/etc/acpi/PWRF/00000080" <<'X'
#!/bin/sh
exec poweroff -f
X
chmod +x "$root/init" "$root/etc/acpi/PWRF/00000080"
(cd "$root" && find . | cpio --create --format newc --quiet) | gzip >"$work/initrd.gz"

# SYSLINUX on a FAT without a partition table: all of it written by tools that need no mount.
cat >"$work/syslinux.cfg" <<'X'
DEFAULT guest
PROMPT 0
LABEL guest
    KERNEL vmlinuz
    INITRD initrd.gz
    APPEND console=ttyS0 quiet no_timer_check tsc=reliable
X
truncate --size 32M "$work/disk"
mkfs.vfat "$work/disk" >/dev/null
export MTOOLS_SKIP_CHECK=1
mcopy -i "$work/disk" "$kernel" ::vmlinuz
mcopy -i "$work/disk" "$work/initrd.gz" "$work/syslinux.cfg" ::
syslinux --install "$work/disk"
mkdir -p "$(dirname "$image")"
qemu-img convert -f raw -O qcow2 "$work/disk" "$image.part"
mv "$image.part" "$image" # whole or not at all
