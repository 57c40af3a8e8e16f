"""How the schema came to be what it is: one step after the other, run when the database is opened."""
