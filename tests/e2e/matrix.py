"""What the rows of the fault matrix have shown, and servers to show it on."""

import contextlib
from collections import UserDict
from collections.abc import Callable
from pathlib import Path

import fault_page
from fault_page import Result
from fault_rows import Row
from patient import Patient, a_patient
from visiting import Lab


class Matrix(UserDict[Row, Result]):
    """Results by row, each written to the page as soon as it is there; each row has one."""

    def __setitem__(self, row: Row, result: Result) -> None:
        assert row not in self.data, f"{row} has two results"
        super().__setitem__(row, result)
        fault_page.write({row: result})


class Ward:
    """Gives a sound patient to each row: one after another is the same, until a row has not left it sound."""

    def __init__(self, lab: Lab, folder: Callable[[], Path]) -> None:
        self._lab, self._folder = lab, folder
        self._stay = contextlib.ExitStack()
        self._patient: Patient | None = None

    def __enter__(self) -> "Ward":
        return self

    def __exit__(self, *_: object) -> None:
        self._stay.close()

    def patient(self) -> Patient:
        """A sound one, for which a row begins."""
        if self._patient is None or not self._patient.sound:
            self._stay.close()
            self._patient = self._stay.enter_context(a_patient(self._lab, self._folder()))
        self._patient.begin()
        return self._patient
