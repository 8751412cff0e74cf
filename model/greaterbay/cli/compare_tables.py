"""The tables that ``greaterbay compare`` prints, in English or Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from greaterbay import outputs as declared
from greaterbay.comparison import spread, synergy, values
from greaterbay.comparison.paired import ALONE, HIGHER, LOWER, SAME, UNCLEAR, Effect
from greaterbay.comparison.study import Study, label_of
from greaterbay.digits import UNKNOWN, digits, known
from greaterbay.plots import units
from greaterbay.plots.words import FLOWS

WIDE = 150  # columns where there is no terminal to ask; narrower ones leave out columns that the files hold
LEAST = {"outcome": 24, "verdict": 13, "technology": 16, "measure": 14}
WIDEST = {"outcome": 32, "policy": 40, "verdict": 14, "gain": 46, "lose": 46, "measure": 22}
VERDICTS_ZH = {
    HIGHER: "更高",
    LOWER: "更低",
    SAME: "无差别",
    UNCLEAR: "不宜报告方向",
    ALONE: "仅一对,无从判断",
    spread.NOT_REACHED: "未达到",
}
HEADS = {
    "outcome": ("outcome", "结果"),
    "reference": ("reference", "基准值"),
    "mean": ("mean effect", "平均效应"),
    "replaced": ("unpaired runs replaced", "替代的非配对模拟数"),
    "across": ("across parameters, 90 %", "参数间效应 90 %"),
    "future": ("predictive, 90 %", "预测区间 90 %"),
    "better": ("P(better)", "P(更优)"),
    "holm": ("Holm p", "Holm p"),
    "ratio": ("pairing ×", "配对倍数"),
    "verdict": ("finding", "结论"),
    "policy": ("policy", "政策"),
    "rank": ("rank", "名次"),
    "best": ("P(best)", "P(最优)"),
    "regret": ("regret, 90 % quantile", "遗憾 90 % 分位"),
    "cost": ("public cost, present value", "公共支出现值"),
    "economic": ("with cost of funds", "含资金边际成本"),
    "unit": ("cost per unit", "单位效应成本"),
    "frontier": ("frontier", "前沿"),
    "share": ("share of replicates", "重复比例"),
    "target": ("target", "目标"),
    "horizon": ("year", "年份"),
    "technology": ("technology", "技术"),
    "measure": ("measure", "指标"),
    "difference": ("difference, 90 %", "差值 90 %"),
    "reached": ("reached (reference)", "达到次数(基准)"),
    "group": ("group", "范围"),
    "index": ("index, 90 %", "指数 90 %"),
    "gain": ("gain", "受益"),
    "lose": ("lose", "受损"),
    "unclear": ("no direction", "方向不明"),
    "fifty": ("50 %", "50 %"),
    "ninety": ("90 %", "90 %"),
    "parameters": ("from parameters", "参数占比"),
}
WORDS = {
    "main": ("Effects on all cities together in {year}, against {against}: {pairs} pairs", "{year} 年全区域效应,相对 {against}:{pairs} 对"),
    "main_caption": (
        "Mean effect with its Monte Carlo error, 50 and 90 % interval; predictive: one further pair of futures. Changes in %, "
        "of shares in percentage points. Holm: over policies × outcomes.",
        "平均效应及其模拟误差、50 % 与 90 % 区间;预测:再多一对未来的差值。变化以 % 计,份额类以百分点计。Holm:跨政策×结果校正。",
    ),
    "across_decides": (
        "The finding goes by the interval across parameters (run noise removed), not by that of the mean effect.",
        "结论依据参数间效应的区间（已剔除运行噪声），而非平均效应的区间。",
    ),
    "pairing": ("What pairing was worth in {year}", "{year} 年配对的价值"),
    "pairing_caption": (
        "Variance of a difference without pairing over that with it, with its 90 % interval; "
        "so many unpaired runs a scenario do {pairs} pairs replace.",
        "不配对与配对差值方差之比及其 90 % 区间;{pairs} 对相当于每个情景这么多次非配对模拟。",
    ),
    "ranks": ("Order of policies in {year}: {outcome}", "{year} 年政策排序:{outcome}"),
    "ranks_caption": (
        "The whole order is as shown in {stable} of samples; mean rank correlation (Kendall) {agreement}.",
        "样本中有 {stable} 的完整排序与此一致;平均秩相关(Kendall){agreement}。",
    ),
    "prices": ("Public money up to {year}, and what it bought: {outcome}", "截至 {year} 年的公共资金及其效果:{outcome}"),
    "prices_caption": (
        "Present value against {against}. Cost per unit only where the effect is clear. Frontier: no other policy does more for less.",
        "相对 {against} 的现值。仅在效应明确时给出单位成本。前沿:没有其他政策以更少的钱做得更多。",
    ),
    "targets": ("Targets", "目标"),
    "spread": ("Diffusion: how much sooner, how far behind, how much more use", "扩散:提前多少、滞后多少、使用增加多少"),
    "spread_caption": (
        "Times in years from the launch; not reached counts as the end of the run. Area: adoption share × years. All "
        "cities and periphery; single cities in spread.csv.",
        "自推出起的年数;未达到按模拟结束计。面积:采用率×年。此处为全区域与外围;各城市见 spread.csv。",
    ),
    "synergy": ("Synergy index T1: together over each alone, the same levers", "协同指数 T1:联合/各自单独,相同政策"),
    "winners": ("Winners and losers by city in {year}: {outcome}", "{year} 年各城市受益与受损:{outcome}"),
    "winners_caption": (
        "Cities, and jurisdictions of several cities, whose 90 % interval does not cover zero; "
        "* fewer than 30 simulated agents. All numbers in effects.csv.",
        "90 % 区间不含零的城市与多城法域;* 模拟个体少于 30。全部数字见 effects.csv。",
    ),
    "flows": ("Largest clear changes of flows, mean of {years}", "流量的最大明确变化,{years} 年平均"),
    "from_to": ("from → to", "来源→去向"),
    "flows_caption": (
        "Ties: stock at the end. Clear: at most one in ten of the cells so called is chance (Benjamini–Hochberg).",
        "合作关系为期末存量。明确:所列单元中偶然者至多一成(Benjamini–Hochberg)。",
    ),
    "flow": ("flow", "流量"),
    "change": ("change a year", "年变化"),
    "budget": ("Equal public money", "等额公共资金"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "time_10": ("time to 10 %", "达到 10 % 的时间"),
    "time_50": ("time to 50 %", "达到 50 % 的时间"),
    "time_90": ("time to 90 %", "达到 90 % 的时间"),
    "lag": ("lag behind the core", "滞后核心"),
    "area": ("area between the curves", "曲线间面积"),
    "all": ("all cities", "全区域"),
    "periphery": ("periphery", "外围"),
    "core": ("core", "核心"),
    synergy.TOTAL: ("total", "合计"),
    synergy.MEAN: ("mean of jurisdictions", "各法域平均"),
    spread.TRACKED: ("all tracked technologies", "全部跟踪技术"),
    "additional": ("additional", "新增"),
    "reallocated": ("reallocated", "调剂"),
}


class _Screen:
    def __init__(self, study: Study, lang: str) -> None:
        from rich.console import Console

        self.study, self.lang = study, lang
        self.console = Console(highlight=False, soft_wrap=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, soft_wrap=False, width=max(WIDE, self.console.width))

    def word(self, key: str, **more: object) -> str:
        return (WORDS.get(key) or (key, key))[self.lang == "zh"].format(**more)

    def verdict(self, text: str) -> str:
        return VERDICTS_ZH.get(text, text) if self.lang == "zh" else text

    def name(self, key: str) -> str:
        """A city, jurisdiction or technology."""
        known = self.study.names
        found = known.get(key) or known.get(f"jurisdiction:{key}")
        return found[self.lang == "zh"] if found else key.replace("_", " ")

    def title(self, policy: str) -> str:
        english, chinese = self.study.titles[policy]
        return f"{chinese if self.lang == 'zh' else english} ({policy})"

    def table(self, title: str, heads: Sequence[str], rows: Iterable[Sequence[str | None]], caption: str = "", left: int = 1) -> None:
        """A table; a row of None is a line. Nothing is printed for no rows."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        rows = list(rows)
        if not any(row for row in rows):
            return
        if self.study.mixed:
            title = (
                f"{title}\n{'混合运行,配对存疑' if self.lang == 'zh' else 'MIXED RUNS, pairs are doubtful'}: {'; '.join(self.study.mixed)}"
            )
        table = Table(
            box=SIMPLE_HEAD,
            title=Text(title, style="bold"),
            title_justify="left",
            caption=Text(caption),
            caption_justify="left",
            pad_edge=False,
            padding=(0, 1),
            show_edge=False,
        )
        for place, head in enumerate(heads):
            words = HEADS.get(head) or WORDS[head]
            text = place < left or head in ("verdict", "gain", "lose")
            # words may be broken, numbers not
            table.add_column(
                words[self.lang == "zh"],
                justify="left" if text else "right",
                overflow="fold",
                no_wrap=not text,
                min_width=LEAST.get(head, 0) * (3 if self.console.width >= 100 else 2) // 3,
                max_width=WIDEST.get(head),
            )
        for row in rows:
            if row is None:
                table.add_section()
            else:
                table.add_row(*(Text(str(cell)) for cell in row))
        self.console.print(table)
        self.console.print()


