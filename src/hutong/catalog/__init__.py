"""Accelerators, software stacks, regions, links and prices: data files and their loader."""
