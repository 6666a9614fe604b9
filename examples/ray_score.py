"""Score pictures with Ray Data: a folder of picture files, or Parquet with a binary column `image`, to Parquet.

    python examples/ray_score.py photos/ scores/ --actors 2

Writes every column but the image, and `score` and `error`. A picture that cannot be read has a sentence in `error`;
an actor that dies is started again, and its batches are given again (docs/SCALING.md).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# Before ray is imported. Else it reports home, and its ports listen on every interface, whatever address it is given:
# the second name is of the switch for clusters, off by itself on other systems than Linux. A cluster wants it on.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

import ray

from vae_runtime.batch import Scorer
from vae_runtime.model.location import locate
from vae_runtime.model.manifest import read as read_manifest
from vae_runtime.pictures.walking import pictures_in


def score(
    source: str, out: str, *, model: str | None = None, actors: int = 2, batch_size: int = 256, scorer: type = Scorer
) -> None:
    """Score `source` into the new folder `out`; ray is connected already."""
    if Path(out).exists():  # Ray would add to what is there, and rows would come twice
        raise SystemExit(f"{out} exists; give a new folder.")
    if Path(source).is_dir() and (paths := pictures_in(Path(source).absolute())):
        blocks = max(4 * actors, len(paths) // 10_000)  # else 200, of few pictures each, and as many small files
        rows = [{"path": str(path)} for path in paths]
        column, table = "path", ray.data.from_items(rows, override_num_blocks=min(blocks, len(rows)))
    else:
        column, table = "image", ray.data.read_parquet(source)
    options = {
        "model": model and str(Path(model).absolute()),
        "digest": read_manifest(locate(model)).digest,  # every worker has this very model, or the job fails
        "column": column,
    }
    pool = ray.data.ActorPoolStrategy(size=actors)
    scored = table.map_batches(
        scorer,
        fn_constructor_kwargs=options,
        batch_size=batch_size,
        compute=pool,
        max_task_retries=3,  # Ray Data's own is no limit: a batch that kills whoever reads it would run for ever
    )
    scored = scored.drop_columns(["image"]) if column == "image" else scored
    scored.write_parquet(out)
    Path(out, "_SUCCESS").touch()


def connect(actors: int) -> None:
    """Start Ray on this machine alone, on loopback. On a cluster: ray.init("auto")."""
    ray.init(
        num_cpus=actors + 1,  # one for reading: with none left, reading waits for actors that wait for it
        include_dashboard=False,
        log_to_driver=False,
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", help="folder of pictures, or Parquet file or folder")
    parser.add_argument("out", help="new folder")
    parser.add_argument("-m", "--model", help="model folder; default: the built-in one")
    parser.add_argument("--actors", type=int, default=2)
    arguments = parser.parse_args()
    connect(arguments.actors)
    score(arguments.pictures, arguments.out, model=arguments.model, actors=arguments.actors)
