"""The scoreboard: Hutong beside published and runnable peers, on the same inputs."""
