"""From rows to batches: the order of the keys, the fetching of one batch, and the loader itself."""
