"""Words on pictures, in English and Chinese. Names of outputs, cities and levers come with the results."""

from __future__ import annotations

LANGUAGES = ("en", "zh")

WORDS: dict[str, tuple[str, str]] = {
    # titles
    "diffusion_title": ("How far new technologies have spread, by city", "各城市新技术的扩散程度"),
    "outputs_title": ("{output}, by city", "各城市{output}"),
    "flow_title": ("{output}: from row city to column city", "{output}：行城市流向列城市"),
    "ties_title": ("{output}: between row city and column city", "{output}：行城市与列城市之间"),
    "funnel_title": (
        "From the laboratory to the market: inventions by stage",
        "从实验室到市场：各阶段的发明",
    ),
    "probes_title": ("How the launched probe technologies spread", "探针技术的扩散"),
    "cost_title": ("Public money spent on the policies", "政策的公共支出"),
    # axes and panels
    "from_city": ("from", "来源"),
    "to_city": ("to", "去向"),
    "together": ("All {n} cities", "{n} 市合计"),
    "all": ("all {n} cities", "{n} 市合计"),
    "conversions_panel": ("Reaching the market, by year", "逐年实现产业化的发明"),
    "core": ("core cities", "核心城市"),
    "periphery": ("other cities", "其他城市"),
    "stock_panel": ("In force by stage, mean of {years}", "各阶段有效发明，{years} 年平均"),
    "flow_panel": ("Per year, mean of {years}", "年流量，{years} 年平均"),
    "by_payer": ("Who pays", "支付方"),
    "by_lever": ("For which policy lever", "政策杠杆"),
    # units, stages of an invention, and outputs in two or three words
    "a_year": ("{unit} a year", "{unit}/年"),
    "adopting": ("% of possible adopters", "占潜在采用者的 %"),
    "stage_laboratory": ("laboratory", "实验室"),
    "stage_proof_of_concept": ("proof of concept", "概念验证"),
    "stage_pilot": ("pilot", "中试"),
    "stage_first_use": ("first use", "首次应用"),
    "stage_market": ("market", "产业化"),
    "short_inventions": ("new inventions", "新发明"),
    "short_conversions": ("reach the market", "实现产业化"),
    "short_abandoned": ("given up", "放弃"),
    "short_lapsed": ("lapse unconverted", "未转化失效"),
    # notes
    "bars": ("Whole region. Bars: mean over replicates.", "全区域。柱：各次重复的均值。"),
    "seat": ("Provincial and national payers are shown at their seat.", "省级与国家支付方列于其所在地。"),
    "bands": (
        "Lines: median over replicates. Bands: the middle 50 % (dark) and 90 % (light) of replicates.",
        "线：各次重复的中位数。带：重复结果的中间 50 %（深）与 90 %（浅）。",
    ),
    "bands_50": (
        "Lines: median over replicates. Bands: the middle 50 % of replicates.",
        "线：各次重复的中位数。带：重复结果的中间 50 %。",
    ),
    "bands_few": ("With fewer than ten replicates the bands are rough.", "重复少于十次时，带只是粗略的。"),
    "one_replicate": ("One replicate: no bands can be drawn.", "仅一次重复：无法画出区间带。"),
    "own_scale": ("Each panel has its own scale.", "各图的纵轴刻度不同。"),
    "same_scale": ("All panels share one scale.", "各图的纵轴刻度相同。"),
    "renewal": (
        "A share falls when a newer technology takes an older one's place.",
        "新技术取代旧技术时，采用率会下降。",
    ),
    "yearly": ("Yearly values.", "年度值。"),
    "mean_flow": (
        "Mean a year over {years} and over replicates; blank: zero.",
        "{years} 年均值，各次重复平均；空白：零。",
    ),
    "mean_stock": (
        "Stock at the end of {years}, mean over replicates; blank: zero.",
        "{years} 年末存量，各次重复平均；空白：零。",
    ),
    "colour_log": ("Colours are on a logarithmic scale.", "颜色为对数刻度。"),
    "within": ("The diagonal counts what stays inside a city.", "对角线为城市内部。"),
    "means": ("Means over replicates.", "各次重复的均值。"),
    "whiskers": ("Whiskers: the middle 90 % of replicates.", "误差线：重复结果的中间 90 %。"),
    "thin": ("* rests on fewer than {n} simulated agents.", "* 依据的模拟个体少于 {n} 个。"),
    # footer
    "replicate": ("{n} replicate", "{n} 次重复"),
    "replicates": ("{n} replicates", "{n} 次重复"),
    "seed": ("seed {seed}", "种子 {seed}"),
    "digest": ("digest {digest}", "摘要 {digest}"),
    "stop": (".", "。"),
    "colon": (": ", "："),
    "comma": (", ", "，"),
}


def word(key: str, language: str, **values: object) -> str:
    """The word or sentence ``key`` in a language, with its places filled in."""
    return WORDS[key][LANGUAGES.index(language)].format(**values)
