"""What one call of `log` does to rows and steps, as W&B's users know it."""

import threading

import numpy as np
import pytest

import homeostat.track as hs
from homeostat.core import InputError, RecordError


def test_each_call_is_a_row_and_steps_count_from_0(start, read):
    run = start()
    for value in (0.5, 0.25):
        hs.log({"loss": value})
    assert run.step == 2
    assert read().points(run) == {0: {"loss": 0.5}, 1: {"loss": 0.25}}


def test_a_row_is_in_the_record_before_the_call_returns(start, read):
    run = start()
    hs.log({"loss": 0.5})
    hs.log({"part": 1.0}, commit=False)
    assert read().points(run) == {0: {"loss": 0.5}, 1: {"part": 1.0}}


def test_parts_without_commit_and_the_call_after_them_make_up_one_row(start, read):
    run = start()
    hs.log({"a": 1.0}, commit=False)
    hs.log({"b": 2.0}, commit=False)
    hs.log({"c": 3.0})
    hs.log({"a": 4.0})
    assert read().points(run) == {0: {"a": 1.0, "b": 2.0, "c": 3.0}, 1: {"a": 4.0}}


def test_an_empty_call_completes_the_row(start, read):
    run = start()
    hs.log({"a": 1.0}, commit=False)
    hs.log({})
    hs.log({"a": 2.0})
    assert read().points(run) == {0: {"a": 1.0}, 1: {"a": 2.0}}


def test_calls_of_the_same_step_make_up_one_row_which_stays_open(start, read):
    run = start()
    hs.log({"a": 1.0}, step=5)
    hs.log({"b": 2.0}, step=5)
    hs.log({"c": 3.0})
    hs.log({"d": 4.0})
    assert read().points(run) == {5: {"a": 1.0, "b": 2.0, "c": 3.0}, 6: {"d": 4.0}}


def test_commit_completes_a_row_whose_step_was_named(start, read):
    run = start()
    hs.log({"a": 1.0}, step=5, commit=True)
    hs.log({"b": 2.0})
    assert read().points(run) == {5: {"a": 1.0}, 6: {"b": 2.0}}


def test_a_later_value_of_one_name_in_one_row_wins(start, read):
    run = start()
    hs.log({"a": 1.0}, step=0)
    hs.log({"a": 2.0}, step=0)
    assert read().points(run) == {0: {"a": 2.0}}
    assert run.summary["a"] == 2.0


def test_a_step_that_goes_back_is_dropped_with_one_warning(start, read, capsys):
    run = start()
    hs.log({"a": 1.0}, step=10)
    hs.log({"a": 2.0}, step=3)
    hs.log({"a": 3.0}, step=4)
    hs.finish()
    assert read().points(run) == {10: {"a": 1.0}}
    said = capsys.readouterr().err
    assert said.count("steps must not go back") == 1


@pytest.mark.parametrize("step", [np.int64(7), np.int32(7), 7.0, True + 6])
def test_a_step_may_be_any_whole_number(start, read, step):
    run = start()
    hs.log({"a": 1.0}, step=step)
    assert read().points(run) == {7: {"a": 1.0}}


@pytest.mark.parametrize("step", ["7", 7.5, -1, 2**63, [7]])
def test_a_step_of_no_use_keeps_the_values_in_the_open_row(start, read, capsys, step):
    run = start()
    hs.log({"a": 1.0})
    hs.log({"a": 2.0}, step=step)
    assert read().points(run) == {0: {"a": 1.0}, 1: {"a": 2.0}}
    assert "a step is a whole number" in capsys.readouterr().err


@pytest.mark.parametrize("data", [None, 3, "loss", [("a", 1)]])
def test_what_is_no_mapping_is_refused(start, data):
    start()
    with pytest.raises(InputError, match="takes a dict"):
        hs.log(data)


def test_logging_without_a_run_or_after_its_end_says_what_to_do(start):
    with pytest.raises(RecordError, match=r"call homeostat\.init\(\)"):
        hs.log({"a": 1.0})
    run = start()
    hs.finish()
    with pytest.raises(RecordError, match=r"call homeostat\.init\(\)"):
        hs.log({"a": 1.0})
    with pytest.raises(RecordError, match="is finished"):
        run.log({"a": 1.0})


def test_threads_never_get_one_step_twice(start, read):
    run = start()

    def work(number):
        for i in range(200):
            run.log({f"t{number}": float(i)})
            if i % 10 == 0:
                run.log({f"t{number}": "slow"})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    points, others = read().points(run), read().others(run)
    assert len(points) == 800
    assert len(others) == 80
    assert points.keys() | others.keys() == set(range(880))


def test_a_value_can_be_logged_from_a_signal_handler_or_a_repr_while_logging(start, read):
    run = start()

    class Odd:
        def __repr__(self):
            run.log({"inside": 1.0}, commit=False)
            return "odd"

    run.log({"odd": Odd(), "loss": 0.5})
    assert read().points(run)[0] == {"inside": 1.0, "loss": 0.5}
