"""Positions, money and exposure, folded from what venues told of our orders."""
