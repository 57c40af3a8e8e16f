"""Training and evaluation of the two embedded networks; nothing here is imported by the server."""
