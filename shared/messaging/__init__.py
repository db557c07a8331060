"""All broker work: who reads what (topology), the broker and its in-memory double, units, runners and the policy of failures."""
