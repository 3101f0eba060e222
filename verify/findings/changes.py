"""What was done to the picture before it was shown again, read off the transform that lays it on the reference."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from verify.findings.wording import about_share
from verify.translation import _, ngettext

if TYPE_CHECKING:
    from verify.model import Geometry, Match

# Below these, a fitted transform differs from the plain picture by the error of its measurement.
_WHOLE_SHARE = 0.93
_INSET_SHARE = 0.6
_ENLARGED = 1.1
_STRETCHED = 1.1
_TURNED_DEGREES = 2.5
_LEAST_AREA = 1e-6


def picture_changes(match: Match) -> tuple[str, ...]:
    """Name what was done to the picture, such as 'mirrored' or 'cropped to about 45% of the picture'; none if nothing.

    Mirroring, polarity and bars come from `match.transform`, the rest from `match.geometry` where it was measured.
    """
    changes = []
    if match.transform.mirrored:
        changes.append(_("mirrored"))
    if match.transform.inverted:
        changes.append(_("with inverted polarity (bright and dark exchanged)"))
    if match.geometry is not None and match.geometry.frame_pairs > 0:
        changes += _geometric_changes(match.geometry)
    if match.transform.bars_removed:
        changes.append(_("compared without its black bars"))
    return tuple(changes)


def _geometric_changes(geometry: Geometry) -> list[str]:
    """Name turning, cropping, insetting and stretching, each only beyond what a measurement may err by."""
    changes = []
    angle_degrees, stretch = _angle_and_stretch(geometry)
    if abs(angle_degrees) > _TURNED_DEGREES:
        degrees = round(abs(angle_degrees))
        changes.append(
            ngettext("rotated by about {count} degree", "rotated by about {count} degrees", degrees).format(
                count=degrees
            )
        )
    if geometry.covered < _WHOLE_SHARE:
        changes.append(_cropped_words(geometry))
    filled = filled_share(geometry)
    if filled < _INSET_SHARE:
        changes.append(_("as an inset on {share} of the picture").format(share=about_share(filled)))
    elif filled < _WHOLE_SHARE:
        changes.append(_("filling {share} of the picture").format(share=about_share(filled)))
    if stretch > _STRETCHED:
        changes.append(_("stretched by {share} in one direction").format(share=about_share(stretch - 1)))
    return changes


def _cropped_words(geometry: Geometry) -> str:
    enlarged = _enlargement(geometry)
    if enlarged > _ENLARGED:
        message = _("cropped to {share} of the picture (enlarged about {factor} times)")
    else:
        message = _("cropped to {share} of the picture")
    return message.format(share=about_share(geometry.covered), factor=f"{enlarged:.1f}")


def filled_share(geometry: Geometry) -> float:
    """Return the share of the query picture that the reference's picture fills, 0..1; 1 where it cannot be told."""
    corners = [*geometry.outline, *geometry.outline[:1]]
    # Twice the area of a polygon is the sum over its edges of x0 y1 - x1 y0 (Gauss's area formula).
    area = abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(corners))) / 2
    return min(geometry.covered / area, 1.0) if area > _LEAST_AREA else 1.0


def _angle_and_stretch(geometry: Geometry) -> tuple[float, float]:
    """Angle of the nearest pure rotation, in degrees, and the longer scale by the shorter, at least 1."""
    a, b, d, e = (geometry.matrix[index] for index in (0, 1, 3, 4))
    determinant = a * e - b * d
    if determinant < 0:
        a, d = -a, -d
    angle_degrees = math.degrees(math.atan2(d - b, a + e))
    # The singular values of a 2 x 2 matrix are the sum and the difference of these two lengths.
    even, odd = math.hypot(a + e, d - b) / 2, math.hypot(a - e, d + b) / 2
    return angle_degrees, (even + odd) / (even - odd) if even > odd else 1.0


def _enlargement(geometry: Geometry) -> float:
    """How many times larger than in the reference's own frame things appear, by the longer side of what is shown."""
    sides = [max(axis) - min(axis) for axis in zip(*geometry.outline, strict=True)]
    longest = max(sides, default=1.0)
    return 1 / longest if longest > 0 else 1.0
