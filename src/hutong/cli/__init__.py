"""The hutong command."""
