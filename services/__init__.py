"""One folder, one process. README order is the order in which mail passes."""
