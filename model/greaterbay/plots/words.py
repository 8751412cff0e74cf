"""Words on pictures, in English and Chinese. Names of outputs, cities and levers come with the results."""

from __future__ import annotations

LANGUAGES = ("en", "zh")
FLOWS = {
    "talent": ("People moving", "人才流动"),
    "technology": ("Technology transferred", "技术转移"),
    "capital": ("Capital invested and granted", "资本流动"),
    "ties": ("Collaboration ties", "合作关系"),
}

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
    "drawn": (
        "Replicates differ by random numbers and by drawn parameters.",
        "各次重复的随机数与所抽参数均不同。",
    ),
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
    # comparisons
    "effect_paths_title": ("Effects of the policies over the years", "各政策效应的时间路径"),
    "forest_title": ("Effects of the policies in {year}", "{year} 年各政策的效应"),
    "noise_title": ("Noise budget: what pairing takes away", "噪声分解：配对消除了多少"),
    "rank_title": ("How stable the order of the policies is, {year}", "政策排序的稳定性，{year} 年"),
    "frontier_title": ("Public money and effect up to {year}", "截至 {year} 年的公共资金与效应"),
    "winners_title": ("Who gains and who loses by {year}", "{year} 年谁受益、谁受损"),
    "flow_change_title": ("Change of the flows between cities: {policy}", "城市间流量的变化：{policy}"),
    "spread_title": ("Adoption share against the reference", "采用率与基准之差"),
    "timeline_title": ("When the levers act", "政策杠杆的作用时间"),
    "strip_title": ("Who pays what, and when", "谁在何时支付多少"),
    "against": ("Against {policy}.", "相对于“{policy}”。"),
    "effect_bands": (
        "Lines: mean effect over {n} pairs. Bands: its 50 % (dark) and 90 % (light) interval. Where the band covers "
        "zero, no direction is reported.",
        "线：{n} 对的平均效应。带：其 50 %（深）与 90 %（浅）区间。带含零处不报告方向。",
    ),
    "one_pair": ("One pair: no intervals can be drawn.", "仅一对：无法画出区间。"),
    "effect_drawn": (
        "Pairs of one parameter draw are averaged first: {n} draws of {posterior}.",
        "先对同一组参数的各对取平均：{posterior} 的 {n} 组参数。",
    ),
    "effect_lines": (
        "Dots: mean effect. Thick: 50 %, thin: 90 % interval; hollow: covers zero, no direction is reported. Grey: "
        "predictive 90 %, one further pair.",
        "点：平均效应。粗线：50 %，细线：90 % 区间；空心：区间含零，不报告方向。灰线：预测 90 %（再多一对）。",
    ),
    "across_drawn": ("Intervals are those across {n} draws of {posterior}.", "区间为 {posterior} 的 {n} 组参数之间的区间。"),
    "ratio_lines": (
        "Variance of the difference without pairing over that with it, with 90 % interval; right of 1 pairing saves "
        "runs. No dot: no difference in any pair.",
        "不配对与配对时差值方差之比及其 90 % 区间；大于 1 表示配对节省模拟次数。无点：各对均无差别。",
    ),
    "rank_cells": (
        "Cells: chance (%) that a policy has this rank; ordered by mean effect.",
        "格：政策居于该名次的概率（%）；按平均效应排序。",
    ),
    "rank_fixed": ("Over run noise only: parameters are held fixed.", "仅含运行噪声：参数固定不变。"),
    "rank_drawn": ("Over run noise and {n} draws of the parameters.", "含运行噪声与 {n} 组参数。"),
    "frontier_lines": (
        "Crosses: 90 % intervals. Line: no other policy does more for less. Cost is the present value, with the cost "
        "of funds where the money is additional.",
        "十字：90 % 区间。线：没有其他政策以更少的钱做得更多。成本为现值，新增资金含资金边际成本。",
    ),
    "winners_cells": (
        "Change in % (shares: percentage points). Coloured where the 90 % interval does not cover zero; grey: no "
        "direction. * fewer than 30 simulated agents.",
        "变化（%；份额类为百分点）。90 % 区间不含零者着色；灰色：方向不明。* 模拟个体少于 30 个。",
    ),
    "flow_change_cells": (
        "Mean change a year, {years} (ties: stock at the end), over {n} pairs. Numbers and full colour: unlike zero, "
        "at most one in ten of them by chance.",
        "{years} 年均变化（合作关系：期末存量），{n} 对平均。标数并着色者异于零，其中偶然者至多一成。",
    ),
    "timeline_bars": (
        "Height: share of the way from the neutral value to the strongest value used here, which stands at the right.",
        "高度：由中性值到此处最强取值（右侧所示）的比例。",
    ),
    "strip_cells": ("Mean a year over replicates. Blank: nothing is paid.", "各次重复的年均值。空白：无支出。"),
    "rank": ("rank", "名次"),
    "change_percent": ("change, %", "变化，%"),
    "change_points": ("change, percentage points", "变化，百分点"),
    "variance_ratio": ("variance ratio of pairing", "配对方差比"),
    "parameter_share": ("variance from parameters, %", "来自参数的方差，%"),
    "cost_axis": ("public money, {unit}", "公共资金，{unit}"),
    "effect_axis": ("effect, {unit}", "效应，{unit}"),
    "tracked": ("All tracked technologies", "全部跟踪技术"),
    "points": ("percentage points", "百分点"),
    "mixed": ("MIXED RUNS, pairs are doubtful: {reason}", "混合运行，配对存疑：{reason}"),
    "to_value": ("{neutral} → {value}", "{neutral} → {value}"),
    "whole_region": ("whole region", "全区域"),
    "nothing_paid": ("no public money is spent", "没有公共支出"),
    # footer
    "replicate": ("{n} replicate", "{n} 次重复"),
    "replicates": ("{n} replicates", "{n} 次重复"),
    "draw_of": ("{n} draw of {posterior}", "{posterior} 的 {n} 组参数"),
    "draws_of": ("{n} draws of {posterior}", "{posterior} 的 {n} 组参数"),
    "seed": ("seed {seed}", "种子 {seed}"),
    "digest": ("digest {digest}", "摘要 {digest}"),
    "stop": (".", "。"),
    "colon": (": ", "："),
    "comma": (", ", "，"),
}


def word(key: str, language: str, **values: object) -> str:
    """The word or sentence ``key`` in a language, with its places filled in."""
    return WORDS[key][LANGUAGES.index(language)].format(**values)
