"""Examples: one folder for each topic, runnable, with a test in tests/examples."""
