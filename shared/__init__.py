"""What more than one service needs. Never imports a service."""
