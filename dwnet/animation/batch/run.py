"""Animate many pairs one after the other; what is there already is passed over, and what cannot be made stops nothing."""

import sys
import time
from pathlib import Path

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import only_writer
from densepose_cache.storage.digest import file_sha256

from ...config import AnimateSettings
from ..inputs import frame_size
from ..job import Job, Studio
from ..pace import check_rate
from .made_from import MadeFrom
from .pairs import Pair
from .results import FAILED, KEPT, MADE, TABLE, Result, read_results, write_results


def run_batch(studio: Studio, pairs: list[Pair], settings: AnimateSettings, folder: Path) -> list[Result]:
    """Animate `pairs` into `folder` and return what became of each, in their order.

    After each the table of results is written, so that a later run goes on where this one ends, however it ends: a video is made again only
    if model, settings, inputs or itself have changed since. One process at a time works in a folder. Raises InputError, before the work
    begins, where model or settings are wrong for all of them.
    """
    check_rate(settings.fps)
    frame_size((), settings.size)
    studio.loaded  # noqa: B018 - a wrong model is an error of all
    made_from, done = MadeFrom(studio, settings), 0
    with only_writer(folder / TABLE):
        known, results = read_results(folder), []
        try:
            for number, pair in enumerate(pairs, 1):
                print(f"{number}/{len(pairs)} {pair.out}", file=sys.stderr, flush=True)
                results.append(_result(studio, pair, settings, folder, made_from, known.get(pair.out)))
                known[pair.out] = results[-1]
                write_results(folder, (each for each in known.values() if each.state == FAILED or (folder / each.out).is_file()))
                done += 1
        except (KeyboardInterrupt, SystemExit):
            print(f"{folder}: stopped, {done} of {len(pairs)} are done; the same command goes on", file=sys.stderr)
            raise
    return results


def _result(studio: Studio, pair: Pair, settings: AnimateSettings, folder: Path, made_from: MadeFrom, before: Result | None) -> Result:
    began, out, names = time.monotonic(), folder / pair.out, (pair.out, pair.source, pair.driving)
    try:
        key = made_from.digest(pair)
        if before and before.made_from == key and out.is_file() and file_sha256(out) == before.sha256:
            return Result(*names, KEPT, before.frames, before.seconds, key, before.sha256)
        motion = studio.animate(Job(pair.source, pair.driving, out, settings, pair.source_iuv, pair.driving_iuv))
        seconds = time.monotonic() - began
        return Result(*names, MADE, int(motion.repeats.sum()), seconds, key, file_sha256(out))
    except InputError as error:
        return Result(*names, FAILED, reason=" ".join(str(error).split()))
