"""The Gmail API: a Google Workspace service account that stands in for each mailbox (domain-wide delegation)."""
