"""The exceptions of the Heffl library.

    HefflError
    ├── ContractError      (ValueError)  our answers do not make a request Heffl takes
    └── UnreadableAnswer   (ValueError)  Heffl's answer is not what the contract says

What happened to a call is never an exception: it is an `outcome.Outcome`.
"""


class HefflError(Exception):
    """Root of everything this library raises on purpose."""


class ContractError(HefflError, ValueError):
    """The answers break a rule of the contract; `field` is our input name or ""."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UnreadableAnswer(HefflError, ValueError):
    """The answer cannot be understood; `reason` is a short slug for the log."""

    def __init__(self, message: str, reason: str = "unreadable") -> None:
        super().__init__(message)
        self.reason = reason
