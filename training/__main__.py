"""`python -m training COMMAND`, run from the checkout: make the learned descriptor. README.md beside this tells how."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    collect = commands.add_parser("collect", help="take pictures from clips and photographs")
    collect.add_argument("folders", type=Path, nargs="+")
    collect.add_argument("--out", type=Path, required=True, help="FRAMES.npz to write")
    view = commands.add_parser("view", help="edit them, and take the views through the network's first blocks")
    view.add_argument("frames", type=Path)
    view.add_argument("folder", type=Path)
    view.add_argument("--weights", type=Path, required=True, help="ImageNet weights of EfficientNet-Lite0")
    view.add_argument("--views", type=int, default=24, help="of every picture")
    view.add_argument("--size", type=int, default=128, help="px")
    view.add_argument("--blocks", type=int, default=11, help="that stay as they are, of 16")
    view.add_argument("--seed", type=int, default=1)
    learn = commands.add_parser("learn", help="learn from the views, or go on from the last checkpoint")
    learn.add_argument("frames", type=Path)
    learn.add_argument("views", type=Path, help="the folder that `view` wrote")
    learn.add_argument("folder", type=Path, help="for checkpoint and curve")
    learn.add_argument("--weights", type=Path, required=True, help="ImageNet weights of EfficientNet-Lite0")
    learn.add_argument("--steps", type=int, default=1600)
    learn.add_argument("--batch", type=int, default=128, help="pictures, each in two views")
    learn.add_argument("--seed", type=int, default=1)
    learn.add_argument("--rate", type=float, default=1e-3)
    learn.add_argument("--entropy", type=float, default=0.0, help="weight of the entropy term")
    export = commands.add_parser("export", help="write the descriptor as an ONNX file")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("out", type=Path)
    export.add_argument("--size", type=int, default=128, help="px of the pictures that it takes")
    given = parser.parse_args()
    if given.command == "collect":
        from training.frames import collect as take  # noqa: PLC0415

        print(f"{take(given.folders, given.out)} pictures in {given.out}")
    elif given.command == "view":
        from training.frames import load  # noqa: PLC0415
        from training.views import make_views  # noqa: PLC0415

        frames = load(given.frames)
        sizes = {"count": given.views, "size_px": given.size, "blocks": given.blocks}
        make_views(frames, given.weights, given.folder, **sizes, seed=given.seed)
    elif given.command == "learn":
        from training import learning  # noqa: PLC0415
        from training.frames import load  # noqa: PLC0415

        settings = learning.Settings(given.steps, given.batch, given.seed, given.rate, given.entropy)
        learning.learn(load(given.frames), given.weights, given.views, given.folder, settings)
    else:
        from training.exporting import export as write  # noqa: PLC0415

        write(given.checkpoint, given.out, given.size)


if __name__ == "__main__":
    main()
