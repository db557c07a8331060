"""The simulator's pure parts: mailboxes as values in memory, query languages, limits, answers, composed mail."""
