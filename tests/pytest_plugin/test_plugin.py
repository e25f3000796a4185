import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import homeostat.evaluate  # noqa: F401 - NumPy cannot be loaded twice in one process
from homeostat.core import Finding
from homeostat.record import Record

pytest_plugins = ["pytester"]

MODULE = "homeostat.pytest._plugin"
FINDINGS = """
import pytest
from homeostat.core import Finding

def found(verdict, **evidence):
    return Finding(check="behaviour.invariance", subject="sex", verdict=verdict,
                   summary=f"It is {verdict}.", evidence=evidence)

def test_ok(homeostat_check):
    homeostat_check(found("ok"))

def test_warn(homeostat_check):
    homeostat_check([found("ok"), found("warn")])

def test_unknown(homeostat_check):
    homeostat_check(found("unknown"))

def test_fail(homeostat_check):
    homeostat_check([found("ok"), found("fail", examples=[
        {"at": 7, "row": {"age": 41}, "changed": {"sex": ["f", "m"]}, "before": .12, "after": .93},
    ])])
"""


@pytest.fixture
def run(pytester):
    pytester.makepyfile(FINDINGS)
    installed = any(one.value == MODULE for one in entry_points(group="pytest11"))
    loaded = () if installed else ("-p", MODULE)

    def go(*arguments, apart=False):
        """Run pytest on them; ``apart`` where it loads modules that leave something behind."""
        started = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return started(*loaded, "-p", "no:cacheprovider", *arguments)

    return go


def test_each_verdict_becomes_a_result_and_a_failure_shows_its_counter_example(run):
    done = run()
    done.assert_outcomes(passed=2, skipped=1, failed=1)
    done.stdout.fnmatch_lines(
        [
            "*1 of 2 findings fail:",
            "*fail  behaviour.invariance on sex",
            "*It is fail.",
            "*counter-example 1: row 7",
            "*sex: 'f' -> 'm'",
            "*0.12 -> 0.93",
        ]
    )


def test_the_table_at_the_end_has_every_finding_and_the_worst_first(run):
    done = run()
    done.stdout.fnmatch_lines(
        [
            "*homeostat findings*",
            "fail *It is fail.  (test_fail)",
            "unknown *It is unknown.  (test_unknown)",
            "warn *It is warn.  (test_warn)",
            "ok *It is ok.  (test_ok)",
            "1 fail, 1 unknown, 1 warn, 3 ok",
        ]
    )


def test_strict_fails_what_is_not_ok_and_each_verdict_can_be_told_apart(run):
    run("--homeostat-strict").assert_outcomes(passed=1, failed=3)
    run("--homeostat-strict", "--homeostat-warn=pass").assert_outcomes(passed=2, failed=2)
    run("--homeostat-unknown=pass").assert_outcomes(passed=3, failed=1)
    run("--homeostat-warn=skip").assert_outcomes(passed=1, skipped=2, failed=1)


def test_findings_are_recorded_as_one_run_with_the_test_that_made_each(run, pytester):
    run("--homeostat-record=ledger", apart=True)
    with Record.open(pytester.path / "ledger") as record:
        (run_of_tests,) = record.runs(kind="test").rows(named=True)
        assert run_of_tests["status"] == "failed"
        findings = record.findings(run_of_tests["id"])
    assert sorted(findings["verdict"]) == ["fail", "ok", "ok", "ok", "unknown", "warn"]
    evidence = [json.loads(one) if isinstance(one, str) else one for one in findings["evidence"]]
    assert all("::test_" in one["pytest"] for one in evidence)


def test_findings_that_cannot_be_recorded_fail_the_run_in_words(run, pytester):
    (pytester.path / "ledger").write_text("a file")
    done = run("--homeostat-record=ledger", "-k", "test_ok", apart=True)
    done.stdout.fnmatch_lines(["1 ok; NOT recorded: *"])
    assert done.ret == 1


