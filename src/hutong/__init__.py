"""Hutong: one fair queue, one bill and one set of rules over many clusters, clouds and chips."""

__version__ = "0.1.0"
