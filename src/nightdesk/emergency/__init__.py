"""The way out that needs nothing else: no running desk, no journal, no strategy; a key, and on spot the
baseline.
"""
