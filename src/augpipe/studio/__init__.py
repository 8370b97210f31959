"""A page on which a pipeline is changed by hand, and what it does is seen at once."""
