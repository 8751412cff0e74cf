"""The estimators by name and what each measures; computed in ``targets``, which loads the model."""

from __future__ import annotations

GRANT_CITIES = ("shenzhen", "guangzhou", "dongguan", "foshan", "zhuhai", "zhongshan", "huizhou", "jiangmen", "zhaoqing")

ESTIMATORS = {
    **{
        f"grants_share_{city}": f"log share of {city} in the inventions of the nine mainland cities, first two years"
        for city in GRANT_CITIES
    },
    "grants_total": "log inventions a year of the nine mainland cities, first two years",
    "grants_population": "slope of log inventions on log population over the nine mainland cities, minus one",
    "conversion_force": "logit share of inventions in force that reached the market, fourth year",
    "conversion_materials": "the same for new materials, mean of the third to fifth year end",
    "conversion_guangzhou": "log share in the market, Shenzhen over Guangzhou",
    "pilots_small": "log share of funded pilots, leaders over small firms and start-ups",
    "adoption_growth": "log rise of a launched technology's share from one to seven years after launch",
    "adoption_four_years": "logit share of a launched device technology four years after launch",
    "adoption_five_years": "logit share of a launched digital technology five years after launch",
    "adoption_six_years": "the same, six years after launch",
    "adoption_middle": "log rise of the digital technology's share from three to five years after launch",
    "adoption_smart": "logit share of smart manufacturing firms that use a technology of their field, end of 2027",
    "adoption_lead": "logit share in the launching city less that of the bay, seven years after launch",
    "adoption_gain": "yearly productivity gain of firms through adoption, percent",
    "technology_domestic": "logit share of technology acquired that is not imported",
    "move_rate": "log share of skilled people who move to another city of the bay in a year",
    "talent_gap": "log vacancies per skilled person, other mainland cities over Guangzhou",
    "periphery_trend": "core's share of the periphery's learning, last two years less first two",
    "size_tail": "log tail index of firm sizes, last four years",
    "growth_slope": "slope of the log spread of yearly growth on log sales",
    "growth_shape": "mean absolute over standard deviation of yearly growth",
    "arrivals": "log variance over mean of a firm's yearly inventions, less log 1.5",
    "loans_small": "logit share of credit needs below half a million",
    "transitivity": "log transitivity over its expectation under the same degrees",
    "path_length": "log 1.5 less log of the path length over that of a rewired network",
    "distance_slope": "fall of ties between mainland cities with log distance",
    "border_ties": "log 6 % less log share of ties across a border",
    "hongkong_macao_first": "log residual Hong Kong-Macao less that of Guangdong-Hong Kong",
    "hongkong_macao_second": "log residual Hong Kong-Macao less that of Guangdong-Macao",
    "similarity_hump": "log density of ties at middle distance over that at both ends",
    "similar_cities": "minus the log residual of ties between Foshan, Jiangmen and Dongguan",
    "smart_links": "minus the log residual of Guangzhou-Shenzhen ties in smart manufacturing",
    "industry_gap": "minus the slope of pair residuals on the gap in output per head",
}
