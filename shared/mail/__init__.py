"""Internet mail formats:

what the RFCs say of a mail's bytes. Pure; what a mail means for a subscriber is not decided here.
"""
