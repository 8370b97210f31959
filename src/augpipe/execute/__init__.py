"""Plans put into practice: on one picture with OpenCV, on a batch with torch."""
