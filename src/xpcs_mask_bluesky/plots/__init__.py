"""Pictures of masks, partitions and images: figures of matplotlib, without global state."""
