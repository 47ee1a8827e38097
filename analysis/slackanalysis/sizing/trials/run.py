"""Running trials: a slot whose trial has ended takes the next one."""

from collections.abc import Callable, Sequence

import numpy as np

from slackanalysis.sizing.trials.lockstep import step
from slackanalysis.sizing.trials.one_by_one import run_to_end
from slackanalysis.sizing.trials.slots import Slots
from slackanalysis.sizing.trials.trial import PlacementRun, Trial
from slackvm.model import Policy
from slackvm.model.placement.policy import Score


def run_trials(
    trials: Sequence[Trial],
    policy: Policy | Score,
    *,
    progress: Callable[[int], object] = lambda _: None,
) -> list[PlacementRun]:
    """Return what becomes of each trial, in order.

    Args:
        trials: the trials; they do not influence one another.
        policy: chooses one of the hosts that take a VM. With one that declares `host_local`, many
            trials run at once.
        progress: called with the number of trials that ended since the call before.

    Raises:
        PolicyError: the policy fails, does not return one number for each host, or excludes every
            host however many there are.
    """
    if not trials:
        return []
    state = Slots(trials, Policy.of(policy))
    # From the back: the largest first, so that the last ones to run are short.
    lengths = state.events.end - state.events.begin
    waiting: list[int] = np.lexsort((lengths * state.count,)).tolist()
    runs: dict[int, PlacementRun] = {}

    def end(trial: int) -> None:
        runs[trial] = state.result(trial)
        progress(1)

    def take_next(slot: int) -> None:
        while waiting:
            trial = waiting.pop()
            if lengths[trial]:
                state.trial[slot] = trial
                state.begin(slot)
                state.running.append(slot)
                return
            end(trial)

    for slot in range(len(state.trial)):
        take_next(slot)
    while state.running:
        for slot in _run_until_some_end(state):
            state.running.remove(slot)
            end(int(state.trial[slot]))
            take_next(slot)
    return [runs[trial] for trial in range(len(trials))]


def _run_until_some_end(state: Slots) -> list[int]:
    """Let events happen until trials end, and return their slots."""
    if len(state.running) == 1:
        run_to_end(state, state.running[0])
        return [*state.running]
    slots = np.array(state.running)
    ends = state.events.end[state.trial[slots]]
    while True:
        step(state, slots)
        has_ended = state.position[slots] >= ends
        if has_ended.any():
            ended: list[int] = slots[has_ended].tolist()
            return ended
