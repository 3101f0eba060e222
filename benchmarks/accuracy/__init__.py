"""How much reuse is found, and who is accused falsely: `python benchmarks/accuracy --help`."""
