"""The `libvirt` backend. It needs libvirt-python and lxml; nothing else in SlackVM does."""

from schedulerlocal.backend import Backend, Site
from schedulerlocal.backends.libvirt.settings import LibvirtSettings
from schedulerlocal.hypervisor import Hypervisor
from slackvm.settings import SettingsError


def _open(settings: LibvirtSettings, site: Site) -> Hypervisor:
    try:
        from schedulerlocal.backends.libvirt.hypervisor import LibvirtHypervisor
    except ModuleNotFoundError as missing:
        raise SettingsError(
            f"SCL_HYPERVISOR=libvirt needs {missing.name}: pip install 'slackvm[libvirt]', "
            "or the distribution's python3-libvirt"
        ) from missing
    return LibvirtHypervisor(
        settings.qemu_url,
        domain_type=settings.qemu_domain_type,
        machine=settings.qemu_machine,
        emulator=settings.qemu_loc,
        image_dirs=settings.image_dirs,
        overlay_dir=site.state_dir / "overlays",
        network=settings.qemu_network,
    )


backend = Backend(LibvirtSettings, _open)
