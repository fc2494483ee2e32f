"""What the desk costs, measured: `make bench`. Comparisons hold within one run, where both sides took turns."""
