"""Evidence bundles: made at the carrier (`make`), judged by anybody (`verify`). Files only, no Kafka."""
