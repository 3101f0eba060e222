"""The commands: one module per command group. Parse, call, print."""
