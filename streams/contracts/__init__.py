"""The words: one frozen struct for each record on a topic. JSON Schemas in `schemas/` are generated from them."""
