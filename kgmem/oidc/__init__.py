"""Tokens of an OpenID Connect provider instead of API keys: their signatures, and what their claims allow."""
