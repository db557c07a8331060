"""The token refresher: reads `token.refresh`, publishes nothing. Renews access tokens that end within ten minutes."""
