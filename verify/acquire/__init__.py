"""Acquire: from a URL or a file to files on disk and a record of how they were obtained."""
