import json
import re

import pytest

from homeostat.core import Column, Finding, InputError, Schema, Verdict
from homeostat.evaluate import (
    CardMetric,
    Intent,
    ModelFacts,
    Moment,
    Seen,
    calibration,
    model_card,
    slices,
)

SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
    "Quantitative analyses: overall", "Quantitative analyses: by slice", "Ethical considerations",
    "Caveats and recommendations", "Lineage", "Life in production",
]  # fmt: skip


def found(check, verdict, summary, subject="it", **more):
    return Finding(check=check, subject=subject, verdict=verdict, summary=summary, **more)


def facts(**changes):
    settings = {
        "name": "late",
        "reference": "late:v3",
        "family": "boosted",
        "aliases": ("production",),
        "schema": Schema((Column("sex", "string", {"slice"}), Column("x", "float"))),
        "features": ("x", "sex"),
        "trained_rows": 4_000,
        "rows": 5_000,
        "labelled": 4_900,
        "metrics": (CardMetric("auc", 0.8, 0.7, 0.9, 900), CardMetric("mcc", None, n=900)),
        "findings": (
            found("leakage.scan", "unknown", "Too few rows to search."),
            found("compare.better", "warn", "late is not shown to differ from rule."),
            found("calibration.ece", "fail", "It is far too sure."),
            found("schema.null", "ok", "No nulls."),
        ),
        "intent": Intent(uses="Warn early.", sensitive=("sex",)),
    }
    return ModelFacts(**(settings | changes))


def test_the_sections_are_those_of_mitchell_and_the_lineage_and_life():
    card = model_card(facts())
    assert [section.title for section in card.sections] == SECTIONS
    text = card.to_markdown()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
        "What is not ok",
        *SECTIONS,
    ]


def test_what_failed_comes_first_then_what_is_unknown_then_what_is_warned_of():
    card = model_card(facts())
    assert card.verdict is Verdict.FAIL
    assert [one.verdict.value for one in card.problems] == ["fail", "unknown", "warn"]
    for text in (card.to_markdown(), card.to_html()):
        assert text.index("far too sure") < text.index("Too few rows") < text.index("Model details")


def test_what_is_not_known_is_said_in_every_form_and_summed_up():
    card = model_card(ModelFacts(name="late"))
    assert card.verdict is Verdict.UNKNOWN
    details = card.to_json()["sections"][0]["facts"]
    assert details["Owner"] is None
    assert "- **Owner**: *not recorded*" in card.to_markdown()
    assert '<dt>Owner</dt><dd class="soft">not recorded</dd>' in card.to_html()
    [missing] = card.section("Caveats and recommendations").facts
    assert "Intended use: Uses, Users, Out of scope" in missing.value
    known = model_card(facts()).section("Caveats and recommendations").facts[0].value
    assert "Intended use: Users, Out of scope" in known


def test_every_number_has_its_interval_or_says_why_not():
    [table] = model_card(facts()).section("Quantitative analyses: overall").tables
    assert table.columns == ("metric", "value", "95 % interval", "rows")
    assert table.rows[0] == ("auc", 0.8, [0.7, 0.9], 900)
    assert table.rows[1] == ("mcc", "undefined", "none: too few rows or blocks", 900)
    assert "| auc | 0.8000 | [0.7000, 0.9000] | 900 |" in model_card(facts()).to_markdown()


def test_findings_go_to_the_section_of_their_check():
    card = model_card(facts(), [found("behaviour.invariance", "fail", "Sex matters.", "sex")])
    checks = {s.title: [f.check for f in s.findings] for s in card.sections if s.findings}
    assert checks["Evaluation data"] == ["leakage.scan"]
    assert checks["Training data"] == ["schema.null"]
    assert checks["Quantitative analyses: overall"] == [
        "compare.better", "calibration.ece", "behaviour.invariance",
    ]  # fmt: skip
    assert checks["Ethical considerations"] == ["behaviour.invariance"]


