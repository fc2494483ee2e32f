"""The lab's second venue: Binance USD-M perpetual futures.

Owns positions, margin, funding, liquidation and conditional ("algo") orders behind the venue's REST and
stream protocols. Written from the venue's documents (developers.binance.com, USDⓈ-M Futures, as of
2026-08) and its connector's documented shapes; it refuses to know our own codecs.
"""
