"""Venue protocols, sans I/O: what to send, and what an answer means."""
