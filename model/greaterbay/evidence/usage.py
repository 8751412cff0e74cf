"""What reads each figure, what rests on no figure at all, and the proof of fingerprints against the documents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from greaterbay.evidence import references
from greaterbay.locations import PACKAGE, shipped_folder

REFERENCE = re.compile(r"\b(?:figure|assumption|paper|document|lever):[A-Za-z0-9_.]+")
SIGNS = {"=": "", "~": "about ", ">": "more than ", ">=": "at least ", "<": "less than ", "<=": "at most ", "between": ""}

WORDLESS = ("ordinal", "sign", "date", "event", "rule", "direction")  # units that are kinds of value
SIGNS_ZH = {"=": "", "~": "约", ">": "超过", ">=": "至少", "<": "低于", "<=": "至多", "between": ""}
WORDS_ZH = {
    # use, kind, status, and what reads a figure
    "input": "输入", "default": "杠杆默认值", "check": "检验", "target": "目标",
    "quantity": "数量", "share": "份额", "ordering": "排序", "sign": "方向", "range": "范围", "event": "事件", "rule": "规则",
    "confirmed": "已核实", "derived": "推算",
    "parameter": "参数", "lever": "杠杆", "levers": "杠杆", "region": "区域", "scenario": "情景", "prior": "先验",
}
UNITS_ZH = {
    "10^8 CNY": "亿元", "10^8 CNY (nearly)": "亿元(近)", "10^8 CNY/year": "亿元/年", "10^8 CNY planned": "亿元(计划)",
    "10^8 CNY per team": "亿元/团队", "10^8 CNY yearly turnover": "亿元年营业额", "10^12 CNY": "万亿元",
    "10^8 USD": "亿美元", "10^8 USD (>)": "亿美元(以上)", "10^4 CNY": "万元", "10^4 CNY one-off": "万元(一次性)",
    "10^4 CNY cumulative": "万元(累计)", "10^4 CNY yearly revenue": "万元年收入", "10^4 CNY yearly sales": "万元年销售额",
    "10^4 CNY over 3 years": "万元(三年)", "10^4 CNY per project": "万元/项目", "million CNY a year": "百万元/年",
    "million CNY per full-time equivalent": "百万元/全时当量", "full-time equivalents": "全时当量",
    "10^4 persons": "万人", "persons": "人", "persons trained a year": "人/年(培训)", "10^4 vehicles": "万辆", "10^4 shops": "万家店铺",
    "10^8 parcels": "亿件", "10^4 km2": "万平方公里", "km2": "平方公里", "km": "公里",
    "% per year": "%/年", "% per year over 2 years": "%/年(两年)", "% per year over 3 years": "%/年(三年)", "% yoy": "%(同比)",
    "% of actual investment": "%(占实际投资)", "% of actual investment per year": "%/年(占实际投资)",
    "% of yearly investment": "%(占年投资)", "% of actual spending": "%(占实际支出)", "% of actual R&D spending": "%(占实际研发支出)",
    "% of R&D cost": "%(占研发费用)", "% of project capital": "%(占项目资本金)", "% of premium": "%(占保费)",
    "% of booth fee": "%(占展位费)", "% of above-scale manufacturers": "%(占规上制造企业)", "% of national clusters": "%(占国家级集群)",
    "% of firm revenue (basis not stated)": "%(占企业收入,口径未说明)", "% of valid invention patents": "%(占有效发明专利)",
    "% of PCs": "%(占个人电脑)", "% of vehicles": "%(占车辆)", "% of users": "%(占用户)", "% of netizens": "%(占网民)",
    "% of small firms, need below 50 x 10^4 CNY": "%(占小企业,需求低于50万元)", "% after 20 years": "%(二十年后)",
    "% imported": "%(进口)", "% domestic": "%(国产)", "% productivity": "%(生产率)", "% cost": "%(成本)", "% output": "%(产量)",
    "% local share": "%(地方分担)", "% city share": "%(市级分担)", "% city / district": "%(市/区)", "tax rate": "税率",
    "× 2011": "倍(对2011年)", "× increase of share": "倍(份额增长)", "times  increase over six years": "倍(六年增长)",
    "ratio joint / sum of parts": "(合计/各部分之和)", "boolean": "", "years": "年", "year": "年", "minutes": "分钟",
    "months": "个月", "months (5 years)": "个月(五年)", "year without penalty": "年(免责期)", "projects/year": "项/年",
    "cities": "个城市", "SARs": "个特别行政区", "labs": "个实验室", "state key labs": "个国家重点实验室", "national labs": "个国家实验室",
    "engineering centres": "个工程中心", "national consortia": "个国家级联合体", "innovative SMEs": "家创新型中小企业",
    "incubators": "个孵化器", "maker spaces": "个众创空间", "founders named": "个发起单位", "zones": "个区", "regions": "个地区",
    "standards": "项标准", "agreements": "项协议", "institutes": "个机构", "alliances": "个联盟", "technology fields": "个技术领域",
    "friction types": "类摩擦", "industries": "个产业", "client firms": "家客户企业", "systems": "套体系", "campuses": "个校区",
    "business modes": "种业务模式", "booths per firm and event": "个展位(每企业每展会)",
    "invention patents granted a year": "件/年(授权发明专利)",
    "steps (district review, city review, experts, public notice)": "个环节(区审、市审、专家评审、公示)",
}  # fmt: skip


def readers() -> dict[str, list[str]]:
    """Reference -> what cites it: parameters, levers, region columns, scenarios, targets, priors."""
    found: dict[str, list[str]] = {}

    def note(text: str, who: str) -> None:
        for reference in dict.fromkeys(REFERENCE.findall(text)):
            kept = found.setdefault(reference.rstrip("."), [])
            if who not in kept:
                kept.append(who)

    for parameter in _parameters():
        note(parameter["reference"], f"parameter {parameter['id']}")
    for path in sorted((PACKAGE / "policy").rglob("*.toml")) + sorted((PACKAGE / "policy").rglob("*.csv")):
        who = "levers"
        for line in _text(path).splitlines():
            if heading := re.match(r"\[+([a-z_0-9.]+)\]+$|id\s*=\s*\"([^\"]+)\"", line.strip()):
                who = f"lever {heading[1] or heading[2]}"
            note(line, who)
    for path in sorted((PACKAGE / "region").glob("*/sources.csv")):
        for line in _text(path).splitlines()[1:]:
            cells = line.split(",")
            note(line, f"region {path.parent.name}: {'.'.join(cells[:2])}")
    scenarios = shipped_folder("scenarios")
    for path in [*sorted(scenarios.glob("*.toml")), *sorted((scenarios / "mixins").glob("*.toml"))]:
        note(_text(path), f"scenario {path.stem}")
    for name, sort in (("targets.toml", "target"), ("priors.toml", "prior")):
        who = sort
        path = shipped_folder("calibration") / name
        for line in _text(path).splitlines() if path.is_file() else ():
            if heading := re.match(r'id = "([^"]+)"', line):
                who = f"{sort} {heading[1]}"
            if line.startswith("reference"):
                note(line, who)
    for path in sorted((shipped_folder("calibration")).glob("derived.toml")):
        for block in re.split(r"(?m)^(?=\[)", _text(path)):
            if heading := re.match(r"\[([^\]]+)\]", block):
                note(block, f"derived {heading[1]}")
    return found


def card(name: str, read: Mapping[str, list[str]]) -> dict:
    """One figure as plain values; a date as text."""
    data = dict(references.record(f"figure:{name}").data)
    data["value"] = [_plain(v) for v in data["value"]] if isinstance(data["value"], list) else _plain(data["value"])
    return {"id": name, **data, "says": said(data), "read_by": read.get(f"figure:{name}", [])}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def said(data: Mapping, chinese: bool = False) -> str:
    """Value, relation and unit in one phrase; in Chinese empty where the value is words of another language (the gloss says it)."""
    value = data["value"]
    listed = [str(v) for v in value] if isinstance(value, list) else [str(value)]
    text = (("至" if chinese else " to ") if data["relation"] == "between" else ", ").join(listed)
    if chinese and re.search("[A-Za-z]", text):
        return ""
    unit = "" if data["unit"] in WORDLESS else data["unit"]
    if chinese:
        unit = UNITS_ZH.get(unit, unit)
        return f"{SIGNS_ZH.get(data['relation'], '')}{text}{unit if unit[:1] != '(' else f' {unit}'}"
    return f"{SIGNS.get(data['relation'], '')}{text}{f' {unit}' if unit else ''}"


def word_zh(text: str) -> str:
    """A word of a card in Chinese; of what reads a figure (``target x``) the first word."""
    first, space, rest = text.partition(" ")
    return f"{WORDS_ZH.get(first, first)}{space}{rest}"


def orphans() -> list[dict]:
    """Parameters and levers that rest on assumptions alone: no figure, paper or proposed measure stands behind them."""
    from greaterbay.policy import catalogue

    rows = []
    for parameter in _parameters():
        given = references.split(parameter["reference"])
        if not any(r.split(":")[0] in ("figure", "paper", "lever") for r in given):
            rows.append(
                {
                    "sort": "parameter",
                    "id": parameter["id"],
                    "reference": " ".join(given),
                    "label": parameter["label"],
                    "label_zh": parameter["label_zh"],
                }
            )
    for lever in catalogue.levers().values():
        if not any(r.split(":")[0] in ("figure", "paper", "lever") for r in lever.reference) and not lever.documents:
            rows.append(
                {"sort": "lever", "id": lever.id, "reference": " ".join(lever.reference), "label": lever.name, "label_zh": lever.name_zh}
            )
    return rows


def verify(folder: Path) -> tuple[int, list[str]]:
    """Number of fingerprints that agree with the documents in ``folder``, and a line for each that does not."""
    if not folder.is_dir():
        return 0, [f"{folder}: {'this is a file' if folder.exists() else 'no such folder'}; allowed: the folder with the documents"]
    texts, problems, checked = {}, [], 0
    for name in references.all_ids("document"):
        data = references.record(f"document:{name}").data
        if "sha256_characters" not in data:
            continue
        try:
            with open(folder / data["file"], encoding="utf-8", newline="") as file:
                text = "".join(character for character in file.read() if not character.isspace())
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"document {name}: {folder / data['file']} cannot be read ({error})")
            continue
        if hashlib.sha256(text.encode()).hexdigest() != data["sha256_characters"]:
            problems.append(
                f"document {name}: {folder / data['file']} holds another text (found {len(text)} characters, known {data['characters']})"
            )
        texts[name] = text
    for name in references.all_ids("figure"):
        data = references.record(f"figure:{name}").data
        mark, text = data.get("fingerprint"), texts.get(data["document"])
        if mark is None or text is None:
            continue
        passage = text[mark["offset"] : mark["offset"] + mark["length"]]
        if hashlib.sha256(passage.encode()).hexdigest() == mark["sha256"]:
            checked += 1
        else:
            problems.append(
                f"figure {name}: characters {mark['offset']} to {mark['offset'] + mark['length']} of {data['document']} are others"
            )
    return checked, problems


def _parameters() -> list[dict[str, str]]:
    import csv

    with open(PACKAGE / "parameters.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(path: Path) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
