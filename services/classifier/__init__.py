"""Says what a fetched mail is:

reads `mail.fetched`, publishes `mail.classified`. Never acts on a mailbox or a subscriber.
"""
