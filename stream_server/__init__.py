"""Edges and wiring: configuration, command line, transports, API, fan-out."""
