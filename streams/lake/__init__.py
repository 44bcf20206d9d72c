"""The lake: decisions, sanctions, findings, votes, reports and policies as Parquet files by date and leg, for analysts.

Each record of a topic is there once, by (topic, partition, offset). The offsets stand in the lake's own manifest, in
the same rename that makes the files part of it; Kafka holds none.
"""
