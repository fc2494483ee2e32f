"""The gate every order passes: limits on the worst case, never only on what has filled."""
