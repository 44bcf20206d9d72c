"""What stops the lake.

DualblockError
└── LakeError          the directory, the topics or a file of it are not what the manifest says
    └── LakeNeedsMore  the libraries of the extra `lake` are not installed
"""

from __future__ import annotations

from streams.errors import DualblockError


class LakeError(DualblockError):
    """The lake can't go on; nothing was half written."""


class LakeNeedsMore(LakeError):
    """pyarrow or duckdb is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The lake needs {name}, which is not installed: pip install 'dualblock[lake]'.")
