import numpy as np
import polars as pl
import pytest
import shop

from homeostat.core import SchemaError
from homeostat.evaluate import to_label
from homeostat.loop import ask_for_labels, run, wanted_labels
from homeostat.serve import Client, serving


def asked(keys, p, source="serve:shop", **more):
    return to_label(keys, p, below=0.9, source=source, **more)


def test_a_key_is_wanted_once_however_often_and_by_whom_it_is_asked_for(record):
    assert ask_for_labels(record, "shop", asked(["a", "b"], [0.6, 0.5])) == 2
    assert ask_for_labels(record, "shop", asked(["b", "c"], [0.7, 0.8], "slice:x")) == 1
    assert ask_for_labels(record, "shop", asked(["a", "b"], [0.6, 0.5])) == 0
    found = wanted_labels(record, "shop")
    assert found["key"].to_list() == ["b", "a", "c"]
    assert found["source"].to_list() == ["serve:shop", "serve:shop", "slice:x"]
    assert found["asked_at"].dtype == pl.Datetime("us", "UTC")
    assert wanted_labels(record, "other").is_empty()


def test_many_items_are_kept_whole(record):
    keys = np.arange(2500)
    assert ask_for_labels(record, "shop", asked(keys, np.full(2500, 0.6))) == 2500
    assert wanted_labels(record, "shop").height == 2500


def test_what_has_an_answer_is_no_longer_wanted(record, now):
    run(shop.shop(), record, clock=now)
    rows = shop.orders().tail(3).select(shop.FEATURES).to_dicts()
    with serving(record.path, "shop", port=0) as server, Client(server.url) as client:
        ids = [client.predict(row).id for row in rows]
        assert ask_for_labels(record, "shop", asked(ids, [0.6, 0.7, 0.8])) == 3
        client.feedback(ids[1], 1)
    assert wanted_labels(record, "shop")["key"].to_list() == [ids[0], ids[2]]
    assert wanted_labels(record, "shop", answered=[ids[0]])["key"].to_list() == [ids[2]]


def test_a_frame_that_is_no_list_of_items_is_refused(record):
    with pytest.raises(SchemaError, match="reason"):
        ask_for_labels(record, "shop", pl.DataFrame({"key": ["a"]}))
    items = asked(["a"], [0.6]).with_columns(key=pl.lit(None, pl.String))
    with pytest.raises(SchemaError, match="1 have none"):
        ask_for_labels(record, "shop", items)
