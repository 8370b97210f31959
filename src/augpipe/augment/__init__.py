"""Augmentation as a module, for batches on any device."""
