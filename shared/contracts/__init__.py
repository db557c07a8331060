"""Messages on the wire: pydantic models, frozen, nothing extra allowed. A change that breaks a schema snapshot needs a new version."""
