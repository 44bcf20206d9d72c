"""A local Apache Kafka from Maven artifacts, for tests, drills and the demonstration."""
