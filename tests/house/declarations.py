# SPDX-License-Identifier: Apache-2.0
"""What a C++ file declares outside of its functions.

It reads C++ as this project writes it, by its brackets and keywords: it knows no types and expands no macros.
"""

import dataclasses

from brackets import OPENING, Brackets
from cxx import Source

ACCESS = ("public", "protected", "private")
CLASS_WORDS = ("class", "struct", "union")
GROUP_WORDS = ("decltype", "alignas", "noexcept", "explicit", "requires", "__attribute__")


@dataclasses.dataclass
class Declaration:
    """A name, and where it is declared or defined."""

    kind: str  # namespace, class, enum, enumerator, function, variable, alias, concept
    name: str
    line: int  # of its first token
    last_line: int
    index: int  # of the name's token
    scope: "Declaration | None"  # the class or namespace around it
    access: str = "public"
    owner: str = ""  # of what is defined outside of its class: the name before ::
    defined: bool = False  # a class with its members, a function with its body
    words: frozenset = frozenset()  # among its tokens before the name and after its parameters
    parameters: tuple[str, ...] = ()  # as words and signs, with their brackets
    body: tuple[int, int] | None = None  # tokens
    initialized: tuple[int, ...] = ()  # by a constructor: the tokens of the members' names
    specialized: bool = False  # a template, for some arguments

    @property
    def in_class(self) -> bool:
        return self.scope is not None and self.scope.kind == "class"

    @property
    def path(self) -> str:
        names = [self.owner, self.name] if self.owner else [self.name]
        scope = self.scope
        while scope and scope.kind != "namespace":
            names.insert(0, scope.name)
            scope = scope.scope
        return "::".join(names)

    def copies_or_moves(self) -> bool:
        """A constructor from another object of its class."""
        return self.in_class and self.name == self.scope.name and self.name in self.parameters[:3]

    def is_visible(self) -> bool:
        """From outside of the classes that it stands in."""
        return self.access == "public" and (not self.in_class or self.scope.is_visible())


