"""What follows from a finding: pure decisions."""
