import polars as pl
import pytest
import shop

from homeostat.features import Feature, FeatureSet
from homeostat.loop import feature_users, run, served_as_trained
from homeostat.serve import Client, serving

HONEST = FeatureSet(tuple(Feature(name, pl.col(name)) for name in shop.FEATURES))


@pytest.fixture
def released(record, now):
    run(shop.shop(), record, clock=now)
    return record


def test_who_uses_a_feature_is_read_from_the_released_models(released):
    assert feature_users(released) == {name: ["shop:v0"] for name in sorted(shop.FEATURES)}


def test_a_server_that_computed_a_feature_its_own_way_is_found_in_its_log(released):
    asked = shop.orders().tail(20)
    rounded = asked.with_columns(pl.col("distance").round(1))
    with serving(released.path, "shop", port=0) as server, Client(server.url) as client:
        ids = [client.predict(row).id for row in rounded.select(shop.FEATURES).to_dicts()]
    by_id = pl.DataFrame({"id": ids}).hstack(asked.select(shop.FEATURES))

    def recompute(requests):
        return requests.select("id").join(
            by_id.select("id").hstack(HONEST.compute(by_id)), on="id", maintain_order="left"
        )

    found = {one.subject: one for one in served_as_trained(released, "shop", recompute)}
    assert found.pop("distance").verdict == "fail"
    assert {one.verdict.value for one in found.values()} == {"ok"}
