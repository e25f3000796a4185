import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.core import Finding, InputError, Policy, Verdict, decide, finding, worst


def a_finding(**changes):
    plain = {"check": "data.range", "subject": "temp", "verdict": "fail", "summary": "Too hot."}
    return Finding(**(plain | changes))


def test_numpy_values_become_plain_json():
    found = a_finding(
        evidence={"rows": np.array([1, 2]), "share": np.float64(0.5), "n": np.int8(3)}
    )
    assert found.evidence == {"rows": [1, 2], "share": 0.5, "n": 3}
    assert Finding.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("field", ["statistic", "threshold", "effect", "p_value"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused(field, value):
    with pytest.raises(InputError, match=f"{field} must be finite"):
        a_finding(**{field: value})


def test_evidence_that_is_not_finite_is_kept_as_words():
    assert a_finding(evidence={"max": math.inf}).evidence == {"max": "inf"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"p_value": 1.5}, "lies in"),
        ({"summary": ""}, "needs a check and a summary"),
        ({"evidence": {"model": object()}}, "evidence.model"),
        ({"verdict": "fine"}, "fine"),
    ],
)
def test_a_malformed_finding_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        a_finding(**changes)


def test_nothing_judged_is_unknown_and_unknown_is_never_ok():
    assert worst([]) is Verdict.UNKNOWN
    assert worst([a_finding(verdict="ok"), a_finding(verdict="unknown")]) is Verdict.UNKNOWN


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1))
def test_the_worst_verdict_does_not_depend_on_order(verdicts):
    findings = [a_finding(verdict=verdict) for verdict in verdicts]
    assert worst(findings) == worst(reversed(findings))
    assert (worst(findings) is Verdict.OK) == all(v is Verdict.OK for v in verdicts)


def test_conditions_compose_and_a_policy_names_what_made_it_apply():
    drift = a_finding(check="shift.feature", subject="temp", verdict="warn")
    broken = a_finding(check="schema.missing", subject="dep", verdict="fail")
    page = Policy(
        "page",
        finding(check="schema.*") | (finding(check="shift.*", verdict="fail")),
        "alarm",
    )
    assert [d.findings for d in decide([page], [drift, broken])] == [(broken,)]
    assert decide([page], [drift]) == []
    assert decide([Policy("two", ~finding(subject="dep"), "x", at_least=2)], [drift, broken]) == []
