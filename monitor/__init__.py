"""What does it mean? Events, rolling emotion, speakers and the Session; no I/O, no clock, no threads, no torch."""
