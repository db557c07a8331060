"""The scheduler: reads no queue; publishes `mailbox.poll`, `token.refresh`, and again whatever stood still too long.

What is due is in PostgreSQL; each tick asks for it with SKIP LOCKED, so several schedulers share the work and none is needed
as a leader. It never talks to a provider.
"""
