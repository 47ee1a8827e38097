"""The requests of many trials as arrays: VMs and events are numbered across all trials."""

from collections.abc import Sequence

import numpy as np

from slackanalysis.sizing.trials.trial import Trial
from slackvm.model.placement.arrays import VMs


class Events:
    """The VMs and events of all trials, one trial after another.

    Attributes:
        vms: the VMs.
        asked: the same as arrays of shape (VMs,).
        level: index of each VM's level, shape (VMs,).
        levels: index of each level.
        classes: vCPUs of the VMs of each level, ascending and padded with 0, shape (levels,
            classes): with them the largest VM of a vNode is found.
        size_class: index of each VM's vCPUs in `classes`, shape (VMs,).
        event: arrivals as the VM's number, departures as its complement `~number`, shape (events,).
        begin: number of each trial's first event, shape (trials,).
        end: number of the event after its last, shape (trials,).
        first_vm: number of each trial's first VM, shape (trials,).
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.vms = [vm for trial in trials for vm in trial.requests.vms]
        self.asked = VMs.of(self.vms)
        levels, self.level = np.unique(self.asked.level, return_inverse=True)
        self.levels = {level: index for index, level in enumerate(levels.tolist())}
        by_level = [np.unique(self.asked.vcpus[self.asked.level == level]) for level in levels]
        most = max((len(each) for each in by_level), default=1)
        self.classes = np.array([np.pad(each, (0, most - len(each))) for each in by_level])
        self.size_class = np.zeros(len(self.vms), dtype=np.int64)
        for index, each in enumerate(by_level):
            of_level = self.level == index
            self.size_class[of_level] = np.searchsorted(each, self.asked.vcpus[of_level])
        vms = np.cumsum([0, *(len(trial.requests.vms) for trial in trials)])
        self.first_vm = vms[:-1]
        self.event = np.concatenate(
            [
                np.where(trial.requests.events >= 0, 1, -1) * first + trial.requests.events
                for trial, first in zip(trials, self.first_vm.tolist(), strict=True)
            ]
        )
        self.begin, self.end = 2 * vms[:-1], 2 * vms[1:]
