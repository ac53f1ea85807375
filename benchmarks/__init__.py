"""Benchmarks of the whole: what is measured, and against which bound, is in README.md."""
