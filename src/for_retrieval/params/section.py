"""What every section of params.yaml is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]  # NumPy takes no negative ones


class Section(BaseModel):
    """A block of params.yaml. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
