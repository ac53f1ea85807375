"""The driver in virtual time: modelled sites, traces and faults around the same machines."""
