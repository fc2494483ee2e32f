"""The config file: what it may say, and every error in it at once, each with its place."""
