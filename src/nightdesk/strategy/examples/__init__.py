"""Strategies to read and to start from; the practice desk runs them."""
