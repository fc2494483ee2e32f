"""Desk against venue: what an unknown order became, and which differences nobody can explain."""