def test_nothing_is_recorded_or_printed_where_no_finding_was_made(run, pytester):
    pytester.makepyfile("def test_plain(): pass")
    done = run("--homeostat-record=ledger", "-k", "plain")
    done.stdout.no_fnmatch_line("*homeostat findings*")
    assert not (pytester.path / "ledger").exists()


def test_workers_of_xdist_hand_their_findings_over(run, pytester):
    done = run("-n", "2", "--homeostat-record=ledger", apart=True)
    done.assert_outcomes(passed=2, skipped=1, failed=1)
    done.stdout.fnmatch_lines(["*homeostat findings*", "1 fail, 1 unknown, 1 warn, 3 ok*"])
    with Record.open(pytester.path / "ledger") as record:
        assert len(record.runs(kind="test")) == 1
        assert len(record.findings()) == 6


def test_a_suite_is_one_test_each_with_its_counter_examples(run, pytester):
    pytester.makepyfile(
        test_suite="""
        import numpy as np, polars as pl, pytest
        from homeostat.evaluate import BehaviourSuite, BehaviourTest
        from homeostat.pytest import each_test

        SUITE = BehaviourSuite("people", [
            BehaviourTest.of("invariance", column="sex"),
            BehaviourTest.of("directional", column="age"),
        ])

        @pytest.fixture(scope="module")
        def people():
            return pl.DataFrame({"sex": ["f", "m"] * 100, "age": np.arange(200.0)})

        @each_test(SUITE)
        def test_people(behaviour, homeostat_check, people):
            model = lambda rows: np.where(rows["sex"] == "m", 0.9, 0.1)
            homeostat_check(behaviour.run(model, people))
        """
    )
    done = run("-v", "test_suite.py")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        [
            "*test_people?invariance sex? FAILED*",
            "*test_people?directional age? PASSED*",
            "*counter-example 1: row 0",
            "*sex: 'f' -> 'm'",
            "*0.1 -> 0.9",
        ]
    )


def test_without_the_fixture_a_finding_can_still_be_asserted(run, pytester):
    pytester.makepyfile(
        test_bare="""
        from homeostat.core import Finding
        from homeostat.pytest import assert_findings

        warned = Finding(check="a.b", subject="c", verdict="warn", summary="Well.")

        def test_lenient():
            assert_findings(warned)

        def test_strict():
            assert_findings(warned, strict=True)

        def test_nothing():
            assert_findings([])

        def test_no_finding():
            assert_findings(True)
        """
    )
    done = run("test_bare.py")
    done.assert_outcomes(passed=1, failed=3)
    done.stdout.fnmatch_lines(["*nothing was tested*", "*judges homeostat findings, got bool*"])


def test_a_run_of_pytest_that_does_not_use_the_plugin_imports_nothing_heavy(tmp_path):
    code = f"import sys, {MODULE}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(
        {"numpy", "polars", "sklearn", "scipy", "homeostat.record", "pydantic"}
    )
    ours = {one for one in loaded if one.startswith("homeostat")}
    assert len(ours) < 12, ours


def test_an_explanation_shows_curves_texts_and_smallest_steps():
    from homeostat.pytest import explain

    found = Finding(
        check="behaviour.perturbation",
        subject="typos",
        verdict="fail",
        summary="Many move.",
        evidence={
            "curve": [{"strength": 1.0, "moved": 0.25, "score": 0.75}],
            "smallest": {"step": 0.5, "before": 0.4, "after": 0.3},
            "examples": [{"at": 2, "text": "good", "became": "goood", "before": 0.9, "after": 0.1}],
        },
    )
    assert explain(found).splitlines() == [
        "fail  behaviour.perturbation on typos",
        "  Many move.",
        "    at    1.0: moved   25.00%  score 0.7500",
        "  smallest step that breaks: step=0.5, before=0.4, after=0.3",
        "  counter-example 1: row 2",
        "    - 'good'",
        "    + 'goood'",
        "    0.9 -> 0.1",
    ]
