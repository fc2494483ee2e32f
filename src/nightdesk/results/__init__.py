"""What a run came to, from its journal: trades, orders, equity, numbers, and two runs side by side.

Owns turning records into what people read. Refuses to touch files: the command line does.
"""
