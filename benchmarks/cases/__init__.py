"""The cases; each has a `run(report)` that adds its figures."""
