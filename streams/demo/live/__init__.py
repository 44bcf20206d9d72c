"""The demo on real Kafka: real topics, the four real processes, and a feeder that lets each stage settle."""
