"""Faults for the system tests, each injected for real, and the processes that suffer them."""
