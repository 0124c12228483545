"""The base of all our pydantic models: its errors say what is wrong, and send nobody to pydantic's pages."""

from __future__ import annotations

from typing import Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    GetCoreSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import no_info_wrap_validator_function


def _without_addresses(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Raise the same faults as errors of our own, for which pydantic has no page."""
    try:
        return handler(value)
    except ValidationError as error:
        details = [
            InitErrorDetails(
                type=PydanticCustomError(cast("Any", each["type"]), "{message}", {"message": each["msg"]}),
                loc=each["loc"],
                input=each["input"],
            )
            for each in error.errors(include_url=False)
        ]
        raise ValidationError.from_exception_data(error.title, details) from None


class Checked(BaseModel):
    """A model whose ``ValidationError`` ends each line where the fault is said."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return pydantic's schema within one that words its errors anew."""
        return no_info_wrap_validator_function(_without_addresses, handler(source))


def plausible(low: float, high: float, unit: str, likely: dict[str, float]) -> AfterValidator:
    """Return a check that a number lies between two limits, wide enough for any instrument.

    Args:
        low: The least number.
        high: The greatest number.
        unit: Of all three.
        likely: The units in which a number may be meant, with their size in ``unit``, likeliest first.
    """

    def check(value: float) -> float:
        if low <= value <= high:
            return value
        meant = next((name for name, size in likely.items() if low <= value * size <= high), "")
        hint = f": was it in {meant}?" if meant else ""
        raise ValueError(f"{value:g} {unit} is not plausible; expected {low:g} to {high:g} {unit}{hint}")

    return AfterValidator(check)
