"""The record: runs, artifacts, findings and lineage, on logs that outlive the process."""

from homeostat.record._artifact import Artifact
from homeostat.record._blobs import BlobStore
from homeostat.record._capture import Code, Environment, capture_code, capture_environment
from homeostat.record._event_log import EventLog
from homeostat.record._frame import Frame
from homeostat.record._lineage import Edge, Lineage, Node
from homeostat.record._read_log import Damage, LogReading, read_log
from homeostat.record._record import Record
from homeostat.record._run import Run
from homeostat.record._run_info import RunInfo
from homeostat.record._verify import RebuildReport

__all__ = [
    "Artifact",
    "BlobStore",
    "Code",
    "Damage",
    "Edge",
    "Environment",
    "EventLog",
    "Frame",
    "Lineage",
    "LogReading",
    "Node",
    "RebuildReport",
    "Record",
    "Run",
    "RunInfo",
    "capture_code",
    "capture_environment",
    "read_log",
]
