"""The hub's driver: HTTP, a store and a clock around the hub's machine."""
