"""The reference pages, made from the program's own tables."""
