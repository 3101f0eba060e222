"""Media: probing, decoding with true timestamps, sampling, shots and frame classes."""
