"""The demo: every service in one process over the in-memory broker, a PostgreSQL of its own, and the simulator over HTTPS.

It plants mail of every kind, waits until all of it is dealt with, and compares what was planted with what PostgreSQL and the
simulator's mailboxes hold. A composition root: it may use every service.
"""
