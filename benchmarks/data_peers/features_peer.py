"""Run by features.py in the peers' environment: one join, timed; its answer to out.parquet."""

import json
import sys
import time
from datetime import timedelta

import pandas as pd

tool, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])

asked, table = (pd.read_parquet(f"{folder}/{name}.parquet") for name in ("asked", "table"))


def merge_asof():
    return pd.merge_asof(
        asked.sort_values("at"), table.sort_values("time"), left_on="at", right_on="time", by="k"
    )


def duck(sql):
    import duckdb

    connection = duckdb.connect()
    for name in ("asked", "rows"):
        file = "asked" if name == "asked" else "table"
        connection.execute(f"CREATE TABLE {name} AS FROM '{folder}/{file}.parquet'")
    return lambda: connection.sql(sql).to_arrow_table()


ASOF = """
SELECT a.*, t.f0, t.f1, t.f2, t.f3 FROM asked a
ASOF LEFT JOIN rows t ON a.k = t.k AND a.at >= t.time
"""
KNOWN = """
SELECT a.id, x.t.f0 f0, x.t.f1 f1, x.t.f2 f2, x.t.f3 f3 FROM asked a LEFT JOIN (
    SELECT a.id, arg_max(t, (t.time, t.created_at)) t FROM asked a
    JOIN rows t ON a.k = t.k AND t.time <= a.at AND t.created_at <= a.at GROUP BY a.id
) x ON a.id = x.id
"""


def feast():
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
    from feast.types import Float64
    from feast.value_type import ValueType

    config = RepoConfig(
        project="p",
        provider="local",
        registry=f"{folder}/registry.db",
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
        online_store={"type": "sqlite", "path": f"{folder}/o.db"},
    )
    store = FeatureStore(config=config)
    entity = Entity(name="k", join_keys=["k"], value_type=ValueType.INT64)
    source = FileSource(
        path=f"{folder}/table.parquet",
        timestamp_field="time",
        created_timestamp_column="created_at",
    )
    names = [f"f{n}" for n in range(4)]
    view = FeatureView(
        name="v",
        entities=[entity],
        ttl=timedelta(0),
        source=source,
        schema=[Field(name=name, dtype=Float64) for name in names],
    )
    store.apply([entity, view])
    requests = asked.rename(columns={"at": "event_timestamp"})

    def run():
        return store.get_historical_features(
            entity_df=requests, features=[f"v:{name}" for name in names]
        ).to_df()

    return run


run = {
    "pandas merge_asof": lambda: merge_asof,
    "duckdb asof": lambda: duck(ASOF),
    "duckdb inequality": lambda: duck(KNOWN),
    "feast": feast,
}[tool]()
costs = []
for _ in range(rounds):
    began = time.process_time(), time.perf_counter()
    result = run()
    costs.append((time.process_time() - began[0], time.perf_counter() - began[1]))
if not isinstance(result, pd.DataFrame):
    import pyarrow.parquet

    pyarrow.parquet.write_table(result, f"{folder}/out.parquet")
else:
    result.to_parquet(f"{folder}/out.parquet")
print(json.dumps(min(costs)))
