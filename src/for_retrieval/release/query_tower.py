"""A version as MLflow serves it: query texts in, embeddings out. MLflow copies and runs this file (models from code).

Whoever loads it needs for-retrieval installed; nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext  # type: ignore[attr-defined]

from for_retrieval.model.text_tower import TextTower


class QueryTower(PythonModel):
    """The bundle's text tower."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle that was logged with the version."""
        self._tower = TextTower(Path(context.artifacts["bundle"]))

    def predict(  # type: ignore[override]  # MLflow passes no params to those that take none
        self, context: PythonModelContext, model_input: list[str]
    ) -> list[list[float]]:
        """Texts -> L2-normalised embeddings, a list of D numbers each."""
        return [self._tower.embed(text).tolist() for text in model_input]


set_model(QueryTower())
