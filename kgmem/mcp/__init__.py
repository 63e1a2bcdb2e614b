"""The MCP server: tools, resources and prompts over the facade, by standard input and output or by HTTP.

What needs the package `mcp` is in the modules `protocol`, `stdio` and `http`, which are imported when a client comes.
"""