def show(study: Study, lang: str) -> None:
    """Print the whole study."""
    screen = _Screen(study, lang)
    for year in study.horizons:
        _main(screen, year)
    last = max(study.horizons)
    _pairing(screen, last)
    for outcome in study.outcomes[:3] if len(study.outcomes) > 3 else study.outcomes:
        _ranks(screen, outcome, last)
    _prices(screen, last)
    _targets(screen)
    _winners(screen, last)
    _spread(screen)
    _flows(screen)
    _synergy(screen)
    _budget(screen)
    for note in study.notes:
        screen.console.print(f"• {note[lang == 'zh']}", markup=False)


def _main(screen: _Screen, year: int) -> None:
    study, width = screen.study, screen.console.width
    # the interval that the finding goes by is always there; the others where there is room
    heads = [
        "outcome",
        "mean",
        *(["fifty"] if width >= (190 if study.draws else 150) else []),
        *(["ninety"] if not study.draws or width >= 140 else []),
        *(["across"] if study.draws else []),
        *(["parameters"] if study.draws and width >= 140 else []),
        *(["future"] if width >= (190 if study.draws else 150) else []),
        *(["better", "holm"] if width >= 110 else []),
        "verdict",
    ]
    screen.console.print(screen.word("main", year=year, against=study.against, pairs=study.pairs), style="bold", markup=False)
    screen.console.print(screen.word("main_caption"), style="dim", markup=False)
    if study.draws:
        screen.console.print(screen.word("across_decides"), style="dim", markup=False)
    screen.console.print()
    for policy in study.policies:
        rows = []
        for outcome in study.outcomes:
            one = study.effect(policy, outcome, year)
            if one is None:
                continue
            share = _with_bounds(one.share_parameters, one.share_low, one.share_high, ".0%")
            cells = {
                "outcome": label_of(outcome, screen.lang),
                "mean": change(one, one.mean),
                "fifty": span(one, one.low50, one.high50),
                "ninety": span(one, one.low90, one.high90),
                "across": span(one, one.across_low90, one.across_high90),
                "parameters": share,
                "future": span(one, one.future_low90, one.future_high90),
                "better": _part(one.better),
                "holm": _p(one.p_holm),
                "verdict": screen.verdict(one.verdict),
            }
            rows.append([cells[head] for head in heads])
        screen.table(screen.title(policy), heads, rows)


