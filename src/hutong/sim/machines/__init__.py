"""The hub's and the agents' own machines in virtual time, with faults, watched at every step."""
