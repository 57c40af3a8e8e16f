"""Who is told of alerts, and how it is made sure that they hear."""
