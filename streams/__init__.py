"""dualblock: dual blocking of forged and reported text messages on Kafka."""

__version__ = "0.1.0"
