"""A plan carried out on one picture, with OpenCV."""
