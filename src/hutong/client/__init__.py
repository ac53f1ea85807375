"""The typed SDK: what a program uses to talk to a hub."""
