"""The classifier's pure decisions: bytes and rules in, a finding out. No file, clock or process is touched here."""
