"""Use of CPUs and memory: sampled, recorded, exported as metrics."""
