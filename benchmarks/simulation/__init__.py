"""Benchmarks of the replay: `make bench-simulation`."""
