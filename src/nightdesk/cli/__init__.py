"""The commands. Everything heavy is imported inside a command, so that --help stays fast."""
