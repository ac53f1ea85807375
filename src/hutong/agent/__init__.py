"""The site's driver: a connector and a connection around the agent's machine."""
