"""Launcher for a checkout: `python cli.py video URL` does what the installed `verify video URL` does."""

from verify.__main__ import main

raise SystemExit(main())