def test_real_findings_make_tables_of_slices_and_of_the_curve():
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"sex": rng.choice(["f", "m"], 2000)})
    p = rng.random(2000)
    label = rng.random(2000) < np.where(frame["sex"] == "m", 0.5, p)
    card = model_card(
        facts(findings=()),
        [*slices(label, p, frame, by=["sex"], at_least=0.7), calibration(label, p)],
    )
    [table] = card.section("Quantitative analyses: by slice").tables
    assert [row[0] for row in table.rows] == ["sex = m", "sex = f"], "the worst first"
    assert table.rows[0][-1] == "fail"
    assert table.rows[0][2][0] < table.rows[0][1] < table.rows[0][2][1]
    assert table.rows[0][4] == "0.7000"
    titles = [one.title for one in card.section("Quantitative analyses: overall").tables]
    assert titles[-1] == "Calibration"
    assert [f.subject for f in card.section("Ethical considerations").findings] == [
        "sex = f", "sex = m",
    ]  # fmt: skip
    assert card.to_html().count('class="tick"') > 2


def test_a_sensitive_column_that_nobody_looked_at_is_said():
    section = model_card(facts()).section("Ethical considerations")
    assert section.notes == ("No check was made on a sensitive column.",)
    assert section.facts[2].value == "sex"
    proxies = model_card(facts(features=("x",))).section("Ethical considerations")
    assert "others may stand for them" in proxies.facts[2].value


def test_the_life_in_production_is_told_and_its_failures_come_first():
    life = facts(
        findings=(),
        history=(
            Moment("2024-01-01T00:00:00", "promote", "v3 is no worse."),
            Moment("2024-01-09T00:00:00", "rollback", "v3 is worse."),
        ),
        monitoring=tuple(
            Seen(f"2024-01-0{day}T00:00:00", found("shift.feature", verdict, "x moved.", "x"))
            for day, verdict in ((2, "warn"), (3, "fail"), (4, "fail"))
        ),
    )
    card = model_card(life)
    assert card.verdict is Verdict.FAIL
    assert card.problems[0].summary == "2024-01-09T00:00: v3 is worse."
    assert card.problems[1].summary.startswith("In production, failed 2 times, last 2024-01-04")
    happened, seen = card.section("Life in production").tables
    assert [row[1] for row in happened.rows] == ["promote", "rollback"]
    assert seen.rows[0][:5] == ("shift.feature", "x", 2, 1, 0)


def test_the_same_facts_are_the_same_bytes_and_json_reads_back():
    first, second = model_card(facts()), model_card(facts())
    assert first.to_bytes() == second.to_bytes()
    assert first.to_html() == second.to_html()
    assert json.loads(first.to_bytes())["title"] == "late:v3"


def test_whatever_a_name_holds_no_mark_gets_through():
    nasty = "<script>alert(1)</script> | [x](y) *z* `"
    card = model_card(
        facts(name=nasty, reference=nasty, features=(nasty,), family=nasty,
              sources=({"name": nasty, "sha256": "0" * 64},),
              findings=(found("calibration.ece", "fail", nasty, nasty),),
              intent=Intent(uses=nasty))
    )  # fmt: skip
    page = card.to_html()
    assert "<script" not in page
    text = card.to_markdown()
    assert "<script" not in text.replace(r"\<script", "")
    assert "](" not in text
    for line in text.splitlines():
        if line.startswith("| ") and "script" in line:
            assert len(re.findall(r"(?<!\\)\|", line)) in {5, 6}


def test_the_page_stands_alone_without_scripts_and_without_style_attributes():
    page = model_card(facts()).to_html()
    assert "<script" not in page
    assert " style=" not in page
    assert "http" not in page
    assert page.count("<main") == 1
    assert "light-dark(" in page
    assert model_card(facts())._repr_html_().startswith("<style>")


def test_hundreds_of_findings_are_folded_and_counted():
    many = [found("leakage.scan", "warn", f"Column {i} is odd.") for i in range(300)]
    card = model_card(facts(findings=()), many)
    assert "292 more findings" in card.to_html()
    assert "260 more findings in the card's JSON" in card.to_markdown()
    assert len(card.to_json()["problems"]) == 300


def test_an_intent_is_sentences():
    assert Intent(uses="One.", users=["a", ""]).users == ("a",)
    assert Intent.from_json(Intent(uses="One.", owner="me").to_json()) == Intent(
        uses="One.", owner="me"
    )
    with pytest.raises(InputError, match="must be sentences"):
        Intent(caveats=(1,))
