"""Pure rules: no I/O, no clock, no logging, no randomness; time is an argument."""
