"""The store on Postgres: one room for each kind of work, and the port GraphStore over them."""
