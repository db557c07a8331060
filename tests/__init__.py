"""The tests. A package, so that benchmarks may use `tests.servers` and every test the same builders."""
