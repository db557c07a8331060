"""Microsoft Graph: app-only access to mailboxes of one tenant, with a client secret."""
