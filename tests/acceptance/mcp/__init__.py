"""Tests of the MCP server through its transports."""
