"""Footage by recipe, for a demo without anybody's pictures: a few moving things over a painted ground in each scene."""
