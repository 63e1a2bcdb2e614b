"""What the benchmarks share: databases, synthetic rows, clocks, servers and a client."""
