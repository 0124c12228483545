"""Run documents from outside a RunEngine's process, for one callback: 0MQ, Tiled, files, Kafka."""
