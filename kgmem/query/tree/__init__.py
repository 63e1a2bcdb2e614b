"""The tree of a query: frozen values, equal when the queries are, whatever their spaces, comments and places."""
