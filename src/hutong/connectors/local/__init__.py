"""The local connector: processes of this machine, under a supervisor that outlives the agent."""
