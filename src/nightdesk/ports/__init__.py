"""What the shell needs of the world. Production and simulation differ only in who stands behind these."""
