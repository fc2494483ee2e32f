"""Messages between a node and the processes that watch or command it."""
