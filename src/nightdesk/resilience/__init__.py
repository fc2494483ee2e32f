"""What keeps a desk going while others fail: pure policies that take the time and the draw as arguments."""
