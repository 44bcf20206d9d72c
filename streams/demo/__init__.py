"""The demonstration: a broker, the planes and a story played through them."""
