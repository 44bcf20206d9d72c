"""Metric names as a closed typed set, health, logging."""
