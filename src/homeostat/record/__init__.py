"""The record: runs, artifacts, findings and lineage, on logs that outlive the process.

Names load when first used: a run that is only written needs a small part of all this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core._lazy import lazily

if TYPE_CHECKING:
    from homeostat.record._arrival import Numbered
    from homeostat.record._artifact import Artifact, Entry
    from homeostat.record._artifact_draft import ArtifactDraft
    from homeostat.record._blobs import Blob, BlobStore
    from homeostat.record._capture import Code, Environment, capture_code, capture_environment
    from homeostat.record._collect import Collected
    from homeostat.record._compact import unseal
    from homeostat.record._event_log import EventLog
    from homeostat.record._frame import Frame
    from homeostat.record._invocation import ALLOWED_VARIABLES, Invocation
    from homeostat.record._lineage import Edge, Lineage, Node
    from homeostat.record._lock import alone, together
    from homeostat.record._logged import (
        Logged,
        SeriesFacts,
        console_lines,
        logged_values,
        runs_with_table,
        series_of,
        shared_series,
    )
    from homeostat.record._pack import PackedFile, write_files
    from homeostat.record._read_log import Damage, LogReading, read_log
    from homeostat.record._reads import Reads, observe_reads
    from homeostat.record._record import Record
    from homeostat.record._reference import Reference
    from homeostat.record._replay import Replay
    from homeostat.record._run import Run
    from homeostat.record._run_info import RunInfo
    from homeostat.record._seeds import random_state, seed_everything
    from homeostat.record._snapshot import Tree, tree_files
    from homeostat.record._source import log_sizes, open_log, read_bytes, sealed_path
    from homeostat.record._stretch import Stretch, read_stretch, whole_frames
    from homeostat.record._verify import RebuildReport

__all__ = [
    "ALLOWED_VARIABLES",
    "Artifact",
    "ArtifactDraft",
    "Blob",
    "BlobStore",
    "Code",
    "Collected",
    "Damage",
    "Edge",
    "Entry",
    "Environment",
    "EventLog",
    "Frame",
    "Invocation",
    "Lineage",
    "LogReading",
    "Logged",
    "Node",
    "Numbered",
    "PackedFile",
    "Reads",
    "RebuildReport",
    "Record",
    "Reference",
    "Replay",
    "Run",
    "RunInfo",
    "SeriesFacts",
    "Stretch",
    "Tree",
    "alone",
    "capture_code",
    "capture_environment",
    "console_lines",
    "log_sizes",
    "logged_values",
    "observe_reads",
    "open_log",
    "random_state",
    "read_bytes",
    "read_log",
    "read_stretch",
    "runs_with_table",
    "sealed_path",
    "seed_everything",
    "series_of",
    "shared_series",
    "together",
    "tree_files",
    "unseal",
    "whole_frames",
    "write_files",
]

__getattr__ = lazily(
    globals(),
    {
        "_logged": [
            "Logged",
            "SeriesFacts",
            "console_lines",
            "logged_values",
            "runs_with_table",
            "series_of",
            "shared_series",
        ],
        "_arrival": ["Numbered"],
        "_artifact": ["Artifact", "Entry"],
        "_artifact_draft": ["ArtifactDraft"],
        "_blobs": ["Blob", "BlobStore"],
        "_capture": ["Code", "Environment", "capture_code", "capture_environment"],
        "_collect": ["Collected"],
        "_compact": ["unseal"],
        "_event_log": ["EventLog"],
        "_frame": ["Frame"],
        "_invocation": ["ALLOWED_VARIABLES", "Invocation"],
        "_lineage": ["Edge", "Lineage", "Node"],
        "_lock": ["alone", "together"],
        "_pack": ["PackedFile", "write_files"],
        "_read_log": ["Damage", "LogReading", "read_log"],
        "_reads": ["Reads", "observe_reads"],
        "_record": ["Record"],
        "_reference": ["Reference"],
        "_replay": ["Replay"],
        "_run": ["Run"],
        "_run_info": ["RunInfo"],
        "_seeds": ["random_state", "seed_everything"],
        "_snapshot": ["Tree", "tree_files"],
        "_source": ["log_sizes", "open_log", "read_bytes", "sealed_path"],
        "_stretch": ["Stretch", "read_stretch", "whole_frames"],
        "_verify": ["RebuildReport"],
    },
)
