"""The lab: a practice exchange that speaks Binance SPOT's protocol.

Owns a venue to practise on: matching, wallets, limits, streams, faults and the truth about
what happened. It is written from the venue's documents and refuses to know our own codecs,
so that a misreading of ours shows up here instead of cancelling out.
"""
