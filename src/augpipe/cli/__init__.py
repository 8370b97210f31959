"""The command line: a guest of the library, like the trainer."""
