"""The journal and its read tables: what makes an accepted job durable."""
