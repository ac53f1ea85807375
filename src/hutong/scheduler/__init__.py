"""The pure scheduling cycle: a snapshot in, a plan with reasons out."""
