"""Reports of simulated runs: figures, files, pages, tables, and what differs between runs."""
