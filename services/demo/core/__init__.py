"""What the demo plants and what must come of it: pure."""
