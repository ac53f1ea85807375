"""The small files that travel with a job: read from the job file's folder and from nowhere else."""

import os
import stat
from pathlib import Path

from hutong.client.formats.source import Source, decode
from hutong.client.formats.words import BadWord
from hutong.model import limits
from hutong.model.check_program import problem_of_relative_path
from hutong.model.errors import HutongError, refuse
from hutong.model.job import InlineFile


def read_text(path: Path) -> str:
    """Read a job file, or refuse one that is not there, no file, too large or not UTF-8."""
    return decode(_read(path, str(path), limits.JOB_FILE_BYTES), str(path))


class Folder:
    """Reads the files below a folder. A path that leads out of it is refused.

    Symbolic links are followed only as long as they stay inside.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, path: str) -> bytes:
        """Give the bytes of the file at a relative path."""
        return _read(self._inside(path), path, limits.INLINE_FILE_BYTES)

    def tree(self, path: str) -> list[tuple[str, bool]]:
        """Name every file below a folder, in order, and say which ones are executable."""
        top = self._inside(path) if path else self._root.resolve()
        if not top.is_dir():
            raise _unreadable(path, "it is no folder")
        found: list[tuple[str, bool]] = []
        folders = [top]
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    name = Path(entry.path).relative_to(top).as_posix()
                    if entry.is_symlink():
                        raise _unreadable(name, "it is a symbolic link")
                    if entry.is_dir():
                        if entry.name != ".git":
                            folders.append(Path(entry.path))
                    elif entry.is_file():
                        found.append((name, bool(entry.stat().st_mode & stat.S_IXUSR)))
                    if len(found) + len(folders) > limits.INLINE_FILES:
                        raise _unreadable(path, f"it has more than {limits.INLINE_FILES} files")
        return sorted(found)

    def _inside(self, path: str) -> Path:
        problem = problem_of_relative_path(path)
        if problem:
            raise _unreadable(path, problem)
        try:
            root = self._root.resolve(strict=True)
            real = (root / path).resolve(strict=True)
        except FileNotFoundError:
            raise _unreadable(path, "there is no such file") from None
        except (OSError, RuntimeError, ValueError) as error:
            raise _unreadable(path, _reason(error)) from None
        if not real.is_relative_to(root):
            raise _unreadable(path, "it leads out of the folder of the job file")
        return real


def folder_reader(folder: Path) -> Folder:
    """Give a reader of the files below a folder, which is the job file's own."""
    return Folder(folder)


def folder_files(source: Source, path: str) -> tuple[InlineFile, ...]:
    """Read every file of a small folder, to travel under its path in that folder."""
    advice = "Name the few files that it needs, or keep them in a folder of the site."
    path = "" if path in {".", "./"} else path.removeprefix("./").rstrip("/")
    if not isinstance(source.attach, Folder):
        raise BadWord("no folders can be read here", advice)
    problem = problem_of_relative_path(path) if path else ""
    if problem:
        raise BadWord(f"only a folder beside the job file can travel: {problem}", advice)
    try:
        names = source.attach.tree(path)
    except HutongError as error:
        problem = f"only small folders of text files travel, and {error.facts['problem']}"
        raise BadWord(problem, advice) from None
    except OSError as error:
        raise BadWord(_reason(error), advice) from None
    for ignores in (".skyignore", ".gitignore"):
        if (ignores, False) in names or (ignores, True) in names:
            raise BadWord(f"what its {ignores} leaves out is not understood", advice)
    prefix = f"{path}/" if path else ""
    return tuple(
        inline_file(source, f"{prefix}{name}", name=name, executable=executable)
        for name, executable in names
    )


def inline_file(
    source: Source, path: str, *, name: str | None = None, executable: bool | None = None
) -> InlineFile:
    """Read a file that a job names, to travel under `name`, by default its own path.

    A file that begins with `#!` is executable unless the job says otherwise.
    """
    path = path.removeprefix("./")
    problem = problem_of_relative_path(path)
    if problem:
        raise BadWord(problem, "Name a file in the job file's folder or below it.")
    if source.attach is None:
        raise BadWord("no files can be read here", "Put its text into the job file: `content:`.")
    try:
        data = source.attach(path)
    except HutongError as error:
        problem = str(error.facts.get("problem", error.message))
        raise BadWord(problem, "Name a file in the job file's folder or below it.") from None
    except OSError as error:
        raise BadWord(_reason(error), "Check the path.") from None
    if len(data) > limits.INLINE_FILE_BYTES:
        raise BadWord(_too_large(limits.INLINE_FILE_BYTES), "Keep it in the site's storage.")
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError:
        content = "\0"
    if "\0" in content:
        raise BadWord("it is not UTF-8 text", "Only small text files travel with a job.")
    if executable is None:
        executable = content.startswith("#!")
    return InlineFile(path if name is None else name, content, executable)


def _read(path: Path, shown: str, limit: int) -> bytes:
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer that never comes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _unreadable(shown, "it is no regular file")
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise _unreadable(shown, "there is no such file") from None
    except (OSError, ValueError) as error:
        raise _unreadable(shown, _reason(error)) from None
    if len(data) > limit:
        raise _unreadable(shown, _too_large(limit))
    return data


def _too_large(limit: int) -> str:
    return f"it is larger than {limit // limits.KIB} KiB"


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "it is no path").lower()


def _unreadable(path: str, problem: str) -> HutongError:
    return refuse("file.unreadable", file=path, problem=problem)
