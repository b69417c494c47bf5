"""Write the rules of the workflow, and whose output each reads, as a Mermaid diagram in a Markdown file."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from graphlib import TopologicalSorter
from pathlib import Path

TARGETS = ("results/sample/metrics.json", "results/sample/ablation.csv", "results/fashion/metrics.json")
"""Together they need every rule but the one that runs this."""
TEXT = """# Rules

Made by `snakemake --cores 1 docs/rulegraph.md` from the rules themselves: an arrow leads from a rule to those that read its output.
`sample` renders videos, `fetch` downloads them; videos of your own need neither. `weights` runs only where a network's file is needed.
`decode`, `densepose` and `warp` are one job a shard each; `train`, `rollout` and `evaluate` one a variant; the others one a data set.
What every rule reads and writes: [architecture.md](architecture.md).

```mermaid
flowchart TB
{lines}
```
"""


def rule_graph(snakefile: Path, config: Path) -> dict[str, set[str]]:
    """Rules by name, each with those whose output it reads, as nothing has been made yet."""
    # The rule's own environment has no Snakemake: the one that started it is on the path.
    snakemake = shutil.which("snakemake", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    command = [snakemake, "--snakefile", snakefile.resolve(), "--configfile", config.resolve()]
    with tempfile.TemporaryDirectory() as empty:
        command += ["--directory", empty, "--workflow-profile", "none", "--cores", "1", "--rulegraph", "mermaid-js", "--", *TARGETS]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    names = dict(re.findall(r"^\s*(id\d+)\[(.+)\]$", done.stdout, re.M))
    graph = {name: set() for name in names.values()}
    for before, after in re.findall(r"^\s*(id\d+) --> (id\d+)$", done.stdout, re.M):
        graph[names[after]].add(names[before])
    return graph


def markdown(graph: dict[str, set[str]]) -> str:
    """The page; equal graphs give equal text."""
    order = list(TopologicalSorter({rule: sorted(graph[rule]) for rule in sorted(graph)}).static_order())
    lines = [f"    {before} --> {rule}" for rule in order for before in order if before in graph[rule]]
    return TEXT.format(lines="\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snakefile", type=Path, default=Path("Snakefile"))
    parser.add_argument("--config", type=Path, default=Path("config.yaml"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.write_text(markdown(rule_graph(arguments.snakefile, arguments.config)), encoding="utf-8")


if __name__ == "__main__":
    main()