def _pairing(screen: _Screen, year: int) -> None:
    """Measured variance ratio of every outcome and policy, and the unpaired runs that were saved."""
    study = screen.study
    rows = []
    for policy in study.policies:
        for outcome in study.outcomes:
            one = study.effect(policy, outcome, year)
            if one is not None and one.ratio is not None:
                rows.append(
                    [
                        policy,
                        label_of(outcome, screen.lang),
                        short(one.ratio),
                        f"[{short(one.ratio_low)}, {short(one.ratio_high)}]",
                        f"{one.replaced:,}",
                    ]
                )
        rows.append(None)
    screen.table(
        screen.word("pairing", year=year),
        ("policy", "outcome", "ratio", "ninety", "replaced"),
        rows,
        screen.word("pairing_caption", pairs=study.pairs),
        left=2,
    )


def factor_of(one: Effect) -> tuple[float, str]:
    """What to multiply an effect with to show it, and the unit: %, percentage points, or the output's own."""
    output = declared.get(one.outcome)
    if output.unit in units.PERCENT:
        return 100.0, ""
    if one.reference:
        return 100.0 / abs(one.reference), "%"
    return 1.0, ""


def change(one: Effect, value: float | None) -> str:
    """A mean effect as a signed change, with its Monte Carlo error."""
    factor, unit = factor_of(one)
    if not known(value):
        return UNKNOWN
    error = f" ± {one.error * factor:.2g}" if known(one.error) else ""
    return f"{signed(value * factor)}{error}{' ' + unit if unit else ''}"


