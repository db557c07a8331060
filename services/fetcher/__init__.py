"""The fetcher: a mailbox's hands. Reads `mailbox.poll`, publishes `mail.fetched`.

A poll tidies first (it disposes of mail whose consequence is committed), then lists unread mail into the ledger, then fetches
what is listed and stores it, sealed. It never decides what a mail is, and never touches a mail that nobody has served.
"""
