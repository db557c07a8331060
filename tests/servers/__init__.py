"""Real PostgreSQL and RabbitMQ for tests and benchmarks: found by URL, in Docker, or started here from what is installed.

`finding.py` holds the order; the other modules each know one way. Nothing in here needs pytest.
"""
