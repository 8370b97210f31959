"""A plan carried out on a batch, with torch, on any device."""
