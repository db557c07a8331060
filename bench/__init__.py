"""Benchmarks on real servers: `make bench`, or `python -m bench [NAME…]`. docs/benchmarks.md says what the figures mean."""
