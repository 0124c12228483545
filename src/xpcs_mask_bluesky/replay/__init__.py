"""History: runs of a catalogue published as the callback would have published them."""
