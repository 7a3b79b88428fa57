"""``python -m fgsgl.pretraining``: see the package's docstring."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fgsgl.util.errors import run_command


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fgsgl.pretraining", description=__doc__)
    parser.add_argument("action", nargs="?", choices=("train", "export"), default="train")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pool, the checkpoint and the curve")
    parser.add_argument("--minutes", type=float, default=180.0, help="how long to train from now on")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="threads of each of the two networks")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--to", type=Path, help="export: folder for the weights (default: the package's own)")
    options = parser.parse_args(arguments)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    import logging
    import warnings

    warnings.filterwarnings("ignore", "Fail to import", module="mmcv")  # it offers operators that nothing here uses
    from fgsgl.pretraining.export import export
    from fgsgl.pretraining.run import pretrain

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.action == "export":
        logging.info("written to %s", export(options.out, options.to))
        return 0
    pretrain(
        options.out,
        minutes=options.minutes,
        resume=options.resume,
        seed=options.seed,
        threads=options.threads,
        device=options.device,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
