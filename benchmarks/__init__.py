"""What the program costs and what it finds. Not installed with it."""
