"""Pure decisions of the sender: what a request may be, how a mail is composed, how much may leave, what an outcome means."""
