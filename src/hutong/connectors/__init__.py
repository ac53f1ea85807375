"""The code by which an agent drives one kind of site."""