def _short_change(one: Effect) -> str:
    factor, unit = factor_of(one)
    return f"{signed(one.mean * factor)}{' ' + unit if unit else ''}"


def span(one: Effect, low: float | None, high: float | None) -> str:
    """An interval in the unit of ``change``."""
    factor, _ = factor_of(one)
    return f"[{signed(low * factor)}, {signed(high * factor)}]" if known(low) and known(high) else UNKNOWN


def short(value: float | None) -> str:
    """Two or three digits without an exponent."""
    return digits(value, ",.0f" if known(value) and value >= 10 else ".2g")


def signed(value: float) -> str:
    """A signed number of two or three digits; zero bears no sign."""
    if value == 0.0:
        return "0"
    return digits(value, "+,.0f" if known(value) and abs(value) >= 100 else "+.2g")


def _with_bounds(value: float | None, low: float | None, high: float | None, form: str) -> str:
    """A number with its interval, where there is one."""
    bounds = f" [{digits(low, form)}, {digits(high, form)}]" if known(low) or known(high) else ""
    return digits(value, form) + bounds if known(value) else UNKNOWN


def _part(value: float | None) -> str:
    return digits(value, ".2f")


def _p(value: float | None) -> str:
    return "<0.001" if known(value) and value < 0.001 else digits(value, ".3f")


def _amount(value: float | None, outcome: str, lang: str) -> str:
    if not known(value):
        return UNKNOWN
    output = declared.get(outcome)
    scale = units.scale(output, abs(value), lang)
    number = value * scale.factor
    return f"{number:,.0f} {scale.unit}" if abs(number) >= 100 else f"{number:.3g} {scale.unit}"


def _money(value: float | None, lang: str) -> str:
    return _amount(value, "public_cost", lang)


def _ranks(screen: _Screen, outcome: str, year: int) -> None:
    places = [one for one in screen.study.places if (one.outcome, one.horizon) == (outcome, year)]
    rows = [[str(one.rank), screen.title(one.policy), _part(one.best), _amount(one.regret, outcome, screen.lang)] for one in places]
    if rows:
        caption = screen.word("ranks_caption", stable=digits(places[0].stable, ".0%"), agreement=digits(places[0].agreement, ".2f"))
        screen.table(
            screen.word("ranks", year=year, outcome=label_of(outcome, screen.lang)),
            ("rank", "policy", "best", "regret"),
            rows,
            caption,
            left=2,
        )


def _prices(screen: _Screen, year: int) -> None:
    study = screen.study
    for outcome in [name for name in ("conversions", "output", *study.outcomes) if name in study.outcomes][:1]:
        found = [one for one in study.prices if (one.outcome, one.horizon) == (outcome, year)]
        unit = declared.get(outcome).unit_zh if screen.lang == "zh" else declared.get(outcome).unit
        rows = []
        for one in found:
            per = _with_bounds(one.per_unit, one.per_unit_low, one.per_unit_high, ".3g")
            rows.append(
                [
                    screen.title(one.policy),
                    _money(one.cost, screen.lang),
                    f"{_money(one.economic, screen.lang)} ({screen.word(one.financing)})",
                    _amount(one.effect, outcome, screen.lang),
                    per,
                    f"{screen.word('yes' if one.frontier else 'no')} ({digits(one.frontier_chance, '.0%')})",
                ]
            )
        caption = screen.word("prices_caption", against=study.against)
        title = screen.word(
            "prices", year=year, outcome=f"{label_of(outcome, screen.lang)} ({'百万元' if screen.lang == 'zh' else 'million CNY'}/{unit})"
        )
        screen.table(title, ("policy", "cost", "economic", "mean", "unit", "frontier"), rows, caption)


def _targets(screen: _Screen) -> None:
    rows = [
        [one.target, str(one.horizon), screen.title(one.policy), _with_bounds(one.share, one.low, one.high, ".0%")]
        for one in screen.study.targets
    ]
    screen.table(screen.word("targets"), ("target", "horizon", "policy", "share"), rows, left=3)


