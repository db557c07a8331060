"""Per message: read findings and what they may be tied to, decide, and write it all in one unit."""
