"""Nightdesk: a trading desk that does not sleep."""
