"""What `dualblock registry import` does: read whole, judge whole, then publish a generation of a feed."""
