"""Rows of the scoreboard: a module a row, each with `figures(traces)`, found by its name."""
