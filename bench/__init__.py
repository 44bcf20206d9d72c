"""Benchmarks, each a command of its own: `python -m bench.replay`, `python -m bench.gate`. See README.md here."""
