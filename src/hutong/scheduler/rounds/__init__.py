"""Rounds: who should run of all that runs and waits, decided anew by an index."""
