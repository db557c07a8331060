"""What a poll has to do: pure decisions."""
