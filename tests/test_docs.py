"""The documentation names files, modules and links that exist."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from dwnet.config import parse_config

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for pattern in ("*.md", "d*/**/*.md") for path in ROOT.glob(pattern))
PACKAGES = ("densepose_cache", "dwnet", "workflow", "benchmarks")
SOURCES = [path for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*")) if path.suffix in (".py", ".smk", ".sh", ".yaml")]
SOURCES += [ROOT / name for name in ("Snakefile", "Makefile", "config.yaml", "pyproject.toml")]
"""Where comments and docstrings name them."""
FOLDERS = "densepose_cache|dwnet|workflow|benchmarks|tests|envs|docs"
PATHS = re.compile(rf"(?<![\w/.}}])(?:{FOLDERS})/[\w./*-]*\w/?")
MODULES = re.compile(r"(?<![\w./-])(?:densepose_cache|dwnet)(?:\.[A-Za-z]\w*)+")
FILES = re.compile(r"`(\w+\.(?:py|smk|npz|sh))`")
OF_OTHERS = {"infer_simple.py"}
"""Of detectron2."""
LINKS = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
CODE = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
LONGEST = 120
"""Characters in a line."""


def page_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def names_in(module: Path) -> set[str]:
    """What a module defines or imports at its top level, and the members of its classes as `Class.member`."""
    found = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for part in node.body for name in targets(part)}
        found |= targets(node)
    return found


def targets(node: ast.AST) -> set[str]:
    """Names that a statement binds."""
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name for alias in names}
        case ast.Assign(targets=bound):
            return {part.id for target in bound for part in ast.walk(target) if isinstance(part, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
            return {name}
    return set()


def exists(dotted: str) -> bool:
    """Whether a name such as `dwnet.model.warping.warp` is a package, a module, or something that a module defines. Imports nothing."""
    place, parts = ROOT, dotted.split(".")
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if not parts:
        return (place / "__init__.py").is_file()
    if (place / f"{parts[0]}.py").is_file():
        place /= f"{parts.pop(0)}.py"
    else:
        place /= "__init__.py"
    return not parts or ".".join(parts[:2]) in names_in(place)


def missing_names(path: Path) -> set[str]:
    """Files and modules that a text names and that do not exist."""
    text = path.read_text(encoding="utf-8")
    files = {name for name in PATHS.findall(text) if not any(ROOT.glob(name.rstrip("/")))}
    return files | {name for name in MODULES.findall(text) if not exists(name)}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_files_and_modules_that_a_page_names_exist(page):
    alone = set(FILES.findall(page.read_text(encoding="utf-8"))) - OF_OTHERS
    assert not missing_names(page) and not {name for name in alone if not any(ROOT.glob(f"[bdtw]*/**/{name}"))}


def test_the_files_and_modules_that_comments_name_exist():
    missing = {page_name(path): names for path in SOURCES if (names := missing_names(path))}
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page):
    for link in LINKS.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_lines_are_short(page):
    """All but table rows, code and links, which cannot be broken."""
    lines = CODE.sub("", page.read_text(encoding="utf-8")).splitlines()
    long = [line for line in lines if len(line) > LONGEST and not line.startswith(("|", "    ")) and "](" not in line and "`" not in line]
    assert not long


@cache
def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_modules_that_contributors_copy_can_be_imported():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    modules = {name.removesuffix(".py").replace("/", ".") for name in PATHS.findall(page) if name.endswith(".py")}
    packaged = sorted(name for name in modules if name.startswith(("dwnet.", "densepose_cache.")))
    assert len(packaged) > 10
    for name in packaged:
        importlib.import_module(name)


def test_the_tree_of_the_readme_names_every_room():
    tree = re.search(r"^```\n(densepose_cache/.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)[1]
    for package, text in zip(("densepose_cache", "dwnet"), tree.split("\ndwnet/"), strict=True):
        rooms = {
            path.name
            for path in (ROOT / package).iterdir()
            if path.is_dir() and path.name != "__pycache__" and any(file.is_file() for file in path.iterdir())
        }
        assert set(re.findall(r"^[├└]── (\w+)/", text, re.M)) == rooms


def test_the_entry_of_the_readme_is_a_data_set():
    entry = re.search(r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)[1]
    config = parse_config(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8") + entry))
    mine = config.datasets["mine"]
    assert (mine.source.kind, mine.model.generator, mine.train.start) == ("videos", "compose", "embedded")
