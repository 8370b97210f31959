"""What a trainer must get right: see tests/train/test_rules.py."""
