"""Says what a fetched mail is:

reads `mail.fetched`, publishes `mail.classified`; and the same for parts of a replay. Never acts on a mailbox or a subscriber.
"""
