"""Tests of the MCP server without a protocol and without a database."""
