"""Runs: what a scenario asks for, made ready, played one by one or many at once, and kept."""
