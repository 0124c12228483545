"""From run documents to published partitions, beside a RunEngine that must not notice."""
