import string
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.core import InputError
from homeostat.evaluate import perturb, swap_words, typos
from homeostat.evaluate._behaviour._texts import (
    change_case,
    change_punctuation,
    change_space,
    elongate,
    look_alikes,
)
from homeostat.evaluate._behaviour._words import change_contractions

ANY_TEXTS = st.lists(st.text(max_size=12), max_size=20)
EDITS = [change_case, change_punctuation, change_space, elongate, look_alikes]


def has_letter(text):
    return any(one.isalpha() and ord(one) < 0x2FFFF for one in text)


@settings(max_examples=60)
@given(ANY_TEXTS, st.integers(1, 4), st.integers(0, 99))
def test_every_text_with_a_letter_is_mistyped_and_no_other_is(texts, count, seed):
    edited = typos(texts, count, rng=seed)
    assert len(edited) == len(texts)
    assert [a != b for a, b in zip(texts, edited, strict=True)] == [has_letter(t) for t in texts]


@settings(max_examples=60)
@given(st.lists(st.text(string.printable, max_size=30)), st.integers(0, 9))
def test_a_typo_is_one_edit(texts, seed):
    for kind, longer in {"swap": 0, "drop": -1, "double": 1, "neighbour": 0}.items():
        for before, after in zip(texts, typos(texts, kinds=[kind], rng=seed), strict=True):
            if before == after:
                continue
            assert len(after) - len(before) == longer
            differ = [a != b for a, b in zip(before, after, strict=False)]
            if kind == "swap":
                assert sum(differ) == 2
                assert sorted(before) == sorted(after)
            if kind == "neighbour":
                assert sum(differ) == 1
            if kind == "double":
                at = differ.index(True) if any(differ) else len(before)
                assert after[at] == after[at - 1]


def test_equal_neighbours_single_letters_and_empty_texts_are_no_trouble():
    assert typos(["aa", "a", "", "7", "👍"], kinds=["swap"]) == ["aa", "a", "", "7", "👍"]
    assert typos(["a"], kinds=["drop"]) == ["a"]  # a text is never emptied
    assert typos(["a"], kinds=["neighbour"])[0] in {"q", "w", "s", "z"}
    assert typos([]) == []
    assert set(typos(["aab"] * 200, kinds=["swap"])) == {"aba"}


def test_typos_repeat_by_their_seed_and_are_spread_over_places_and_kinds():
    texts = ["abcdefghij"] * 4000
    assert typos(texts, rng=5) == typos(texts, rng=5)
    assert typos(texts, rng=5) != typos(texts, rng=6)
    lengths = [len(text) for text in typos(texts, rng=0)]
    assert np.mean([n == 9 for n in lengths]) == pytest.approx(0.25, abs=0.03)
    assert np.mean([n == 11 for n in lengths]) == pytest.approx(0.25, abs=0.03)
    dropped = [
        next(i for i, (a, b) in enumerate(zip("abcdefghij", text + " ", strict=True)) if a != b)
        for text in typos(texts, kinds=["drop"], rng=0)
    ]
    assert np.bincount(dropped, minlength=10) / 4000 == pytest.approx(0.1, abs=0.025)


@settings(max_examples=20)
@given(ANY_TEXTS, st.floats(0.01, 1), st.integers(0, 9))
def test_no_edit_loses_a_text_whatever_is_in_it(texts, share, seed):
    for edit in chain(EDITS, [change_contractions]):
        assert len(edit(texts, share, rng=seed)) == len(texts)
    for words in ("gender", "names", "places"):
        assert len(swap_words(texts, words, rng=seed)) == len(texts)


def test_separators_control_characters_and_lone_surrogates_pass_through():
    odd = ["\0a\x1e", "b\x1f\n\r", "\U000f0000x", "\ud800y"]
    assert [len(t) for t in typos(odd, kinds=["double"])] == [4, 5, 3, 3]
    assert change_case(odd)[3] == "\ud800Y"
    with pytest.raises(InputError, match="lone surrogates"):
        swap_words(odd)


def test_a_share_of_the_places_is_edited_and_at_least_one():
    text = "the quick brown fox jumps over the lazy dog " * 20
    changed = sum(a != b for a, b in zip(text, change_case([text], 0.25, rng=1)[0], strict=True))
    letters = sum(one.isalpha() for one in text)
    assert changed / letters == pytest.approx(0.25, abs=0.06)
    assert change_case(["a"], 0.01) == ["A"]


