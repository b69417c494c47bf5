"""The files of data sets' sources: what reruns the clip table and the downloads."""

from pathlib import Path

from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import digest, listing_digest

from .digests import chain_digest
from .paths import data_folder
from .project import Project


class Sources:
    """The sources of a project's data sets. Each file is looked at once; what is wrong with one is kept for `check`."""

    def __init__(self, project: Project):
        self._project = project
        self._listings: dict[tuple[str, str], str] = {}
        self._replaced: dict[str, list] = {}
        self._problems: dict[str, str] = {}

    def fetch_params(self, dataset: str) -> list:
        """What reruns the downloads: the source, and what is in lists of URLs that are files here."""
        source = self._project.datasets[dataset].source
        lists = [getattr(source, split, "") for split in ("train", "test")]
        return [chain_digest(self._project, "fetch", dataset), [self._listing(path) for path in lists if Path(path).is_file()]]

    def clips_params(self, dataset: str) -> list:
        """What reruns the clip table: the source, the number of shards, names, sizes and times of the source's files.

        Of downloaded videos those that are not as the downloads left them, and the side files that were laid beside them.
        """
        data = self._project.datasets[dataset]
        paths = [getattr(data.source, key, None) for key in ("path", "table")]
        listing = [self._listing(path) for path in paths if path]
        if data.source.kind == "urls":
            folder = data_folder(self._project.folders, dataset)
            listing += [self._listing(folder, "*.iuv.h5"), *self._replaced_videos(folder)]
        return [chain_digest(self._project, "clips", dataset), data.shards, digest(listing)]

    def check(self):
        """Raise InputError where a data set that was planned has files with names, or links, that no stage can read."""
        if self._problems:
            raise InputError("\n".join(self._problems.values()))

    def _listing(self, path: str, pattern: str = "*") -> str:
        """Digest of the names, sizes and times of a source's files, or of what is wrong with one."""
        if (path, pattern) not in self._listings:
            try:
                self._listings[path, pattern] = listing_digest(Path(path), pattern)
            except InputError as error:
                self._problems[path] = str(error)
                self._listings[path, pattern] = digest(str(error))
        return self._listings[path, pattern]

    def _replaced_videos(self, folder: str) -> list:
        if folder not in self._replaced:
            from densepose_cache.clips.fetched import replaced

            self._replaced[folder] = replaced(Path(folder))
        return self._replaced[folder]