class Reader(Brackets):
    """Goes once over the tokens of a file."""

    def __init__(self, source: Source):
        super().__init__(source.tokens)
        self.found: list[Declaration] = []

    def read(self) -> list[Declaration]:
        self._scope(0, len(self.tokens), None, "public")
        return self.found

    def _add(self, kind: str, name: int, first: int, behind: int, scope, access: str, **more) -> Declaration:
        declaration = Declaration(
            kind, self._text(name), self._token(first).line, self._token(behind - 1).line, name, scope, access, **more
        )
        self.found.append(declaration)
        return declaration

    # ---- scopes ----

    def _scope(self, at: int, end: int, scope, access: str) -> None:
        while at < end:
            text = self.tokens[at].text
            if text in (";", "}"):
                at += 1
            elif text in ACCESS and self._text(at + 1) == ":":
                access = text
                at += 2
            else:
                at = max(self._declaration(at, end, scope, access), at + 1)

    def _declaration(self, at: int, end: int, scope, access: str) -> int:
        first = at
        at = self._prefix(at, end)
        text = self._text(at)
        if text == "inline" and self._text(at + 1) == "namespace":
            at, text = at + 1, "namespace"
        if text == "namespace":
            return self._namespace(at, end, scope)
        if text == "extern" and self._token(at + 1).kind == "string":
            if self._text(at + 2) == "{":
                behind = self._close(at + 2)
                self._scope(at + 3, behind - 1, scope, access)
                return behind
            at, text = at + 2, self._text(at + 2)
        if text in ("using", "concept"):
            behind = self._until(at, end, (";",)) + 1
            if self._text(at + 2) == "=":
                self._add("alias" if text == "using" else text, at + 1, first, behind, scope, access)
            return behind
        if text in ("typedef", "static_assert"):
            return self._until(at, end, (";",)) + 1
        if text == "friend":
            behind = self._until(at, end, (";", "{"))
            return self._close(behind) if self._text(behind) == "{" else behind + 1
        if text == "enum":
            behind = self._enum(first, at, end, scope, access)
        elif text in CLASS_WORDS:
            behind = self._class(first, at, end, scope, access)
        else:
            behind = 0
        return behind or self._other(first, at, end, scope, access)

    def _prefix(self, at: int, end: int) -> int:
        """Behind attributes, template parameters and what they require."""
        while at < end:
            text = self._text(at)
            if text == "[" and self._text(at + 1) == "[":
                at = self._close(at)
            elif text == "template" and self._text(at + 1) == "<":
                at = self._close_angle(at + 1)
            elif text == "requires":
                at = self._constraint(at + 1, end)
            else:
                return at
        return at

    def _namespace(self, at: int, end: int, scope) -> int:
        opening = self._until(at, end, ("{", ";"))
        if self._text(opening) != "{":
            return opening + 1
        behind = self._close(opening)
        unnamed = opening == at + 1
        inner = Declaration(
            "namespace",
            "" if unnamed else self._text(opening - 1),
            self._token(at).line,
            self._token(behind - 1).line,
            at,
            scope,
        )
        self._scope(opening + 1, behind - 1, inner, "public")
        return behind

    def _enum(self, first: int, at: int, end: int, scope, access: str) -> int:
        name = at + 1
        if self._text(name) in CLASS_WORDS:
            name += 1
        opening = self._until(name, end, ("{", ";", "(", "="))
        if self._text(opening) == ";":
            return opening + 1
        if self._text(opening) != "{":
            return 0
        behind = self._until(opening, end, (";",)) + 1
        enum = scope
        if self._is_word(name):
            enum = self._add("enum", name, first, behind, scope, access, defined=True)
        at, last = opening + 1, self._close(opening) - 1
        while at < last:
            behind_one = self._until(at, last, (",",))
            if self._is_word(at):
                self._add("enumerator", at, at, at + 1, enum, access, words=self._words(at, behind_one))
            at = behind_one + 1
        return behind

    def _class(self, first: int, at: int, end: int, scope, access: str) -> int:
        name = at + 1
        while self._text(name) == "[" or self._text(name) == "alignas" or self._is_macro(name):
            group = name if self._text(name) == "[" else name + 1
            name = self._close(group) if self._text(group) in OPENING else group
        if self._text(name) == "{":  # a union with no name: its members are those of the class around it
            self._scope(name + 1, self._close(name) - 1, scope, access)
            return self._until(self._close(name), end, (";",)) + 1
        behind_name = self._behind_name(name)
        last = behind_name - 1
        specialized = self._text(last) == ">"
        while specialized and self._text(last) != "<":
            last -= 1
        named = last - 1 if specialized else last
        if self._text(behind_name) == "final":
            behind_name += 1
        if self._text(behind_name) == ";":
            self._add("class", named, first, behind_name + 1, scope, access, specialized=specialized)
            return behind_name + 1
        opening = behind_name
        if self._text(opening) == ":":
            while opening < end and self._text(opening) != "{":
                opening = self._close_angle(opening) if self._text(opening) == "<" else opening + 1
        if self._text(opening) != "{":
            return 0
        behind = self._close(opening)
        owner = self._text(named - 2) if self._text(named - 1) == "::" else ""
        inner = self._add(
            "class",
            named,
            first,
            behind,
            scope,
            access,
            owner=owner,
            defined=True,
            specialized=specialized,
            body=(opening, behind),
        )
        self._scope(opening + 1, behind - 1, inner, "private" if self._text(at) == "class" else "public")
        return self._until(behind, end, (";",)) + 1

    # ---- functions and variables ----

    def _other(self, first: int, at: int, end: int, scope, access: str) -> int:
        begin = at
        name = -1  # the last word that may be it
        while at < end:
            text = self.tokens[at].text
            if text == "operator":
                parameters = at + 3 if self._text(at + 1) == "(" else self._until(at + 1, end, ("(",))
                return self._function(first, begin, at, parameters, end, scope, access)
            if text in GROUP_WORDS and self._text(at + 1) == "(":
                at = self._close(at + 1)
            elif name >= 0 and self._is_annotation(at):
                at = self._close(at + 1)
            elif self._is_word(at):
                name = at
                at += 1
            elif text == "<" and name == at - 1:
                at = self._close_angle(at)
            elif text == "(":
                if self._points_to_function(at + 1):
                    name = self._until(at + 1, end, (")",)) - 1
                    return self._variables(first, begin, name, self._close(at), end, scope, access)
                return self._function(first, begin, name, at, end, scope, access)
            elif text == "[" and self._text(at + 1) == "[":
                at = self._close(at)
            elif text in ("=", "{", ";", ",", "[") or (text == ":" and scope and scope.kind == "class"):
                return self._variables(first, begin, name, at, end, scope, access)
            else:
                at += 1
        return end

    def _is_annotation(self, at: int) -> bool:
        """As GUARDED_BY(mutex_) behind a member."""
        if not (self._is_macro(at) and self._text(at + 1) == "("):
            return False
        behind = self._close(at + 1)
        return self._text(behind) in (";", "=", ",") or self._is_annotation(behind)

    def _points_to_function(self, at: int) -> bool:
        """Behind the ( of `void (*name)(int)` or `void (Class::*name)(int)`."""
        while self._is_word(at) and self._text(at + 1) == "::":
            at += 2
        return self._text(at) in ("*", "&")

    def _words(self, begin: int, end: int) -> frozenset:
        return frozenset(token.text for token in self.tokens[begin:end] if token.kind == "word")

    def _variables(self, first: int, begin: int, name: int, at: int, end: int, scope, access: str) -> int:
        names = [name]
        while at < end and self.tokens[at].text != ";":
            text = self.tokens[at].text
            if text in OPENING:
                at = self._close(at)
                continue
            if text == "," and self._is_word(at + 1) and self._text(at + 2) in ("=", ",", ";", "{", "["):
                names.append(at + 1)
            at += 1
        words = self._words(first, name)
        for one in names:
            if self._is_word(one):
                owner = self._text(one - 2) if self._text(one - 1) == "::" else ""
                self._add("variable", one, first, at + 1, scope, access, owner=owner, words=words)
        return at + 1

    def _function(self, first: int, begin: int, name: int, parameters: int, end: int, scope, access: str) -> int:
        at = self._close(parameters)
        behind_parameters = at
        initialized: list[int] = []
        body = None
        while at < end:
            text = self.tokens[at].text
            if text == ";":
                at += 1
                break
            if at == behind_parameters and name == begin and self._is_macro(name) and text != "{":
                break  # a macro with no semicolon
            if text == "{":
                body = (at, self._close(at))
                at = body[1]
                while self._text(at) == "catch":
                    at = self._close(self._close(at + 1))
                break
            if text == ":":
                at = self._initializers(at + 1, end, initialized)
            elif text == "<":
                at = self._close_angle(at)
            elif text == "=":
                at = self._until(at, end, (";",))
            else:
                at = self._close(at) if text in OPENING else at + 1
        words = self._words(first, name) | self._words(behind_parameters, body[0] if body else at)
        named = max(name, begin)
        qualifier = named - 1 if self._text(named - 1) != "~" else named - 2
        owner = ""
        if self._text(qualifier) == "::":
            before = qualifier - 1
            while self._text(before) == ">" and before > begin:
                while before > begin and self._text(before) != "<":
                    before -= 1
                before -= 1
            owner = self._text(before)
        function = self._add(
            "function",
            named,
            first,
            at,
            scope,
            access,
            owner=owner,
            defined=body is not None,
            words=words,
            body=body,
            initialized=tuple(initialized),
            parameters=tuple(token.text for token in self.tokens[parameters:behind_parameters]),
        )
        if self._text(named - 1) == "~":
            function.name = "~" + function.name
        elif function.name == "operator":
            function.name += "".join(token.text for token in self.tokens[named + 1 : parameters])
        return at

    def _initializers(self, at: int, end: int, initialized: list[int]) -> int:
        """Behind the list of a constructor: at its body."""
        while at < end:
            initialized.append(at)
            at = self._behind_name(at)
            at = self._close(at)
            if self._text(at) == "...":
                at += 1
            if self._text(at) != ",":
                return at
            at += 1
        return at


def declarations(source: Source) -> list[Declaration]:
    return Reader(source).read() if source.tokens else []
