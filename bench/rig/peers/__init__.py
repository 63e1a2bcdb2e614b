"""Peers measured beside kgmem: each in an environment and a process of its own."""
