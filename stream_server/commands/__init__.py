"""The command line: what `undertone` is asked, what it does, and how it says so."""
