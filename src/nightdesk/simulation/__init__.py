"""Whole desks in one process and virtual time: the composition root beside production's."""
