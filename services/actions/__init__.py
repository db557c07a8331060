"""Actions: reads `mail.classified` and `replay.classified`, publishes nothing, and touches PostgreSQL alone.

For each recipient that a report names it writes one row in the bounce log; ties it to a mail that we sent, or says why not;
blacklists or unsubscribes the subscriber; and decides what happens to the mail in its mailbox. It never calls a provider:
the fetcher tidies at its next poll. Hard bounces that suddenly come in numbers are held for a person (the blast guard).
"""
