"""Checkers of the laws over artefacts: a journal and the venue's own log. Shares no code with the desk."""
