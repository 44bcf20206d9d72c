"""Faust app and agents, thin: parse, call the engine, emit."""
