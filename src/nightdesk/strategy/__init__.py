"""What users write against, and the host that runs it. Everything that crosses the boundary is a message."""
