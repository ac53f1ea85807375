"""Evictions: which attempts make room for a job that may ask for it, and by when."""
