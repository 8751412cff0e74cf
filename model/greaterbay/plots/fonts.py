"""Chinese lettering: which font is used, and what happens when there is none.

The font comes from the package of the extra ``zh`` where that is installed, otherwise from the fonts of the
system. Without either, pictures are lettered in English and a note says so.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from matplotlib import font_manager

LATIN = "DejaVu Sans"
PACKAGE, PACKAGE_FILE = "pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"
SYSTEM_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Microsoft YaHei",
    "SimHei",
)
NO_FONT = "no Chinese font was found, so the pictures are lettered in English; install greaterbay[zh]"


@cache
def chinese_family() -> str | None:
    """Name of a font family with simplified Chinese characters, or None."""
    path = _packaged_file()
    if path is not None:
        font_manager.fontManager.addfont(path)
        return font_manager.FontProperties(fname=path).get_name()
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((family for family in SYSTEM_FAMILIES if family in known), None)


def families(language: str) -> list[str]:
    """Font families for a language, the preferred one first; the rest fill in missing characters."""
    chinese = chinese_family() if language == "zh" else None
    return [chinese, LATIN] if chinese else [LATIN]


def usable_language(language: str) -> tuple[str, str | None]:
    """The language that can be drawn, and a note where it is not the one asked for."""
    if language == "zh" and chinese_family() is None:
        return "en", NO_FONT
    return language, None


def _packaged_file() -> Path | None:
    found = importlib.util.find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / PACKAGE_FILE
        if path.is_file():
            return path
    return None
