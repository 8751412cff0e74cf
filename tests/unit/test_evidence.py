"""The evidence tables: every reference resolves, every record is whole, look-ups are quick and exact."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from greaterbay import parameters
from greaterbay.evidence import derived, references, usage
from greaterbay.locations import PACKAGE, shipped_folder
from greaterbay.policy import catalogue

CALIBRATION = shipped_folder("calibration")
RELATIONS = {"=", ">", ">=", "<", "<=", "~", "between", "sign", "ordinal"}
USES = {"input", "check", "default", "target"}
KINDS = {"quantity", "range", "ordering", "sign", "share", "event", "rule"}
PATTERN = re.compile(r"\b(?:figure|assumption|paper|document|lever):[A-Za-z0-9_.]+")


def records(kind):
    return [references.resolve(f"{kind}:{name}") for name in references.all_ids(kind)]


def value(name):
    return references.resolve(f"figure:{name}").value


def test_the_folder_of_the_checkout_is_found():
    assert CALIBRATION == PACKAGE.parent.parent / "calibration"
    assert (shipped_folder("scenarios") / "baseline.toml").is_file()


def test_an_installed_package_has_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("greaterbay.locations.PACKAGE", tmp_path / "lib" / "site" / "greaterbay")
    assert (
        shipped_folder("calibration") == tmp_path / "lib" / "site" / "greaterbay" / "_shipped" / "calibration"
    )


def test_headings_and_records_agree_with_a_full_reading():
    """The quick look-up by headings finds what a full parse of every file finds."""
    for kind in references.SCHEMES:
        found = {}
        for path in references._files(kind):
            whole = tomllib.loads(path.read_text(encoding="utf-8"))
            if kind in ("paper", "document"):
                whole = whole[kind]
            if kind == "assumption":
                groups = {k: v for k, v in whole.items() if all(isinstance(x, dict) for x in v.values())}
                whole = {k: v for k, v in whole.items() if k not in groups} | {
                    f"{group}.{k}": v for group, inside in groups.items() for k, v in inside.items()
                }
            found |= {k: v for k, v in whole.items() if isinstance(v, dict)}
        assert set(references.all_ids(kind)) == set(found)
        for name, data in found.items():
            record = references.resolve(f"{kind}:{name}")
            assert {k: record.data[k] for k in data} == data
            line = record.path.read_text(encoding="utf-8").splitlines()[record.line - 1]
            assert line in (f"[{name}]", f"[{kind}.{name}]")


def test_counts_of_what_the_documents_propose():
    levers = references.all_ids("lever")
    assert [sum(name[0] == letter for name in levers) for letter in "LMH"] == [31, 21, 18]
    assert levers[0] == "L01" and levers[-1] == "H18"
    documents = [r for r in records("document") if "sha256" in r.data]
    assert len(documents) == 5


@pytest.mark.parametrize("kind", references.SCHEMES)
def test_records_are_whole(kind):
    needed = {
        "figure": {
            "document",
            "value",
            "relation",
            "unit",
            "period",
            "place",
            "use",
            "locator",
            "gloss",
            "gloss_zh",
        },
        "assumption": {"kind", "value", "low", "high", "unit", "reason", "sensitivity_required"},
        "paper": {"authors", "year", "title", "journal"},
        "document": {"title", "title_zh", "author", "date", "language", "type"},
        "lever": {"document", "section", "gloss", "gloss_zh"},
    }[kind]
    assert records(kind)
    for record in records(kind):
        assert needed <= set(record.data), record.reference
        assert all(v != "" for v in record.data.values()), record.reference
        assert record.words() and record.words(chinese=True)
        if "document" in needed:
            assert references.resolve(f"document:{record.data['document']}") is not None, record.reference
        for key in ("gloss_zh", "title_zh"):
            assert key not in needed or re.search(r"[一-鿿]", record.data[key]), record.reference


def test_figures_have_known_relations_uses_and_fingerprints():
    for record in records("figure"):
        data = record.data
        assert data["relation"] in RELATIONS and data["use"] in USES and data["kind"] in KINDS, record.reference
        assert (data["kind"] == "sign") == (data["relation"] == "sign"), record.reference
        assert data["kind"] != "range" or data["relation"] == "between", record.reference
        if data["use"] in ("default", "target") and data["document"] in ("hangzhou_ecommerce", "new_materials", "outsourcing_report"):
            assert data["transfer"], record.reference  # a figure of another place says how it is carried over
        number = isinstance(record.value, (int, float)) and not isinstance(record.value, bool)
        if data["relation"] == "between":
            assert record.value[0] < record.value[1], record.reference
        elif data["relation"] in (">", ">=", "<", "<=", "~"):
            assert number, record.reference
        elif data["relation"] == "sign":
            assert record.value in ("+", "-"), record.reference
        elif data["relation"] == "ordinal":
            assert isinstance(record.value, str), record.reference
        text_is_held = "sha256" in references.resolve(f"document:{data['document']}").data
        assert ("fingerprint" in data) == text_is_held, record.reference
        if text_is_held:
            mark = data["fingerprint"]
            assert set(mark) == {"offset", "length", "sha256"}
            assert mark["offset"] >= 0 and 2 <= mark["length"] <= 200
            assert re.fullmatch(r"[0-9a-f]{64}", mark["sha256"])
            characters = references.resolve(f"document:{data['document']}").data["characters"]
            assert mark["offset"] + mark["length"] <= characters
        else:
            assert data["status"] in ("confirmed", "derived"), record.reference


@pytest.mark.skipif("GREATERBAY_DOCUMENTS" not in os.environ, reason="needs the folder of the source documents")
def test_fingerprints_match_the_documents():
    folder = Path(os.environ["GREATERBAY_DOCUMENTS"])
    checked, problems = usage.verify(folder)
    assert problems == [] and checked == sum("fingerprint" in r.data for r in records("figure")) > 200
    for name in references.all_ids("document"):
        data = references.resolve(f"document:{name}").data
        if "sha256" in data:
            raw = (folder / data["file"]).read_bytes()
            assert hashlib.sha256(raw).hexdigest() == data["sha256"]
            text = "".join(c for c in raw.decode("utf-8") if not c.isspace())
            assert len(text) == data["characters"]
            for record in records("figure"):
                # the gloss is in own words, names apart
                gloss = "".join(record.data["gloss_zh"].split())
                assert len(gloss) <= 10 or record.data["document"] != name or gloss not in text, record.reference


def test_fingerprints_are_proved_on_any_copy(own_tables):
    """Breaking lines elsewhere changes nothing, another character does; what cannot be read is told."""
    text = "一 二三\n四五六七"
    bare = "".join(text.split())
    digest = hashlib.sha256(bare.encode()).hexdigest()
    (own_tables / "references.toml").write_text(
        f'[document.a]\nfile = "a.txt"\nsha256_characters = "{digest}"\ncharacters = 7\n', encoding="utf-8"
    )
    mark = hashlib.sha256(bare[2:5].encode()).hexdigest()
    (own_tables / "figures" / "a.toml").write_text(
        f'document = "a"\n[one]\nvalue = 1\nfingerprint = {{ offset = 2, length = 3, sha256 = "{mark}" }}\n', encoding="utf-8"
    )
    folder = own_tables / "documents"
    folder.mkdir()
    checked, problems = usage.verify(folder)
    assert checked == 0 and "a.txt cannot be read" in problems[0]
    (folder / "a.txt").write_text("一二\n\n三 四五\u3000六七\n", encoding="utf-8")
    assert usage.verify(folder) == (1, [])
    (folder / "a.txt").write_text("一二三四五六八", encoding="utf-8")
    checked, problems = usage.verify(folder)
    assert checked == 1 and len(problems) == 1 and "holds another text" in problems[0]
    (folder / "a.txt").write_text("一二三十五六七", encoding="utf-8")
    assert "figure one: characters 2 to 5 of a are others" in usage.verify(folder)[1]


def test_derived_values_are_what_their_formulas_give():
    assert len(derived.table()) >= 10
    for name, row in derived.table().items():
        assert derived.compute(row["formula"]) == pytest.approx(row["value"], rel=max(row["within"], 1e-12)), name
        assert row["gloss"] and row["gloss_zh"] and row["unit"]
    with pytest.raises(ValueError, match="unknown figure:nothing"):
        derived.compute("figure:nothing + 1")
    with pytest.raises(ValueError, match="is not arithmetic"):
        derived.compute("__import__('os').getcwd()")


def test_readers_and_orphans():
    read = usage.readers()
    assert "target conversion_of_results" in read["figure:nm_conversion_general"]
    assert "parameter partnering.border_weight" in read["figure:ocots_effect_on_flows"]
    assert any(who.startswith("region gba: ") for who in read["figure:skl_guangzhou"])
    assert any(who.startswith("lever ") for who in read["lever:L20"])
    assert any(who.startswith("derived ") for who in read["figure:labs_all".replace("labs_all", "ghm_joint_labs")])
    lonely = {row["id"] for row in usage.orphans()}
    assert "market.selection" in lonely and "partnering.border_weight" not in lonely
    assert lonely <= {p.id for p in parameters.table().values()} | set(catalogue.levers())


def test_known_values():
    assert [value(f"skl_{city}") for city in ("guangzhou", "shenzhen", "hongkong", "macao")] == [19, 6, 16, 4]
    assert value("incubators_gd") == 1066 and value("makerspaces_gd") == 1050
    assert value("provincial_key_labs_gd") == 435 and value("ghm_joint_labs") == 31
    assert (
        references.resolve("figure:nm_conversion_2023").data["relation"],
        value("nm_conversion_2023"),
    ) == ("<", 18)
    assert value("nm_ti_cycle_old") == 60 and value("nm_ti_cycle_new") == 18
    assert value("nm_rd_cycle") == [5, 10]
    assert value("rd_people_hong_kong") == 33_576
    assert value("hz_cofin_periphery_local") + value("hz_cofin_periphery_city") == 100
    assert sum(value("rd_performers_hong_kong")) == pytest.approx(100)
    assert value("distance_firm_university_barrier") == "-"
    # provincial rank and better: 327 of 1066 incubators and 430 of 1050 maker spaces
    assert value("incubators_gd") * value("incubators_provincial_share") / 100 == pytest.approx(327, abs=0.5)
    assert value("makerspaces_gd") * value("makerspaces_provincial_share") / 100 == pytest.approx(
        430, abs=0.6
    )


def test_contradictory_figures_are_left_out():
    contradictory = {
        "embodied_global_2023",
        "embodied_global_2028",
        "embodied_global_cagr",
        "embodied_global_2025_statista",
        "embodied_cn_2023",
        "embodied_cn_2027",
        "embodied_cn_cagr",
        "robot_shares",
        "smartmfg_cn_2023",
        "smartmfg_cn_share",
        "us_network_output",
        "biomfg_cn_2025",
        "nm_young_talent_yearly",
    }
    assert contradictory.isdisjoint(references.all_ids("figure"))


def test_consistent_figures_agree_with_each_other():
    assert value("biomfg_cn_2023") * (1 + value("biomfg_cagr") / 100) ** 10 == pytest.approx(
        value("biomfg_cn_2033"), rel=0.02
    )
    growth = (value("smartmfg_global_2030") / value("smartmfg_global_2023")) ** (1 / 7) - 1
    assert growth == pytest.approx(value("smartmfg_cagr") / 100, abs=0.003)
    assert 1 - value("nm_ti_cycle_new") / value("nm_ti_cycle_old") >= value("nm_cycle_cut") / 100
    assert value("credit_amount") / value("credit_shops") == pytest.approx(30.8, abs=0.1)


# Assumptions


def test_assumptions_lie_in_their_range():
    for record in records("assumption"):
        assert record.low <= record.value <= record.high, record.reference
        assert record.low < record.high, record.reference
        assert isinstance(record.data["sensitivity_required"], bool)
        assert record.data["kind"] in ("region", "parameter", "lever", "check", "target")
        assert record.data["reason"].endswith("."), record.reference


def test_parameter_assumptions_repeat_no_numbers():
    declared = parameters.table()
    for record in records("assumption"):
        if record.data["kind"] != "parameter":
            assert record.id not in declared
            continue
        place = references._places("assumption")[record.id]
        written = place.path.read_text(encoding="utf-8")[place.start : place.end]
        assert not re.search(r"^(value|low|high|unit)\b", written, re.MULTILINE), record.reference
        parameter = declared[record.id]
        assert (record.value, record.low, record.high) == (parameter.value, parameter.low, parameter.high)
        assert (record.unit, record.data["time_base"]) == (parameter.unit, parameter.time_base)


def test_every_parameter_has_references_that_resolve():
    wrong = []
    for parameter in parameters.table().values():
        given = references.split(parameter.reference)
        if not given:
            wrong.append(f"{parameter.id}: none")
        wrong += [f"{parameter.id}: {r}" for r in given if references.resolve(r) is None]
    assert wrong == []


def texts_with_references():
    for path in (
        PACKAGE / "parameters.csv",
        *(PACKAGE / "policy").rglob("*.toml"),
        *(PACKAGE / "validation").glob("*.csv"),
        *(PACKAGE / "region" / "gba").glob("sources.csv"),
        PACKAGE / "validation" / "checks.csv",
        *(CALIBRATION / name for name in ("targets.toml", "priors.toml", "derived.toml")),
        *shipped_folder("scenarios").glob("*.toml"),
        *(shipped_folder("scenarios") / "mixins").glob("*.toml"),
    ):
        yield path, path.read_text(encoding="utf-8")


def test_references_of_catalogues_and_scenarios_resolve():
    wrong = [
        f"{path.name}: {r}"
        for path, text in texts_with_references()
        for r in set(PATTERN.findall(text))
        if references.resolve(r) is None
    ]
    assert wrong == []


def test_no_assumption_is_left_over():
    used = {r for _, text in texts_with_references() for r in PATTERN.findall(text)}
    assert [r.reference for r in records("assumption") if r.reference not in used] == []


# Look-up


def test_unknown_references():
    assert references.resolve("figure:no_such") is None
    assert references.resolve("rumour:skl_macao") is None
    assert references.resolve("skl_macao") is None
    assert references.resolve("") is None
    with pytest.raises(ValueError, match="unknown scheme 'rumour'"):
        references.all_ids("rumour")


def test_nearest():
    assert references.nearest("figure:skl_guangzou") == "figure:skl_guangzhou"
    assert references.nearest("skl_macau") == "figure:skl_macao"
    assert references.nearest("paper:skl_macao") == "figure:skl_macao"
    assert references.nearest("lever:L1") in {f"lever:{name}" for name in references.all_ids("lever")}
    assert references.nearest("assumption:partnering.border_wieght") == "assumption:partnering.border_weight"
    assert references.nearest("figure:zzzzzzzzzz") is None


def test_split():
    assert references.split("figure:a assumption:b") == ("figure:a", "assumption:b")
    assert references.split("figure:a; lever:L01") == ("figure:a", "lever:L01")
    assert references.split("") == ()


@pytest.fixture
def own_tables(tmp_path, monkeypatch):
    """A calibration folder of the test's own, with empty look-up caches."""

    def clear():
        for cached in (references._text, references._places, references._record):
            cached.cache_clear()

    monkeypatch.setattr(references, "shipped_folder", lambda name: tmp_path)
    (tmp_path / "figures").mkdir()
    clear()
    yield tmp_path
    clear()


