"""Formats of recorded market data: read them without trusting them.

Owns the codecs of captures and tables, their merge, and the path by which bars are played. Refuses to guess: a
line it cannot read is counted and named.
"""
