"""How the learned descriptor is made; not part of the installed package."""
