"""The catalogue: chip models, software stacks, regions and links, as data files and look-ups.

The files beside this module hold one row a line (JSON Lines), so that a change of a figure is a
change of one line, and msgspec checks every field and its type while it reads. Nothing else is
read and nothing is written.
"""

from hutong.catalog.loader import load_catalog
from hutong.catalog.lookup import Catalog

__all__ = ["Catalog", "load_catalog"]
