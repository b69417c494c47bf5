"""One line of a comparison of then and now."""

from dataclasses import dataclass
from typing import Literal

SHORT = 12
"""Digits of a digest that are shown."""


@dataclass(frozen=True)
class Finding:
    """How one of the inputs is today: the `same`, it `differs`, or it is `absent` and the workflow makes or downloads it again."""

    name: str
    state: Literal["same", "differs", "absent"]
    text: str

    def __str__(self) -> str:
        return f"{self.state:8}{self.name}: {self.text}"


def compared(name: str, then: str, now: str) -> Finding:
    """The same text or digest, or another one."""
    if then == now:
        return Finding(name, "same", short(then))
    return Finding(name, "differs", f"{short(then)} then, {short(now)} now")


def short(text: str) -> str:
    """The first digits of a SHA-256; other text as it is."""
    return text[:SHORT] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