def test_an_id_given_twice_is_refused_with_both_lines(own_tables):
    (own_tables / "figures" / "a.toml").write_text('document = "x"\n\n[one]\nvalue = 1\n', encoding="utf-8")
    (own_tables / "figures" / "b.toml").write_text(
        'document = "y"\n[two]\nvalue = 2\n[one]\nvalue = 3\n', encoding="utf-8"
    )
    with pytest.raises(ValueError, match=r"b\.toml:4: figure 'one' stands twice, first at .*a\.toml:3"):
        references.resolve("figure:one")


def test_preamble_reaches_every_record(own_tables):
    (own_tables / "figures" / "a.toml").write_text(
        'document = "x"\n[one]\nvalue = 1\n[two]\nvalue = 2\n', encoding="utf-8"
    )
    assert dict(references.resolve("figure:two").data) == {"document": "x", "value": 2}
    assert references.resolve("figure:two").line == 4


def test_digest_changes_with_any_table(own_tables):
    for name in ("references", "assumptions", "levers_documents", "figures/a"):
        (own_tables / f"{name}.toml").write_text("[one]\n", encoding="utf-8")
    digests = {references.digest()}
    for name in ("references", "assumptions", "levers_documents", "figures/a"):
        (own_tables / f"{name}.toml").write_text("[one]\nvalue = 1\n", encoding="utf-8")
        digests.add(references.digest())
    assert len(digests) == 5


def test_looking_up_imports_nothing_heavy():
    code = (
        "import sys; from greaterbay.evidence import references as r; r.resolve('figure:skl_macao');"
        "r.nearest('lever:L99');"
        "print(sorted({'numpy', 'numba', 'scipy', 'mesa', 'xarray', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
