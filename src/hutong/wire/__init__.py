"""The versioned requests, replies and events that pass between client, hub and agent."""
