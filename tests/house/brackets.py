# SPDX-License-Identifier: Apache-2.0
"""A way over C++ tokens: from a bracket to the one that closes it."""

from cxx import Token

OPENING = {"(": ")", "[": "]", "{": "}"}


class Brackets:
    """Tokens by their place. What is asked for "behind" something is the place of the token that follows it."""

    def __init__(self, tokens: list[Token]):
        self.tokens = tokens

    def _text(self, at: int) -> str:
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def _token(self, at: int) -> Token:
        return self.tokens[min(at, len(self.tokens) - 1)]

    def _is_word(self, at: int) -> bool:
        return 0 <= at < len(self.tokens) and self.tokens[at].kind == "word"

    def _is_macro(self, at: int) -> bool:
        text = self._text(at)
        return self._is_word(at) and len(text) > 1 and text.isupper()

    def _close(self, at: int) -> int:
        """Behind the bracket that closes the one at `at`."""
        depth = 0
        while at < len(self.tokens):
            text = self.tokens[at].text
            if text in OPENING:
                depth += 1
            elif text in OPENING.values():
                depth -= 1
                if depth == 0:
                    return at + 1
            at += 1
        return at

    def _close_angle(self, at: int) -> int:
        """Behind the > that closes the < at `at`."""
        depth = 0
        while at < len(self.tokens):
            text = self.tokens[at].text
            if text in OPENING:
                at = self._close(at)
                continue
            if text == "<":
                depth += 1
            elif text == ">":
                depth -= 1
                if depth == 0:
                    return at + 1
            elif text == ";":
                return at
            at += 1
        return at

    def _until(self, at: int, end: int, signs: tuple[str, ...]) -> int:
        """The first of these outside of brackets."""
        while at < end and self.tokens[at].text not in signs:
            at = self._close(at) if self.tokens[at].text in OPENING else at + 1
        return at

    def _constraint(self, at: int, end: int) -> int:
        while at < end:
            while self._text(at) == "!":
                at += 1
            if self._text(at) == "requires":
                at = self._until(at, end, ("{",))
                at = self._close(at)
            elif self._text(at) == "(":
                at = self._close(at)
            else:
                at = self._behind_name(at)
                if self._text(at) == "(":
                    at = self._close(at)
            if self._text(at) not in ("&&", "||"):
                return at
            at += 1
        return at

    def _behind_name(self, at: int) -> int:
        """Behind a::b<c>::d."""
        while True:
            at += 1 if self._text(at) == "::" else 0
            at += 1
            if self._text(at) == "<":
                at = self._close_angle(at)
            if self._text(at) != "::":
                return at