def _winners(screen: _Screen, year: int) -> None:
    study = screen.study
    for outcome in [name for name in ("conversions", "output", *study.outcomes) if name in study.outcomes][:1]:
        rows = []
        for policy in study.policies:
            found = {one.group: one for one in study.effects if (one.policy, one.outcome, one.horizon) == (policy, outcome, year)}
            # cities, and jurisdictions of several cities
            cities = [
                one
                for group, one in found.items()
                if group not in (values.ALL, *values.ROLES) and (":" not in group or group.partition(":")[2] not in found)
            ]
            named = {
                kind: ", ".join(
                    f"{screen.name(one.group)}{'*' if one.thin else ''} {_short_change(one)}"
                    for one in sorted(cities, key=lambda one: -abs(one.mean))
                    if one.verdict == kind
                )
                for kind in (HIGHER, LOWER)
            }
            rest = sum(one.verdict not in (HIGHER, LOWER) for one in cities)
            rows.append([screen.title(policy), named[HIGHER] or UNKNOWN, named[LOWER] or UNKNOWN, str(rest)])
        screen.table(
            screen.word("winners", year=year, outcome=label_of(outcome, screen.lang)),
            ("policy", "gain", "lose", "unclear"),
            rows,
            screen.word("winners_caption"),
        )


def _spread(screen: _Screen) -> None:
    study = screen.study
    shown = [("time_10", values.ALL), ("time_50", values.ALL), ("lag", "periphery"), ("area", values.ALL), ("area", "periphery")]
    heads = ("technology", "measure", "group", "reference", "difference", "reached", "verdict")
    if study.spread:
        screen.console.print(screen.word("spread"), style="bold", markup=False)
        screen.console.print(screen.word("spread_caption"), style="dim", markup=False)
        screen.console.print()
    for policy in study.policies:
        found = {(one.technology, one.measure, one.group): one for one in study.spread if one.policy == policy}
        rows = []
        for technology in dict.fromkeys(key[0] for key in found):
            for measure, group in shown:
                one = found.get((technology, measure, group))
                if one is None:
                    continue
                reached = UNKNOWN if one.reached is None else f"{one.reached} ({one.reached_reference}) / {one.pairs}"
                bounds = UNKNOWN if one.low90 is None else f"{signed(one.mean)} [{signed(one.low90)}, {signed(one.high90)}]"
                name = screen.word(technology) if technology == spread.TRACKED else screen.name(technology)
                rows.append(
                    [name, screen.word(measure), screen.word(group), digits(one.reference), bounds, reached, screen.verdict(one.verdict)]
                )
        screen.table(screen.title(policy), heads, rows, left=3)


def _flows(screen: _Screen) -> None:
    rows: list = []
    for item in screen.study.flows:
        cells = sorted(zip(*item.clear.nonzero(), strict=True), key=lambda cell: -abs(item.mean[cell]))[:3]
        for a, b in cells:
            bounds = f"{signed(item.mean[a, b])} [{signed(item.low[a, b])}, {signed(item.high[a, b])}]"
            places = f"{screen.name(item.places[a])} → {screen.name(item.places[b])}"
            rows.append([item.policy, FLOWS[item.flow][screen.lang == "zh"], places, digits(item.reference[a, b], ",.1f"), bounds])
    if rows:
        first = screen.study.flows[0]
        title = screen.word("flows", years=f"{first.first}–{first.last}")
        screen.table(title, ("policy", "flow", "from_to", "reference", "change"), rows, screen.word("flows_caption"), left=3)


def _synergy(screen: _Screen) -> None:
    rows: list = []
    for one in screen.study.synergy:
        if one.low is None and one.group == "macao":
            continue  # one small jurisdiction says nothing without its interval
        group = screen.word(one.group) if one.group in WORDS else screen.name(one.group)
        rows.append([one.policy, label_of(one.measure, screen.lang), group, _with_bounds(one.index, one.low, one.high, ".4f")])
    screen.table(screen.word("synergy"), ("policy", "outcome", "group", "index"), rows, left=3)


def _budget(screen: _Screen) -> None:
    if screen.study.budget:
        screen.console.print(screen.word("budget"), style="bold", markup=False)
        for done in screen.study.budget:
            screen.console.print(f"• {done.words(screen.lang)}", markup=False)
        screen.console.print()
