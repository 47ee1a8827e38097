"""The analysis kit of SlackVM: workloads made from seeds, and figures from recordings."""
