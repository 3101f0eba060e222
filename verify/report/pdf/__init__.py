"""What report.pdf is made of: its content as plain data, and the process that typesets it."""
