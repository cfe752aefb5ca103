"""What was trained, on what, and how good it is: runs in MLflow. Importing this loads nothing heavy."""

from for_retrieval.tracking.place import check, place
from for_retrieval.tracking.training import log_training

__all__ = ["check", "log_training", "place"]
