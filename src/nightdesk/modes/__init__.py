"""What is still allowed when parts fail: the mode ladder."""
