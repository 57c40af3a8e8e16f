"""What operators see: every Prometheus instrument."""
