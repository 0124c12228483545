"""Geometry sources that come with the package, as YAML."""
