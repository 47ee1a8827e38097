"""Trials: request lists placed on clusters of a number of hosts, many of them at once.

Each running trial has a slot: a row of hosts in arrays of shape (slots, hosts). Where the policy
allows it, a step takes the next event of every running trial, so that a few operations on whole
arrays decide for all of them. The numbers of hosts change only in
`slackvm.model.placement.arrays.HostArrays`, and each choice is that of
`slackvm.model.placement.choice`, as on the controller of a real cluster.
"""

from slackanalysis.sizing.trials.run import run_trials
from slackanalysis.sizing.trials.trial import OnRefusal, PlacementRun, Trial

__all__ = ["OnRefusal", "PlacementRun", "Trial", "run_trials"]
