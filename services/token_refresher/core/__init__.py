"""Nothing to decide here but what `shared.domain.tokens` says."""
