"""Requests to receivers of webhooks: which addresses they may go to, and how they are sent."""
