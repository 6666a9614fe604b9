"""Every command line that this project tells people to type: in its documents, its help and its messages."""

import ast
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vae_runtime", "train", "export")
_COMMAND = "vae "
_END = r"(?=`|$|\n|\. |\.$|; |, |\))"  # what ends a command in the middle of a sentence
# Parts of messages that are filled in when they are said.
PLACEHOLDERS = {
    "{run}": "RUN",
    "{shlex.quote(str(outcome.folder))}": "RUN",
    "{shlex.quote(str(self._folder))}": "RUN",
    "{quoted}": "RUN",
    "{pictures}": "FOLDER",
    "{data}": "FOLDER",
    "{minutes}": "60",
    "{model}": "-m MODEL",
    "{' --tile' if tiled else ''}": " --tile",
    "{_new_folder(place)}": "MODEL --replace",
    "{shlex.quote(str(run))}": "RUN",
    "{shlex.quote(str(_free(folder)))}": "NEWFOLDER",
    "{free}": "NEWFOLDER",
}
NOT_VERBS = ("=", "is")  # `vae = VAE.load()`, "vae is the model"
FOLDERS = {"export": "MODEL", "train": "RUN"}  # {folder}, by package


class Command(NamedTuple):
    """A command as it is written, and where."""

    words: tuple[str, ...]
    where: str

    @property
    def text(self) -> str:
        return shlex.join(self.words)


def commands():
    """All of them, those that are only mentioned too."""
    for path in (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))):
        yield from in_document(path.read_text(encoding="utf-8"), path.name)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield from in_source(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


def in_document(text, where):
    """Lines of fenced blocks, and inline code."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (*lines, *inline):
        yield from _parsed(line, where)


def in_source(text, where):
    """Strings of a program: examples of help are lines of their own, messages say commands in their sentences."""
    for string in _strings(ast.parse(text)):
        said = _filled(string, where)
        for line in re.findall(rf"^ *({_COMMAND}.*)$", said, flags=re.MULTILINE):
            yield from _parsed(re.split(_END, line)[0], where)
        for command in re.findall(rf"(?<=[\s`])({_COMMAND}.*?){_END}", said):
            yield from _parsed(command, where)


def _strings(tree):
    """Each string whole; what an f-string is filled with as its source, in braces."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def _filled(string, where):
    if not re.search(_COMMAND, string):
        return ""
    filled = string
    for folder in ("{folder}", "{shlex.quote(str(folder))}"):
        filled = filled.replace(folder, FOLDERS.get(where.split("/")[0], "MODEL"))
    for placeholder, name in PLACEHOLDERS.items():
        filled = filled.replace(placeholder, name)
    return filled


def _parsed(line, where):
    """The commands of a shell line, without redirections and comments; what comes before "&&" may be another's."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quotation mark of a sentence
        return
    for part in _split(words, ("&&", "|", ";")):
        for end in (">", "<", "2>"):
            part = part[: part.index(end)] if end in part else part
        if part[:1] == ["vae"] and part[1:] and part[1] not in NOT_VERBS:
            yield Command(tuple(part), where)


def _split(words, marks):
    part = []
    for word in words:
        if word in marks:
            yield part
            part = []
        else:
            part.append(word)
    yield part
