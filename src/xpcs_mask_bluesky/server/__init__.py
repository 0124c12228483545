"""The embedded Tiled server: how it is started, found, kept and closed to strangers."""