def test_case_punctuation_space_elongation_and_look_alikes():
    assert change_case(["It's ÉTÉ ß"], to="lower") == ["it's été ß"]
    assert change_case(["It's", "9"], to="upper") == ["IT'S", "9"]
    assert change_punctuation(["Well, no!", "Yes", ""]) == ["Well no", "Yes.", "."]
    assert elongate(["so", "zz"], 1.0) == ["sooo", "zz"]
    spaced = change_space(["a b"] * 50, rng=0)
    assert set(spaced) == {"a  b", "a\tb", "a\u00a0b"}
    assert change_space(["ab"]) == ["ab "]
    (fooled,) = look_alikes(["paypal"], 1.0)
    assert fooled != "paypal"
    assert len(fooled) == 6
    assert fooled[5] == "l"  # it has no twin


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("He told Mary his plan.", "She told John her plan."),
        ("SHE LEFT HIM", "HE LEFT HER"),
        ("Her dog saw her.", "His dog saw him."),
        ("I told her the news", "I told him the news"),
        ("The book is his, not hers.", "The book is hers, not his."),
        ("Mr. Smith met an actor himself", "Ms. Smith met an actress herself"),
        ("“John” and sheriff the héros", "“Mary” and sheriff the héros"),
        ("a waiter, an uncle", "a waitress, an aunt"),
        ("rain", "rain"),
    ],
)
def test_gender_is_exchanged_with_what_agrees_with_it(before, after):
    assert swap_words([before]) == [after]


def test_names_and_places_become_another_of_their_kind_and_stay_apart():
    texts = ["Mary met Anna, mary and MARY in a London street; turkey in Turkey"] * 300
    for text in swap_words(texts, "names", rng=1):
        first, second = text.split(" met ")[0], text.split(" met ")[1].split(",")[0]
        assert first not in {"Mary", second}
        assert f"mary and {first.upper()}" in text
    for text in swap_words(texts, "places", rng=1):
        city = text.split(" street")[0].partition(" in ")[2]
        article, _, city = city.partition(" ")
        assert city != "London"
        assert article == ("an" if city[0] in "AEIOU" else "a")
        assert "turkey in Turkey" not in text
        assert "turkey in " in text


def test_lists_of_your_own_are_exchanged():
    assert swap_words(["a Cat and a dog"], [["cat", "dog"]]) == ["a Dog and a cat"]
    for words, says in [
        ("genders", "Did you mean `gender`"),
        ([["cat"]], "at least two"),
        ([["a", "b"], ["b", "c"]], "in one list"),
        (["he", "she"], "at least two"),
    ]:
        with pytest.raises(InputError, match=says):
            swap_words(["x"], words)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("I CAN'T go and I do not.", "I CANNOT go and I don't."),
        ("It isn\u2019t.", "It is not."),
        ("I know who he is.", "I know who he is."),
        ("He is not here", "He's not here"),
        ("scan't", "scan't"),
        ("Won't you? I'm off", "Will not you? I am off"),
    ],
)
def test_contractions_go_both_ways_and_keep_their_case(before, after):
    assert change_contractions([before]) == [after]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: typos(["a"], 0), "at least 1"),
        (lambda: typos(["a"], kinds=["swop"]), "Did you mean `swap`"),
        (lambda: typos(["a"], kinds=[]), "at least one kind"),
        (lambda: change_case(["a"], 0), r"\(0, 1\]"),
        (lambda: change_case(["a"], to="down"), '"upper", "lower"'),
        (lambda: elongate(["a"], times=1), "at least 2"),
        (lambda: perturb(["a"], "typo", 1), "Did you mean `typos`"),
        (lambda: perturb(["a"], "blur", 1), "rows of kind image"),
        (lambda: perturb(["a"], "typos", 1, kind=["swap"]), "no setting `kind`"),
        (lambda: perturb(["a"], "typos", -1), "0 or above"),
        (lambda: perturb([1], "typos", 1), "must be strings"),
        (lambda: perturb([], "typos", 1), "at least one row"),
        (lambda: perturb(7, "typos", 1), "must be a frame"),
    ],
)
def test_bad_input_is_named_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
