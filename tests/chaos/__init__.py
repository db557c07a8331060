"""The pipeline as processes on real servers, while services are killed, servers restarted, wiped and frozen, and providers fail.

`make chaos`, or `python -m tests.chaos`. A shorter form is a test: tests/system/test_chaos_short.py.
"""
