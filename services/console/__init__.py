"""The operator's commands that belong to no one service: migrate, apply, status, why, mailbox, poll, tokens, bounces, blacklist…

Reads and writes PostgreSQL through shared.storage; asks providers only in `mailbox check`; publishes through the outbox.
It runs no loop: a command does one thing, says what it changed, and ends.
"""
