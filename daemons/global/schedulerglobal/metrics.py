"""What Prometheus is told of the cluster and of the controller's work."""

from prometheus_client import CollectorRegistry, Histogram


class Counters:
    """What the controller counts as it goes.

    Args:
        registry: where Prometheus finds it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._looks = Histogram(
            "slackvm_look_seconds",
            "Seconds that looks at hosts took, by what came of them.",
            ["result"],
            registry=registry,
        )

    def looked(self, result: str, seconds: float) -> None:
        """Count a look at a host."""
        self._looks.labels(result).observe(seconds)
