"""The two sans-IO machines, the hub's and the agent's: an event and the time in, effects out."""
