"""Hook of mkdocs: adds the made pages and figures, lists them in the navigation, and puts figures where their markers stand."""

from __future__ import annotations

import posixpath
import re

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

import figures
import pages
from greaterbay import odd_tables
from greaterbay.policy import catalogue

MARKER = re.compile(r"^<!-- figure:(\w+) -->$", re.MULTILINE)


def on_config(config):
    """The navigation lists every page of the model, group of levers and suite of checks."""
    following = {
        "levers/index.md": [f"levers/{stem}.md" for stem in catalogue.FILES],
        "model/index.md": [f"model/{page.name}" for page in odd_tables.odd_pages()[1:]],
        "validation/index.md": sorted(address for address in pages.validation_pages() if address != "validation/index.md"),
    }

    def complete(entry):
        if isinstance(entry, dict):
            return [{title: complete(inner) if isinstance(inner, list) else inner for title, inner in entry.items()}]
        if isinstance(entry, list):
            return [one for inner in entry for one in complete(inner)]
        return [entry, *following.get(entry, ())]

    config.nav = complete(config.nav)
    return config


def on_files(files, config):
    """Made pages and figures join the files."""
    for address, make in pages.generated().items():
        files.append(File.generated(config, address, content=make()))
    for name in figures.FIGURES:
        files.append(File.generated(config, f"figures/{name}.svg", content=figures.svg(name)))
    return files


def on_page_markdown(markdown, page, config, files):
    """A figure in the place of each marker."""
    def placed(match: re.Match) -> str:
        name = match[1]
        if name not in figures.FIGURES:
            raise PluginError(f"{page.file.src_uri}: unknown figure {name!r}; known: {', '.join(figures.FIGURES)}")
        source = posixpath.relpath(f"figures/{name}.svg", posixpath.dirname(page.file.src_uri) or ".")
        caption = figures.FIGURES[name][1]
        return f"<figure markdown=\"span\">\n![{caption}]({source})\n<figcaption>{caption}</figcaption>\n</figure>"

    return MARKER.sub(placed, markdown)
