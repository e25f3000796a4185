"""The record: runs, artifacts, findings and lineage, on logs that outlive the process.

Names load when first used: a run that is only written needs a small part of all this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeostat.core._lazy import lazily

if TYPE_CHECKING:
    from homeostat.record._artifact.artifact import Artifact, Entry
    from homeostat.record._artifact.blobs import Blob, BlobStore
    from homeostat.record._artifact.collect import Collected
    from homeostat.record._artifact.draft import ArtifactDraft
    from homeostat.record._artifact.lineage import Edge, Lineage, Node
    from homeostat.record._artifact.reference import Reference
    from homeostat.record._capture.capture import (
        Code,
        Environment,
        capture_code,
        capture_environment,
    )
    from homeostat.record._capture.invocation import ALLOWED_VARIABLES, Invocation
    from homeostat.record._capture.pack import PackedFile, write_files
    from homeostat.record._capture.reads import Reads, observe_reads
    from homeostat.record._capture.replay import Replay
    from homeostat.record._capture.seeds import random_state, seed_everything
    from homeostat.record._capture.snapshot import Tree, tree_files
    from homeostat.record._folder import sync_folder
    from homeostat.record._history.logged import (
        Logged,
        SeriesFacts,
        console_lines,
        logged_values,
        runs_with_table,
        series_of,
        shared_series,
    )
    from homeostat.record._index.arrival import Numbered
    from homeostat.record._lock import alone, together
    from homeostat.record._log.compact import unseal
    from homeostat.record._log.event_log import EventLog
    from homeostat.record._log.frame import Frame
    from homeostat.record._log.read_log import Damage, LogReading, read_log
    from homeostat.record._log.source import log_sizes, open_log, read_bytes, sealed_path
    from homeostat.record._log.stretch import Stretch, read_stretch, whole_frames
    from homeostat.record._log.writer_lock import alone_with
    from homeostat.record._record.record import Record
    from homeostat.record._run import Run
    from homeostat.record._run_info import RunInfo
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
    "alone_with",
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
    "sync_folder",
    "together",
    "tree_files",
    "unseal",
    "whole_frames",
    "write_files",
]

__getattr__ = lazily(
    globals(),
    {
        "_history.logged": [
            "Logged",
            "SeriesFacts",
            "console_lines",
            "logged_values",
            "runs_with_table",
            "series_of",
            "shared_series",
        ],
        "_index.arrival": ["Numbered"],
        "_artifact.artifact": ["Artifact", "Entry"],
        "_artifact.draft": ["ArtifactDraft"],
        "_artifact.blobs": ["Blob", "BlobStore"],
        "_capture.capture": ["Code", "Environment", "capture_code", "capture_environment"],
        "_artifact.collect": ["Collected"],
        "_log.compact": ["unseal"],
        "_log.event_log": ["EventLog"],
        "_log.frame": ["Frame"],
        "_capture.invocation": ["ALLOWED_VARIABLES", "Invocation"],
        "_artifact.lineage": ["Edge", "Lineage", "Node"],
        "_lock": ["alone", "together"],
        "_capture.pack": ["PackedFile", "write_files"],
        "_log.read_log": ["Damage", "LogReading", "read_log"],
        "_capture.reads": ["Reads", "observe_reads"],
        "_record.record": ["Record"],
        "_artifact.reference": ["Reference"],
        "_capture.replay": ["Replay"],
        "_run": ["Run"],
        "_run_info": ["RunInfo"],
        "_capture.seeds": ["random_state", "seed_everything"],
        "_capture.snapshot": ["Tree", "tree_files"],
        "_folder": ["sync_folder"],
        "_log.source": ["log_sizes", "open_log", "read_bytes", "sealed_path"],
        "_log.stretch": ["Stretch", "read_stretch", "whole_frames"],
        "_log.writer_lock": ["alone_with"],
        "_verify": ["RebuildReport"],
    },
)
