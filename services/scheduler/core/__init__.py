"""What is due when: pure decisions."""
