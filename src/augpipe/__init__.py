"""augpipe: images in, reproducible augmented batches out."""

__version__ = "0.1.0"
