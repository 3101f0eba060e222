"""Report: from findings to report.json, and from that to report.html and matches.csv."""
