"""The application and its REST routes."""
