"""Work on recordings, in a process of its own."""
