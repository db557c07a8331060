"""Per message: read the stored mail, decide in the watched processes, write the findings."""
