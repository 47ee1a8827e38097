"""`slackvm deploy`."""

import click

from schedulerclient.commands.fields import checked, request, size_options
from schedulerclient.commands.labels import label_option
from schedulerclient.commands.placement import placement_options, send_placed
from schedulerclient.output import output
from schedulerclient.output.failures import Failed, about
from schedulerclient.output.text import amount, cpus, gib
from schedulerclient.session.session import Client, client_command
from slackvm.api import controller_api
from slackvm.api.base import VmName
from slackvm.api.cluster import ClusterVMRequest
from slackvm.api.scheduling import Count
from slackvm.api.vms import VMReply

read_name = checked(VmName)

RUNNING, UNKNOWN = "running", "unknown"

EXAMPLES = """
\b
Examples:
  slackvm deploy web --vcpus 2 --memory 4 --image /var/lib/libvirt/images/web.qcow2
      a VM with CPUs of its own: level 1
  slackvm deploy web --vcpus 2 --memory 4 --level 3 --image /srv/base.qcow2 --clone
      three vCPUs may share a CPU; the VM writes to an overlay, the image stays as it is
  slackvm deploy web --vcpus 2 --memory 4 --image /srv/web.qcow2 --label app=shop --require rack=b
      a VM with the label app=shop, on a host with the label rack=b
  slackvm deploy db --vcpus 2 --memory 4 --image /srv/db.qcow2 --clone --anti-affinity db --count=3
      db-1 to db-3, each on another host
  slackvm deploy web --vcpus 1 --memory 0.5 --level 2 --image /srv/base.qcow2 --clone --count 5
      web-1 to web-5
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", type=read_name)
@size_options
@click.option("--image", metavar="PATH", required=True, help="A qcow2 image on the hosts.")
@click.option(
    "--clone", is_flag=True, help="Keep the image as it is: the VM writes to an overlay on it."
)
@label_option
@placement_options
@click.option("--count", type=checked(Count), metavar="N", help="Deploy NAME-1 to NAME-N.")
@client_command
def deploy(
    client: Client,
    name: str,
    vcpus: int,
    memory: float,
    level: float | None,
    image: str,
    clone: bool,
    labels: dict[str, str],
    require: dict[str, str],
    host: str | None,
    anti_affinity: str | None,
    count: int | None,
) -> None:
    """Create a VM and start it.

    The same command again changes nothing; it fails if the VM does not run. With --count, the
    command ends at the first VM that is refused; the VMs before it stay.
    """
    names = [name] if count is None else [f"{name}-{number}" for number in range(1, count + 1)]
    requests = [
        request(
            ClusterVMRequest,
            name=read_name(each),
            vcpus=vcpus,
            memory_gib=memory,
            level=level,
            image=image,
            clone=clone,
            labels=labels,
            require=require,
            host=host or "",
            anti_affinity=anti_affinity or "",
        )
        for each in names
    ]
    client.waiting.expect(len(requests))
    for done, vm in enumerate(requests):
        with about(f"{vm.name}, {done} of {count} deployed" if count else vm.name):
            _deploy(client, vm)


def _deploy(client: Client, vm_request: ClusterVMRequest) -> None:
    answer = send_placed(client.server, controller_api.CREATE_VM, vm_request, repeatable=True)
    if client.printed_json(answer):
        return
    vm = answer.read(VMReply)
    if answer.status == 200 and vm.state not in (RUNNING, UNKNOWN):
        raise Failed(
            f"it existed already and is {vm.state} on {vm.host}; "
            f"`slackvm start {vm.name}` starts it"
        )
    output.show_line(
        f"{vm.name} is {vm.state} on {vm.host}: {amount(vm.vcpus, 'vCPU')} of level {vm.level} on "
        f"CPUs {cpus(vm.cpu_list)}, {gib(vm.memory_mib)} GiB"
        + ("" if answer.status == 201 else "; it existed already")
    )
