"""The parts that our own networks are built of; each is an `nn.Module` for any network."""
