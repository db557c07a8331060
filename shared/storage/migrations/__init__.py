"""Numbered plain SQL, forward only. Each file says in its first line whether it runs before or after the new code is deployed."""
