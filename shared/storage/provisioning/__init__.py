"""What `apply` writes: the installation as its operator describes it. Reading it back is `state`; each family has a module."""
