"""What each peer needs to do the tasks: one module a peer, with a class Adapter."""
