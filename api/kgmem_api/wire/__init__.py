"""Wire models: what requests and answers look like, and how they become what the domain knows."""
