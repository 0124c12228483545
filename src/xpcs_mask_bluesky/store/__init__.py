"""Our nodes in Tiled: the log, arrays and partitions by digest, and the clients for people."""
