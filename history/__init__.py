"""What is kept: the database, its schema, and what is written to and read from it."""
