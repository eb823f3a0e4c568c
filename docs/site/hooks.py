"""What MkDocs makes of the docs beyond Markdown: pages from elsewhere in the repository, links to them, and
names over the blocks that are files. The pages of `docs/` stay as GitHub shows them."""

from __future__ import annotations

import ast
import json
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/modelport/modelport/blob/main/"
# Where a file of the repository stands on the site, if it is not in docs/.
ELSEWHERE = {"CHANGELOG.md": "changelog.md"} | {
    path.relative_to(ROOT).as_posix(): f"examples/{path.parent.name}.md"
    for path in sorted(ROOT.glob("examples/*/README.md"))
}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
NAMED = re.compile(r"^<!-- file: (?P<name>\S+) -->\n```(?P<language>\w+)\n", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
REFERENCE = {
    "reference/modelport.md": ("modelport", "Python: modelport", "What `import modelport` has."),
    "reference/client.md": (
        "modelport.client",
        "Python: modelport.client",
        "What calls of [the client](../client.md) return, and what they raise.",
    ),
}
SETTINGS = """# Python: settings

The functions that serve take these as keyword arguments; [Settings](../settings.md) has each with its default
and range.

::: modelport.settings.settings.Settings
    options: {members: false}
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere, and those that are made from docstrings."""
    for path, at in ELSEWHERE.items():
        files.append(File.generated(config, at, content=(ROOT / path).read_text(encoding="utf-8")))
    for at, (package, title, about) in REFERENCE.items():
        files.append(File.generated(config, at, content=_reference(package, title, about)))
    files.append(File.generated(config, "reference/settings.md", content=SETTINGS))
    for picture in sorted(ROOT.glob("examples/*/pictures/*.png")):
        at = picture.relative_to(ROOT).as_posix()
        files.append(File.generated(config, at, content=picture.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that lead out of the docs; show a file's name over the block that is its content."""
    source = page.file.src_uri
    stands = {at: path for path, at in ELSEWHERE.items()}.get(source, f"docs/{source}")
    pieces: list[str] = []
    end = 0
    for block in CODE.finditer(markdown):
        pieces += [_linked(markdown[end : block.start()], stands, source), block.group()]
        end = block.end()
    pieces.append(_linked(markdown[end:], stands, source))
    return NAMED.sub(r'```\g<language> title="\g<name>"\n', "".join(pieces))


def on_post_build(config: MkDocsConfig) -> None:
    """Say beside the folder of this version which versions there are: those whose folders stand there."""
    site = Path(config.site_dir)
    if site.parent.name != "site":
        return
    found = sorted(
        (folder.name for folder in site.parent.iterdir() if folder.is_dir()), key=_order, reverse=True
    )
    versions = [{"version": name, "title": name, "aliases": []} for name in found]
    (site.parent / "versions.json").write_text(json.dumps(versions), encoding="utf-8")
    (site.parent / "index.html").write_text(
        '<!doctype html><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="0; url={found[0]}/index.html">'
        f'<title>modelport</title><a href="{found[0]}/index.html">modelport {found[0]}</a>\n',
        encoding="utf-8",
    )


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _linked(text: str, stands: str, source: str) -> str:
    """The text of a file of the repository, with its relative links as they are from its page of the site."""

    def turned(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(stands), match[1]))
        anchor = match[2] or ""
        if target in ELSEWHERE:
            at = ELSEWHERE[target]
        elif target.startswith("docs/"):
            at = target.removeprefix("docs/")
        elif target.endswith(".png"):
            at = target
        else:
            return f"{REPOSITORY}{target}{anchor}"
        return posixpath.relpath(at, posixpath.dirname(source) or ".") + anchor

    return LINK.sub(turned, text)


def _reference(package: str, title: str, about: str) -> str:
    """A page with the docstring of each name that a package has in `__all__`."""
    module = ROOT / "src" / package.replace(".", "/") / "__init__.py"
    tree = ast.parse(module.read_text(encoding="utf-8"))
    lists = {ast.unparse(one.targets[0]): one.value for one in tree.body if isinstance(one, ast.Assign)}
    names = [name for name in ast.literal_eval(lists["__all__"]) if not name.startswith("__")]
    if package != "modelport":
        names = [name for name in names if name not in ("Client", "AsyncClient")]
    blocks = [f"::: {_home(tree, name)}\n" for name in names]
    return "\n".join([f"# {title}\n", about + "\n", *blocks])


def _home(tree: ast.Module, name: str) -> str:
    """Where a name that a package gives is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return f"{node.module}.{name}"
    raise ValueError(f"{name!r} is in __all__, but imported from nowhere")
