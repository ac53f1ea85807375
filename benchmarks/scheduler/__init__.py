"""Benchmarks of the scheduling core: `make bench-scheduler`."""
