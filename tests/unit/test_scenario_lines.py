"""Where keys stand in a TOML text."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from greaterbay.scenario.toml_lines import line_of_key

TEXT = """\
# a comment with = and [brackets]
title = "one # not a comment"
"quoted.key" = 1
dotted . "two parts".three = 2

[run]  # the run
seed = 1
many = [
    "a",  # first ]
    [1, 2,
     3],
]
inline = { one = 1, two.three = { four = 4 } }
long = \"\"\"
[not.a.header]
seed = 5 \\\"\"\" still inside
\"\"\"\"\"
raw = '''
x = 1'''
after = 'C:\\\\dir'

[[events]]
date = 2028-01-01
[events.inner]
deep = true

[[events]]
date = 2029-01-01
[[events.rows]]
x = 1
[[events.rows]]
x = 2

[levers."with space"]
"esc\\u0041\\"" = 1
"""


def test_every_sort_of_key_is_found():
    tomllib.loads(TEXT)
    lines = line_of_key(TEXT)
    expected = {
        (): 1,
        ("title",): 2,
        ("quoted.key",): 3,
        ("dotted",): 4,
        ("dotted", "two parts", "three"): 4,
        ("run",): 6,
        ("run", "seed"): 7,
        ("run", "many"): 8,
        ("run", "many", 0): 9,
        ("run", "many", 1): 10,
        ("run", "many", 1, 1): 10,
        ("run", "many", 1, 2): 11,
        ("run", "inline", "one"): 13,
        ("run", "inline", "two", "three", "four"): 13,
        ("run", "long"): 14,
        ("run", "raw"): 18,
        ("run", "after"): 20,
        ("events",): 22,
        ("events", 0): 22,
        ("events", 0, "date"): 23,
        ("events", 0, "inner", "deep"): 25,
        ("events", 1): 27,
        ("events", 1, "date"): 28,
        ("events", 1, "rows", 0, "x"): 30,
        ("events", 1, "rows", 1, "x"): 32,
        ("levers", "with space"): 34,
        ("levers", "with space", 'escA"'): 35,
    }
    assert {place: lines.get(place) for place in expected} == expected


def test_windows_line_ends_count_once():
    text = 'a = 1\r\nb = """\r\nx\r\n"""\r\nc = 2\r\n'
    tomllib.loads(text)
    assert line_of_key(text)["c",] == 5


keys = st.text("abcdefgh_-0123456789", min_size=1, max_size=8)
values = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), st.text("ab#=[]{}\",' ", max_size=6)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def _written(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ",\n  ".join(_written(item) for item in value) + "]"
    return "{ " + ", ".join(f'"{key}" = {_written(item)}' for key, item in value.items()) + " }"


@given(st.dictionaries(keys, st.dictionaries(keys, values, max_size=4), max_size=4))
def test_any_document_is_passed_to_its_end(tables):
    text, expected = "", {}
    for table, content in tables.items():
        expected[table,] = text.count("\n") + 1
        text += f'["{table}"] # {table}\n'
        for key, value in content.items():
            expected[table, key] = text.count("\n") + 1
            text += f'"{key}" = {_written(value)}\n'
    assert tomllib.loads(text) == tables
    lines = line_of_key(text)
    assert {place: lines.get(place) for place in expected} == expected
