"""Formats of recorded market data: read them without trusting them.

Owns the codecs of captures. Refuses to guess: a line it cannot read is counted and named.
"""
