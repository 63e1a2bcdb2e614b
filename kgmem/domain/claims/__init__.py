"""Claims: who said what, consensus over them, and the rules of facts."""
