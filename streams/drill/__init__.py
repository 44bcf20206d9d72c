"""Fault drills: what is promised, shown under crashes. Only commands start them."""
