"""The region tables: totals of the sources, identities, ordinal claims, other regions, wrong tables."""

import csv
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from greaterbay.evidence import references
from greaterbay.region import RegionError, load_region, region_index
from greaterbay.region.gaps import border_gap, language_gap, legal_gap, tax_gap
from greaterbay.region.tables import BUILT_IN, COLUMNS, MATRICES

GBA = BUILT_IN / "gba"


@pytest.fixture(scope="module")
def bay():
    return load_region("gba")


def figure(name):
    return references.resolve(f"figure:{name}").value


def table(name):
    with open(GBA / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def city(bay, name):
    return bay.city_ids.index(name)


def count(bay, tier, *cities):
    """Institutes of a tier, in some cities or everywhere."""
    of_tier = bay.institute_tier == bay.tier_ids.index(tier)
    where = np.isin(bay.institute_city, [city(bay, c) for c in cities]) if cities else True
    return int((of_tier & where).sum())


def test_ids_and_shapes(bay):
    assert bay.name == "gba"
    assert bay.city_ids == (
        "guangzhou",
        "shenzhen",
        "zhuhai",
        "foshan",
        "huizhou",
        "dongguan",
        "zhongshan",
        "jiangmen",
        "zhaoqing",
        "hong_kong",
        "macao",
    )
    assert bay.place_ids == (*bay.city_ids, "rest_of_china", "abroad")
    assert bay.jurisdiction_ids == ("guangdong", "hong_kong", "macao")
    assert bay.field_ids == (
        "commercial_space",
        "low_altitude",
        "biomanufacturing",
        "quantum",
        "embodied_ai",
        "sixg",
        "new_energy_vehicles",
        "ai_devices",
        "intelligent_robots",
        "smart_manufacturing",
        "new_materials",
        "digital_services",
    )
    assert len(bay.field_ids) == figure("n_emerging_industries") + 2
    sizes = {"city": 11, "field": 12, "pair": 5, "jurisdiction": 5}
    for name in bay.__dataclass_fields__:
        value = getattr(bay, name)
        if isinstance(value, np.ndarray):
            assert np.isfinite(value).all(), name
            ending = name.rsplit("_", 1)[1]
            if ending in sizes and not name.startswith("institute_"):
                assert value.shape[0] == sizes[ending], name
            if name.startswith("institute_"):
                assert len(value) == len(bay.institute_id), name
    assert bay.field_mix_city.shape == (11, 12)
    assert bay.incubators_city.shape == bay.makerspaces_city.shape == (11, 3)
    assert bay.travel_minutes.shape == bay.distance_km.shape == (11, 11)
    assert bay.travel_minutes_outside.shape == (11, 2)
    assert [bay.jurisdiction_ids[j] for j in bay.jurisdiction_city] == ["guangdong"] * 9 + [
        "hong_kong",
        "macao",
    ]
    assert [c for c, core in zip(bay.city_ids, bay.core_city, strict=True) if core] == [
        "guangzhou",
        "shenzhen",
        "hong_kong",
    ]


def test_nothing_is_shared_between_calls(bay):
    again = load_region("gba")
    again.travel_minutes[:] = 0
    assert bay.travel_minutes.min() > 0
    assert load_region(GBA).travel_minutes.min() > 0


def test_totals_of_public_records(bay):
    assert bay.population_city.sum() == figure("population_2019") == 85_039_600
    assert bay.output_city.sum() == figure("output_2019") == 11_606_036
    assert bay.employment_city.sum() == figure("employment_2019")
    assert bay.area_city.sum() == figure("area_2019")
    assert bay.area_city.sum() == pytest.approx(figure("gba_area") * 1e4, rel=0.005)
    # 2019 against a later year: below, and by less than five percent
    assert 0.95 < bay.population_city.sum() / (figure("gba_population") * 1e4) < 1
    six = [city(bay, c) for c in ("guangzhou", "shenzhen", "zhuhai", "foshan", "huizhou", "dongguan")]
    assert bay.rd_city[six].sum() == figure("rd_2019")
    assert np.triu(bay.distance_km).sum() == pytest.approx(figure("distances"))


def test_money_and_people_of_research(bay):
    parts = bay.rd_firm_city + bay.rd_university_city + bay.rd_institute_city
    assert parts == pytest.approx(bay.rd_city, rel=1e-12)
    share = bay.rd_firm_city / bay.rd_city
    assert share[city(bay, "dongguan")] == pytest.approx(figure("rd_firms_dongguan") / 100)
    hong_kong = city(bay, "hong_kong")
    performers = np.array([bay.rd_firm_city, bay.rd_university_city, bay.rd_institute_city])[:, hong_kong]
    assert performers / bay.rd_city[hong_kong] == pytest.approx(
        np.array(figure("rd_performers_hong_kong")) / 100
    )
    guangzhou = city(bay, "guangzhou")
    assert share[guangzhou] == pytest.approx(63 / 98, abs=1e-4)
    assert (share[:9] > 0.9).sum() == 8
    assert bay.rd_people_city[hong_kong] == figure("rd_people_hong_kong")
    others = [i for i in range(11) if i != hong_kong]
    assert bay.rd_people_city[others] == pytest.approx(
        bay.rd_city[others] / figure("rd_cost_per_person"), abs=0.5
    )
    assert bay.rd_people_city.sum() == pytest.approx(650_000, rel=0.01)


def test_firms_and_leaders(bay):
    assert bay.firms_city[:9].sum() == 51_085
    assert bay.firms_city[9:].tolist() == [6000, 150]
    assert bay.leaders_city.sum() == references.resolve("assumption:leaders_total").value == 120
    assert bay.leaders_city.min() == 1
    # largest remainders keep every city within one of its share
    share = 120 * bay.rd_firm_city / bay.rd_firm_city.sum()
    assert (np.abs(bay.leaders_city - np.maximum(share, 1)) < 1).all()
    assert bay.field_mix_city.sum(axis=1) == pytest.approx(np.ones(11), abs=1e-9)


def test_laboratories_of_the_documents(bay):
    mainland = bay.city_ids[:9]
    assert count(bay, "state_key_lab", "guangzhou") == figure("skl_guangzhou") == 19
    assert count(bay, "state_key_lab", "shenzhen") == figure("skl_shenzhen") == 6
    assert count(bay, "state_key_lab", "hong_kong") == figure("skl_hongkong") == 16
    assert count(bay, "state_key_lab", "macao") == figure("skl_macao") == 4
    assert count(bay, "state_key_lab", *mainland) == figure("state_key_labs_gd") == 31
    assert count(bay, "state_key_lab") == 51
    assert count(bay, "national_lab") == figure("national_labs_gd") == 2
    assert count(bay, "guangdong_lab") == figure("guangdong_labs") == 11
    assert count(bay, "provincial_lab") == figure("provincial_key_labs_gd") == 435
    assert count(bay, "joint_lab") == figure("ghm_joint_labs") == 31
    assert count(bay, "bri_joint_lab") == figure("bri_joint_labs_gd") == 4
    assert count(bay, "new_type_institute") == figure("univ_gov_institutes_named") == 3
    classes = (
        "state_key_lab",
        "national_lab",
        "guangdong_lab",
        "provincial_lab",
        "joint_lab",
        "bri_joint_lab",
    )
    assert sum(count(bay, tier, *mainland) for tier in classes) == 514
    assert count(bay, "university") == 187
    assert count(bay, "university", "guangzhou") == 84


def test_joint_laboratories_cross_a_border(bay):
    joint = bay.institute_tier == bay.tier_ids.index("joint_lab")
    first, second, third = (
        getattr(bay, name)[joint] for name in ("institute_city", "institute_city_2", "institute_city_3")
    )
    jurisdiction = bay.jurisdiction_city
    assert (second >= 0).all()
    assert (jurisdiction[first] == 0).all()
    assert (jurisdiction[second] > 0).all()
    three = third >= 0
    assert (jurisdiction[third[three]] == 2).all() and (jurisdiction[second[three]] == 1).all()
    # the mix of the five named ones: 2 with Hong Kong, 1 with Macao, 2 with both
    with_macao = ~three & (jurisdiction[second] == 2)
    assert [int((~three & ~with_macao).sum()), int(with_macao.sum()), int(three.sum())] == [13, 6, 12]
    named = [
        name
        for name in bay.institute_id
        if name
        in ("human_machine", "intelligent_computing", "quantum_matter", "smart_city", "image_communication")
    ]
    assert len(named) == figure("joint_labs_named_ai") + figure("joint_labs_named_it") == 5


def test_incubators_and_maker_spaces_of_the_province(bay):
    for kind, array in (("incubators", bay.incubators_city[:9]), ("makerspaces", bay.makerspaces_city[:9])):
        total = figure(f"{kind}_gd")
        assert array.sum() == total
        assert array[:, 0].sum() == figure(f"{kind}_national_gd")
        assert 100 * array[:, :2].sum() / total == pytest.approx(figure(f"{kind}_provincial_share"), abs=0.06)
    assert bay.incubators_city[:9].sum() == 1066 and bay.makerspaces_city[:9].sum() == 1050
    national = bay.incubators_city[:, 0]
    assert [bay.city_ids[i] for i in np.argsort(-national)[:2]] == ["guangzhou", "shenzhen"]


def test_ordinal_claims(bay):
    assert bay.city_ids[int(np.argmax(bay.rd_firm_city))] == "shenzhen"
    assert bay.city_ids[int(np.argmax(bay.overseas_links_city))] == "hong_kong"
    for amenity in (bay.schooling_city, bay.medical_city):
        assert bay.city_ids[int(np.argmax(amenity[:9]))] == "guangzhou" and amenity.max() == 1
    universities = np.bincount(bay.institute_city[bay.institute_tier == bay.tier_ids.index("university")])
    assert bay.city_ids[int(np.argmax(universities))] == "guangzhou"
    weakest = np.argsort(bay.park_quality_city)[:3]
    assert {bay.city_ids[i] for i in weakest} == {"zhongshan", "jiangmen", "foshan"}
    unit = bay.field_mix_city / np.linalg.norm(bay.field_mix_city, axis=1, keepdims=True)
    alike = unit @ unit.T
    three = [city(bay, c) for c in ("foshan", "jiangmen", "dongguan")]
    assert alike[np.ix_(three, three)].min() > 0.9
    core = [i for i in range(11) if bay.core_city[i]]
    assert alike[np.ix_(three, three)].min() > alike[np.ix_(three, core)].max()


def test_numbers_of_the_fields(bay):
    field = bay.field_ids.index
    growth = bay.market_growth_field
    assert growth[field("commercial_space")] == pytest.approx(
        (figure("space_global_2030") / figure("space_global_2023")) ** (1 / 7) - 1, abs=5e-4
    )
    assert growth[field("low_altitude")] == pytest.approx(
        (figure("lowalt_cn_2026") / figure("lowalt_cn_2023")) ** (1 / 3) - 1, abs=5e-4
    )
    assert growth[field("intelligent_robots")] == pytest.approx(
        (figure("robot_global_2024") / figure("robot_global_2022")) ** 0.5 - 1, abs=5e-4
    )
    assert growth[field("biomanufacturing")] == figure("biomfg_cagr") / 100
    assert growth[field("smart_manufacturing")] == figure("smartmfg_cagr") / 100
    assert growth[field("new_materials")] == figure("nm_growth_14fyp") / 100
    dependence = bay.import_dependence_field
    assert dependence[field("smart_manufacturing")] == figure("core_parts_import") / 100
    assert dependence[field("new_materials")] == pytest.approx(figure("nm_import_dependence_key") / 100)
    assert bay.conversion_field[field("new_materials")] == 0.115
    assert bay.conversion_field[field("digital_services")] == 0.21
    assert bay.market_share_field @ bay.conversion_field == pytest.approx(
        figure("nm_conversion_2023") / 100, abs=0.005
    )
    low, high = figure("nm_rd_cycle")
    assert low <= bay.duration_years_field[field("new_materials")] <= high
    assert bay.market_share_field.sum() == pytest.approx(1, abs=1e-12)
    assert (bay.export_share_field + bay.rest_of_china_share_field <= 1).all()
    assert (bay.relatedness_field == bay.relatedness_field.T).all()
    assert (np.diag(bay.relatedness_field) == 1).all()
    assert np.linalg.eigvalsh(bay.relatedness_field).min() > 0
    # a lead user never lies up the chain
    assert (bay.chain_position_field[bay.lead_field] >= bay.chain_position_field).all()


def test_travel_times_follow_records_and_rule(bay):
    minutes, km = bay.travel_minutes, bay.distance_km
    assert (minutes == minutes.T).all() and (km == km.T).all() and (np.diag(km) == 0).all()
    pair = {(r["city"], r["city_2"]): r for r in table("travel")}
    assert len(pair) == 11 * 12 // 2

    def recorded(a, b):
        assert pair[a, b]["basis"] == "recorded"
        return minutes[city(bay, a), city(bay, b)]

    border = references.resolve("assumption:border_control_minutes").value
    assert recorded("shenzhen", "hong_kong") == figure("rail_hong_kong_shenzhen")[1] + border
    assert recorded("guangzhou", "hong_kong") == np.mean(figure("rail_hong_kong_guangzhou")) + border
    assert recorded("zhuhai", "hong_kong") == figure("bridge_hong_kong_zhuhai_macao") + border
    assert recorded("hong_kong", "macao") == figure("bridge_hong_kong_zhuhai_macao") + border
    assert recorded("guangzhou", "shenzhen") == pytest.approx(
        np.mean(figure("rail_guangzhou_shenzhen")), abs=0.5
    )
    for west in ("zhuhai", "zhongshan", "jiangmen"):
        assert minutes[city(bay, "shenzhen"), city(bay, west)] == 120

    banks = {
        **dict.fromkeys(("zhuhai", "zhongshan", "jiangmen", "macao"), "west"),
        **dict.fromkeys(("shenzhen", "dongguan", "huizhou", "hong_kong"), "east"),
    }
    for (a, b), row in pair.items():
        i, j = city(bay, a), city(bay, b)
        if row["basis"] == "recorded":
            continue
        if i == j:
            assert minutes[i, i] == round(15 + 0.15 * math.sqrt(bay.area_city[i]))
            continue
        direct = 22 + 0.35 * km[i, j] + border * (bay.jurisdiction_city[i] != bay.jurisdiction_city[j])
        chain = min(minutes[i, k] + minutes[k, j] for k in range(11) if k not in (i, j))
        if {banks.get(a), banks.get(b)} == {"west", "east"}:
            assert minutes[i, j] == pytest.approx(chain, abs=1.5), (a, b)
        else:
            assert minutes[i, j] == pytest.approx(min(direct, chain), abs=1.5), (a, b)
    assert (np.diag(minutes) < (minutes + np.diag([np.inf] * 11)).min(axis=1)).all()


def test_pair_gaps_come_from_attributes(bay):
    gaps = [
        getattr(bay, f"{name}_pair")
        for name in ("customs", "capital_account", "legal", "tax", "language", "recognition")
    ]
    for gap in gaps:
        assert gap.shape == (5, 5)
        assert (gap == gap.T).all() and (np.diag(gap) == 0).all()
        assert gap.min() >= 0 and gap.max() <= 1
        assert (gap[0] == gap[3]).all(), "the rest of China has Guangdong's attributes"
    total = sum(gaps)
    assert total[1, 2] < total[0, 1] and total[1, 2] < total[0, 2]
    assert bay.personal_tax_talent_jurisdiction[0] == figure("talent_tax")
    assert len({r["legal_family"] for r in table("jurisdictions") if r["inside"] == "yes"}) == figure(
        "three_systems"
    )


def test_gap_rules():
    control = np.array([1.0, 0.2, 0.1])
    assert border_gap(["a", "b", "b"], control).tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert border_gap(["a", "b", "c"], control)[1, 2] == 0.2
    assert legal_gap(["civil/one", "civil/two", "common/one", "civil/one"]).tolist() == [
        [0, 0.5, 1, 0],
        [0.5, 0, 1, 0.5],
        [1, 1, 0, 1],
        [0, 0.5, 1, 0],
    ]
    tax = tax_gap(np.array([0.25, 0.25, 0.0]), np.array([0.45, 0.35, 0.0]))
    assert tax[0, 1] == pytest.approx(0.05 / 0.25) and tax[0, 2] == 1
    assert language_gap(["a;b", "b; c", "b", ""]).tolist() == [
        [0, 0.5, 0, 1],
        [0.5, 0, 0, 1],
        [0, 0, 0, 1],
        [1, 1, 1, 1],
    ]


def test_institutes_share_out_researchers_graduates_and_fields(bay):
    people = np.bincount(bay.institute_city, bay.institute_researchers, 11)
    assert people == pytest.approx(bay.rd_people_city * bay.rd_people_institute_share_city, rel=1e-12)
    assert bay.institute_graduates_per_year.sum() == pytest.approx(0.05 * bay.rd_people_city.sum())
    university = bay.institute_tier == bay.tier_ids.index("university")
    # a city's graduates follow the geometric mean of schools and research people, its schools teach alike
    schools = np.bincount(bay.institute_city[university], minlength=11)
    weight = np.sqrt(schools * bay.rd_people_city)
    by_city = 0.05 * bay.rd_people_city.sum() * weight / weight.sum()
    expected = (by_city / schools)[bay.institute_city[university]]
    assert bay.institute_graduates_per_year[university] == pytest.approx(expected)
    assert (bay.institute_graduates_per_year[~university] == 0).all()
    assert (bay.institute_graduates_per_year[university] > 0).all()
    assert bay.institute_field_weights.sum(axis=1) == pytest.approx(np.ones(len(bay.institute_id)))
    assert len(set(bay.institute_id)) == len(bay.institute_id) == 724
    # universities are broad, laboratories narrow
    top = bay.institute_field_weights.max(axis=1)
    assert top[university].max() < 0.3 and top[~university].min() >= 0.25
    one_field = ~university & ~np.isin(
        bay.institute_id, ["human_machine", "intelligent_computing", "smart_city", "image_communication"]
    )
    assert top[one_field].min() >= 0.5
    # size falls with rank inside a city's universities
    sizes = bay.institute_researchers[university & (bay.institute_city == 0)]
    assert (np.diff(sizes) < 0).all()
    assert sizes[0] / sizes[9] == pytest.approx(10**0.8)
    quantum = bay.institute_field_weights[bay.institute_id.index("quantum_matter")]
    assert np.argmax(quantum) == bay.field_ids.index("quantum") and quantum.max() == pytest.approx(0.8)


def test_laboratory_fields_follow_the_mix_of_their_city(bay):
    laboratory = (bay.institute_tier == bay.tier_ids.index("provincial_lab")) & (bay.institute_city == 0)
    main = (
        np.bincount(bay.institute_field_weights[laboratory].argmax(axis=1), minlength=12) / laboratory.sum()
    )
    assert main == pytest.approx(0.5 * bay.field_mix_city[0] + 0.5 / 12, abs=0.02)


def test_zones_agreements_alliances(bay):
    assert [z["id"] for z in bay.zones] == ["qianhai", "nansha", "hengqin", "hetao"]
    assert len(bay.zones) == figure("zones_named")
    for zone in bay.zones:
        own = bay.jurisdiction_city[city(bay, zone["city"])]
        assert all(bay.jurisdiction_city[city(bay, p)] != own for p in zone["partners"])
        assert all(0 < zone[f"relief_{b}"] <= 0.1 for b in ("technology", "talent", "finance"))
    assert bay.agreements == (("guangzhou", "shenzhen"),) * figure("gov_gov_agreements_named")
    assert len(bay.alliances) == figure("alliances_named") == 5
    named = {a["id"]: a for a in bay.alliances}
    assert named["fiveg_industry"]["jurisdictions"] == ["guangdong", "hong_kong", "macao"]
    assert all(a["fields"] and a["jurisdictions"] for a in bay.alliances)


def test_index_needs_no_numpy_and_agrees_with_the_region(bay):
    index = region_index("gba")
    for name in index.__dataclass_fields__:
        assert getattr(index, name) == getattr(bay, name), name
    code = (
        "import sys; from greaterbay.region import region_index; region_index('gba');"
        "print(sorted({'numpy', 'numba', 'scipy', 'mesa', 'xarray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Sources


def number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_every_number_of_the_tables_has_a_reference_that_resolves():
    sources = table("sources")
    used = set()
    missing = []
    for name in (*COLUMNS, *MATRICES):
        if name == "sources":
            continue
        mine = [(i, s) for i, s in enumerate(sources) if s["table"] == name]
        for row in table(name):
            cells = list(row.items())
            key = f"{row['city']}|{row['city_2']}" if name == "travel" else cells[0][1]
            for column, text in cells[1:]:
                if not number(text):
                    continue
                own = [
                    (i, s) for i, s in mine if s["column"] in (column, "*") and key in s["rows"].split(";")
                ]
                found = own or [(i, s) for i, s in mine if s["column"] in (column, "*") and s["rows"] == "*"]
                used |= {i for i, _ in found}
                if len(found) != 1:
                    missing.append(f"{name}.{column} of {key}: {len(found)} sources")
    assert missing == []
    for i, source in enumerate(sources):
        given = references.split(source["reference"])
        assert given, source
        assert [r for r in given if references.resolve(r) is None] == [], source
        rows = table(source["table"])
        assert source["column"] == "*" or source["column"] in rows[0], source
        if i not in used:
            words = ("city", "fields", "legal_family", "languages", "lead_field", "role")
            assert source["column"] in words, source


def test_confirmed_numbers_carry_no_bare_memory():
    """A value that no source confirms names an assumption."""
    firm = {
        "firms",
        "living",
        "fields",
        "outside",
        "travel_outside",
        "institute_tiers",
        "zones",
        "recognition",
    }
    for source in table("sources"):
        if source["table"] in firm and source["table"] != "fields":
            assert "assumption:" in source["reference"], source


def test_readme_names_every_table_and_column():
    text = (GBA / "README.md").read_text(encoding="utf-8")
    for name, columns in COLUMNS.items():
        assert f"`{name}`" in text
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}`"))
        for column in columns:
            if column in ("id", "name", "name_zh", "city", "rest_of_china", "abroad", "inside"):
                continue
            tier = re.sub(r"_(national|provincial|other)$", "_…", column)
            assert f"`{column}`" in line or f"`{tier}`" in line, (name, column)
    for name in MATRICES:
        assert f"| `{name}`" in text


# Another region

TWO_CITIES = {
    "region": "id,name,name_zh,graduates_per_rd_person\ntwins,Twins,双城,0.05\n",
    "cities": "id,name,name_zh,jurisdiction,core,latitude,longitude,area,population,output,employment\n"
    "strong,Strong,强市,land,yes,50,10,900,1000000,50000,500000\n"
    "weak,Weak,弱市,land,no,50.5,10,1600,800000,24000,380000\n",
    "research": "city,rd,rd_firm_share,rd_university_share,rd_institute_share,rd_people,science_budget,"
    "overseas_links\nstrong,1500,0.7,0.2,0.1,3000,300,0.5\nweak,240,0.9,0.1,0,500,50,0.2\n",
    "firms": "city,firms,leaders,startup_share\nstrong,400,2,0.3\nweak,90,0,0.2\n",
    "field_mix": "city,machines,software\nstrong,0.4,0.6\nweak,0.8,0.2\n",
    "living": "city,schooling,medical,housing_elasticity,rent_level\n"
    "strong,1,1,0.4,1\nweak,0.7,0.6,0.9,0.5\n",
    "parks": "city,park_quality,incubators_national,incubators_provincial,incubators_other,"
    "makerspaces_national,makerspaces_provincial,makerspaces_other\nstrong,0.8,2,3,5,1,2,3\nweak,0.4,0,1,2,0,0,1\n",
    "distances": "city,strong,weak\nstrong,0,55.6\nweak,55.6,0\n",
    "travel": "city,city_2,minutes,basis\n"
    "strong,strong,20,rule\nstrong,weak,50,recorded\nweak,weak,22,rule\n",
    "travel_outside": "city,rest_of_china,abroad\nstrong,200,400\nweak,230,430\n",
    "jurisdictions": "id,name,name_zh,inside,customs_territory,customs_control,currency,capital_controls,"
    "legal_family,profit_tax,personal_tax_top,personal_tax_talent,languages\n"
    "land,Land,本地,yes,land,0.2,LND,0,civil/land,0.2,0.4,0.4,german\n"
    "rest_of_china,Hinterland,腹地,no,land,0.2,LND,0,civil/land,0.2,0.4,0.4,german\n"
    "abroad,Abroad,海外,no,abroad,0.5,other,0.1,common/mixed,0.25,0.4,0.4,english\n",
    "recognition": "recognising,land,rest_of_china,abroad\n"
    "land,1,1,0.5\nrest_of_china,1,1,0.5\nabroad,0.5,0.5,1\n",
    "outside": "id,wage,people_response\nrest_of_china,0.9,1\nabroad,1.5,0.5\n",
    "zones": "id,name,name_zh,city,partners,relief_technology,relief_talent,relief_finance\n",
    "roles": "city,role\n",
    "agreements": "id,name,name_zh,city,city_2\n",
    "alliances": "id,name,name_zh,fields,jurisdictions\n",
    "fields": "id,name,name_zh,duration_years,conversion,market_growth,market_share,export_share,"
    "rest_of_china_share,import_dependence,rd_intensity,adoption_gain,lead_field,chain_position,"
    "frontier_growth\nmachines,Machines,机器,4,0.15,0.05,0.6,0.3,0.4,0.2,0.9,1.2,software,0.4,0.02\n"
    "software,Software,软件,1.5,0.2,0.1,0.4,0.2,0.3,0.1,1.1,0.8,software,1,0.04\n",
    "field_relatedness": "field,machines,software\nmachines,1,0.3\nsoftware,0.3,1\n",
    "institute_tiers": "id,name,name_zh,researcher_weight,size_slope,focus,facility_per_researcher,teaches,"
    "state_lab\n"
    "university,University,大学,4,0.8,0,0.02,yes,no\nlab,Laboratory,实验室,1,0,0.7,0.1,no,yes\n",
    "institutes": "id,name,name_zh,tier,city,city_2,city_3,fields,count\n"
    "strong_university,Universities,大学,university,strong,,,,2\n"
    "joint,Joint laboratory,联合实验室,lab,strong,weak,,machines,1\n"
    "weak_university,University,大学,university,weak,,,,1\n",
}


def write_region(folder: Path, **changed):
    """Tables of the two-city region with some of them replaced (``None``: left out)."""
    folder.mkdir(exist_ok=True)
    for name, text in {**TWO_CITIES, **changed}.items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_a_region_of_two_cities_loads(tmp_path):
    twins = load_region(write_region(tmp_path / "twins"))
    assert twins.name == "twins"
    assert twins.city_ids == ("strong", "weak") and twins.jurisdiction_ids == ("land",)
    assert twins.place_ids == ("strong", "weak", "rest_of_china", "abroad")
    assert twins.place_names[2] == "Hinterland"
    assert twins.travel_minutes.tolist() == [[20, 50], [50, 22]]
    assert twins.rd_firm_city.tolist() == [1050, 216]
    assert twins.customs_pair.tolist() == [[0, 0, 0.5], [0, 0, 0.5], [0.5, 0.5, 0]]
    assert twins.recognition_pair[0].tolist() == [0, 0, 0.5]
    assert twins.institute_id == (
        "strong_university_001",
        "strong_university_002",
        "joint",
        "weak_university",
    )
    assert twins.institute_city_2.tolist() == [-1, -1, 1, -1]
    assert np.bincount(twins.institute_city, twins.institute_researchers) == pytest.approx([900, 50])
    # two universities of weight 4 with sizes 1 : 2^-0.8 about their mean, and a laboratory of weight 1
    assert twins.institute_researchers[2] == pytest.approx(100)
    assert twins.institute_researchers[1] / twins.institute_researchers[0] == pytest.approx(2**-0.8)
    assert twins.institute_field_weights[2] == pytest.approx([0.7, 0.3])
    assert twins.institute_graduates_per_year.sum() == pytest.approx(0.05 * 3500)
    assert twins.lead_field.tolist() == [1, 1]
    assert twins.zones == twins.agreements == twins.alliances == twins.roles == ()


def test_roles_of_cities(bay, tmp_path):
    """The division of labour that the outline plan names, and one of another region."""
    assert bay.roles == (
        ("guangzhou", "cultivate"),
        ("shenzhen", "demonstrate"),
        ("hong_kong", "overseas"),
        ("macao", "transfer"),
    )
    roles = "city,role\nweak,transfer\nstrong,cultivate\n"
    twins = load_region(write_region(tmp_path / "twins", roles=roles))
    assert twins.roles == (("weak", "transfer"), ("strong", "cultivate"))


def problems(folder):
    with pytest.raises(RegionError) as caught:
        load_region(folder)
    prefix = re.escape(str(folder)) + r"[/\\]"
    assert all(re.match(prefix + r"\w+\.csv:\d+: \S", p) for p in caught.value.problems), (
        caught.value.problems
    )
    return [re.sub(prefix, "", p) for p in caught.value.problems]


def test_all_problems_of_all_tables_come_at_once(tmp_path):
    folder = write_region(
        tmp_path / "wrong",
        cities=TWO_CITIES["cities"].replace("weak,Weak,弱市,land,no", "weak,Weak,弱市,lend,maybe"),
        research=TWO_CITIES["research"].replace("0.7,0.2,0.1", "0.7,0.2,0.2").replace("weak,240", "weka,nan"),
        firms=TWO_CITIES["firms"].replace("400,2", "4.5,9"),
        field_mix="city,machines,softwear\nstrong,0.4,0.6\nweak,0.8,0.2\n",
        living=None,
        distances=TWO_CITIES["distances"].replace("weak,55.6", "weak,54"),
        travel=TWO_CITIES["travel"].replace("strong,weak,50,recorded\n", ""),
        fields=TWO_CITIES["fields"]
        .replace(",0.6,0.3,0.4,", ",0.5,0.7,0.4,")
        .replace("software,1,", "sofware,1,"),
        institutes=TWO_CITIES["institutes"].replace("lab,strong,weak", "lab,strong,strong"),
        parks=TWO_CITIES["parks"].replace("weak,0.4", "weak,1.4"),
        citis="id\n",
    )
    assert problems(folder) == [
        "cities.csv:3: jurisdiction: unknown jurisdiction 'lend'; nearest is 'land'",
        "cities.csv:3: core is 'maybe', allowed is yes or no",
        "citis.csv:1: unknown table; nearest is 'cities'",
        "distances.csv:3: weak–strong is 54 one way and 55.6 the other",
        "field_mix.csv:1: column 'software' is missing",
        "field_mix.csv:1: unknown field 'softwear'; nearest is 'software'",
        "fields.csv:1: market_share adds to 0.9, it must add to 1",
        "fields.csv:2: export_share and rest_of_china_share add to 1.1, at most 1",
        "fields.csv:3: lead_field: unknown field 'sofware'; nearest is 'software'",
        "firms.csv:2: firms is 4.5, it must be a whole number",
        "firms.csv:2: 9 leaders among 4.5 firms",
        "institutes.csv:3: the cities of a joint institute must differ",
        "living.csv:1: the table is missing",
        "parks.csv:3: park_quality is 1.4, allowed is 0 to 1",
        "research.csv:1: city 'weak' has no row",
        "research.csv:2: the shares of R&D add to 1.1, they must add to 1",
        "research.csv:3: city: unknown city 'weka'; nearest is 'weak'",
        "travel.csv:1: the pair strong–weak has no row",
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("region", "", ["region.csv:1: the table is empty"]),
        ("region", TWO_CITIES["region"] + "more,More,多,0.05\n", ["region.csv:3: one row only"]),
        (
            "firms",
            TWO_CITIES["firms"].replace("weak,90,0,0.2", "weak,90,0"),
            ["firms.csv:1: city 'weak' has no row", "firms.csv:3: 3 cells, the head has 4"],
        ),
        (
            "firms",
            TWO_CITIES["firms"].replace("400", "inf"),
            ["firms.csv:2: firms is inf, it must be finite"],
        ),
        ("firms", TWO_CITIES["firms"].replace("400", "many"), ["firms.csv:2: firms is 'many', not a number"]),
        (
            "firms",
            TWO_CITIES["firms"].replace("startup_share", "start_share"),
            [
                "firms.csv:1: column 'startup_share' is missing",
                "firms.csv:1: unknown column 'start_share'; nearest is 'startup_share'",
            ],
        ),
        ("firms", TWO_CITIES["firms"] + "weak,90,0,0.2\n", ["firms.csv:4: city 'weak' stands twice"]),
        (
            "cities",
            TWO_CITIES["cities"].replace("\nweak,", "\nstrong,"),
            ["cities.csv:3: id 'strong' stands twice"],
        ),
        (
            "cities",
            TWO_CITIES["cities"].replace("\nweak,", "\nWe ak,"),
            ["cities.csv:3: id 'We ak' must be lower-case letters, digits and underscores"],
        ),
        (
            "field_relatedness",
            "field,machines,software\nmachines,0.9,0.3\nsoftware,0.3,1\n",
            ["field_relatedness.csv:2: machines with itself is 0.9, it must be 1"],
        ),
        (
            "field_mix",
            TWO_CITIES["field_mix"].replace("0.8,0.2", "0.8,0.3"),
            ["field_mix.csv:3: the row adds to 1.1, it must add to 1"],
        ),
        (
            "travel",
            TWO_CITIES["travel"] + "weak,strong,40,rule\n",
            ["travel.csv:5: the pair weak–strong stands twice"],
        ),
        (
            "travel",
            TWO_CITIES["travel"].replace("recorded", "guess"),
            ["travel.csv:3: basis is 'guess', allowed is recorded or rule"],
        ),
        (
            "institutes",
            TWO_CITIES["institutes"].replace("lab,strong,weak", "lab,strong,strong"),
            ["institutes.csv:3: the cities of a joint institute must differ"],
        ),
        (
            "institutes",
            TWO_CITIES["institutes"].rsplit("weak_university", 1)[0],
            ["institutes.csv:1: weak has R&D people outside firms but no institute"],
        ),
        (
            "roles",
            "city,role\nstrong,cultivat\nweek,transfer\n",
            [
                "roles.csv:2: role: unknown role 'cultivat'; nearest is 'cultivate'",
                "roles.csv:3: city: unknown city 'week'; nearest is 'weak'",
            ],
        ),
        (
            "jurisdictions",
            TWO_CITIES["jurisdictions"].replace("rest_of_china,Hinterland", "hinterland,Hinterland"),
            [
                "jurisdictions.csv:1: jurisdiction 'rest_of_china' has no row",
                "jurisdictions.csv:3: id: unknown jurisdiction 'hinterland'",
                "jurisdictions.csv:4: the last rows must be the outside places rest_of_china and abroad",
            ],
        ),
    ],
)
def test_wrong_tables(tmp_path, name, text, expected):
    found = problems(write_region(tmp_path / "wrong", **{name: text}))
    assert [p for p in found if p.startswith(f"{name}.csv")] == expected


def test_undecodable_table_names_the_line(tmp_path):
    folder = write_region(tmp_path / "wrong")
    (folder / "firms.csv").write_bytes(
        b"city,firms,leaders,startup_share\nstrong,1,1,0.3\nwe\xffak,1,0,0.2\n"
    )
    assert problems(folder) == ["firms.csv:3: not UTF-8"]


def test_an_empty_folder_misses_every_table(tmp_path):
    found = problems(tmp_path)
    assert len(found) == len(COLUMNS) - 1 + len(MATRICES)
    assert all(p.endswith(":1: the table is missing") for p in found)


def test_unknown_region_names_the_known_ones(tmp_path):
    with pytest.raises(RegionError, match=r"gbaa:1: neither a region's name \(gba\) nor a folder .* 'gba'"):
        load_region("gbaa")
    with pytest.raises(RegionError):
        region_index(tmp_path / "nowhere")
