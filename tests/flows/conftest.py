"""Flows are imported here, and so set Prefect's environment: to a folder that is nobody's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("PREFECT_HOME", str(Path(tempfile.gettempdir()) / "for-retrieval-tests-prefect"))
