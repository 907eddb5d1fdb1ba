"""Text to syntax tree, with several errors per run and one per slip.

Statements are parsed one by one. After an error, reading goes on behind the statement's closing
brace or at the next line that begins with a statement keyword outside braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.span import Span
from dsl.syntax import File, Statement
from dsl.text import automaton
from dsl.text.feed import TokenStream, settle
from dsl.text.lexer import Comment, Lexer, Token
from dsl.text.messages import Slip, Taken, describe, missing_brace, statement_keywords

MAX_CHARACTERS = 4_000_000
"""A longer text is noise; no diagnostic about its contents would help."""
MAX_DIAGNOSTICS = 20
MAX_BRACES = 100
MAX_BRACKETS = 100
MAX_SUBSCRIPTS = 4
"""A single index stands for both ends of its range, so walking a tree takes 2^depth steps here."""
MAX_OPERATORS = 200
"""Operators in one expression. With the limits above it bounds the depth of every tree, so that
later stages may walk it by recursion."""

_OPERATORS = ("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "and", "or", "not")
_BETWEEN_EXPRESSIONS = ("{", "}", "=", ":", ",")
# Recovery inside braces does not stop at these: blocks hold them too.
_ALSO_IN_BLOCKS = ("let", "param")
_CLOSING = {"}": "{", ")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is known of a text: the tree, what is wrong, and for the formatter its tokens (with
    globs joined; incomplete when there are diagnostics) and comments, in order."""

    file: File
    diagnostics: tuple[Diagnostic, ...]
    tokens: tuple[Token, ...]
    comments: tuple[Comment, ...]


def parse(source: str, path: str) -> tuple[File, tuple[Diagnostic, ...]]:
    """The syntax tree of `source` and everything wrong with it; never raises on bad text.

    `path` is how spans name the file. Statements with an error in them are left out of the tree.
    """
    reading = read(source, path)
    return reading.file, reading.diagnostics


def parse_bytes(data: bytes, path: str) -> tuple[File, tuple[Diagnostic, ...]]:
    """`parse` of UTF-8 bytes (a byte order mark is allowed); MMP005 when they are not UTF-8."""
    try:
        return parse(data.decode("utf-8-sig"), path)
    except UnicodeDecodeError as problem:
        before = problem.object[: problem.start].decode("utf-8")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        found = Diagnostic(
            "MMP005",
            "error",
            f"byte 0x{problem.object[problem.start]:02x} is not UTF-8 text",
            Span(path, line, column, line, column + 1),
            help="save the file in UTF-8",
        )
        return File(path, data.decode("utf-8", errors="replace"), ()), (found,)


def read(source: str, path: str) -> Reading:
    """`parse`, and the tokens and comments beside it."""
    if len(source) > MAX_CHARACTERS:
        message = f"the file has {len(source)} characters, more than {MAX_CHARACTERS}"
        found = Diagnostic("MMP006", "error", message, Span(path, 1, 1, 1, 1))
        return Reading(File(path, source, ()), (found,), (), ())
    return _Reader(source, path).run()


class _Reader:
    """Reads one text; a fresh one per call of `read`."""

    def __init__(self, source: str, path: str) -> None:
        self._source, self._path = source, path
        self._lexer = Lexer(source, path)
        self._stream = TokenStream(iter(self._lexer))
        self._diagnostics: list[Diagnostic] = []
        self._statements: list[Statement] = []
        self._tokens: list[Token] = []
        self._keywords = frozenset(statement_keywords())
        self._previous: automaton.Statement | None = None  # the last one, just before its end
        self._start()

    def _start(self) -> None:
        """Begin a statement."""
        self._statement = automaton.Statement()
        self._is_fresh = True
        self._opened: list[Token] = []
        self._operators = 0
        self._column = 1  # of its first token

    def run(self) -> Reading:
        """Read to the end of the text, or until there are too many errors."""
        self._taken: list[Taken] = []
        while (token := self._stream.peek()) is not None:
            if len(self._diagnostics) >= MAX_DIAGNOSTICS:
                self._give_up(token)
                break
            self._step(token)
        else:
            self._end_of_file()
        return Reading(
            File(self._path, self._source, tuple(self._statements)),
            tuple(self._diagnostics),
            tuple(self._tokens),
            tuple(self._lexer.comments),
        )

    # ---- one token -------------------------------------------------------------------------

    def _step(self, token: Token) -> None:
        """Take the next token, end the statement before it, or report and recover."""
        if token.problem is not None:
            self._fail(token.problem)
            return
        choices = self._statement.choices
        if self._is_boundary(token):
            if self._opened and automaton.terminals()[token.text] not in choices:
                self._fail(missing_brace(self._opened[-1], token))
                return
            if not self._opened:
                self._finish(token)
                return
        token = settle(self._stream, choices)
        if (problem := self._too_deep(token)) is not None:
            self._fail(problem)
            return
        try:
            fits = self._statement.feed(token)
        except DiagnosticError as problems:
            self._fail(*problems.diagnostics)
            return
        if fits:
            self._advance(token, choices)
        else:
            self._finish(token)

    def _advance(self, token: Token, choices: Mapping[str, Any]) -> None:
        """The statement has taken this token."""
        self._stream.take()
        if self._is_fresh:
            self._column = token.span.column
        self._is_fresh = False
        self._track(token)
        self._tokens.append(token)
        self._taken = [*self._taken[-1:], Taken(token, choices)]

    def _finish(self, token: Token) -> None:
        """End the statement before a token that cannot go on with it."""
        if self._opened or self._is_fresh or not self._complete():
            self._fail(describe(self._slip(token)))

    def _complete(self) -> bool:
        """Whether the statement was complete; it is then kept and a new one begun."""
        if not self._statement.can_finish():
            return False
        self._previous = self._statement.rehearsal()
        try:
            self._statements.append(self._statement.finish())
        except DiagnosticError as problem:
            self._diagnostics.extend(problem.diagnostics)
        self._start()
        return True

    def _track(self, token: Token) -> None:
        """Count open brackets and the operators of the expression in progress."""
        if token.text in ("{", "(", "["):
            self._opened.append(token)
        elif token.text in _CLOSING and self._opened:
            self._opened.pop()
        if token.text in _OPERATORS:
            self._operators += 1
        elif token.text in _BETWEEN_EXPRESSIONS:
            self._operators = 0

    def _too_deep(self, token: Token) -> Diagnostic | None:
        hint = "name parts of it with `let`"
        if token.type == "LBRACE" and self._braces() >= MAX_BRACES:
            message, hint = f"blocks are nested more than {MAX_BRACES} deep", ""
        elif token.type in ("LPAR", "LSQB") and self._brackets() >= MAX_BRACKETS:
            message = f"brackets are nested more than {MAX_BRACKETS} deep"
        elif token.type == "LSQB" and self._subscripts() >= MAX_SUBSCRIPTS:
            message = f"subscripts are nested more than {MAX_SUBSCRIPTS} deep"
        elif self._operators >= MAX_OPERATORS and token.text in _OPERATORS:
            message = f"more than {MAX_OPERATORS} operators in one expression"
        else:
            return None
        return Diagnostic("MMP020", "error", message, token.span, help=hint)

    def _braces(self) -> int:
        return sum(1 for t in self._opened if t.text == "{")

    def _brackets(self) -> int:
        return len(self._opened) - self._braces()

    def _subscripts(self) -> int:
        return sum(1 for t in self._opened if t.text == "[")

    # ---- errors ----------------------------------------------------------------------------

    def _slip(self, found: Token | None) -> Slip:
        return Slip(
            self._statement,
            self._is_fresh,
            self._previous,
            found,
            self._stream.peek(1),
            tuple(self._taken),
            tuple(self._opened),
        )

    def _fail(self, *problems: Diagnostic) -> None:
        """Report, drop the statement in progress and go to where the next can begin."""
        self._diagnostics.extend(problems)
        self._recover(self._braces() + self._lacks_brace())
        self._previous = None
        self._taken = []
        self._start()

    def _lacks_brace(self) -> bool:
        """Whether a `{` was expected and its line has none before any `}`: the block that follows
        is then skipped as if it were there."""
        token = self._stream.peek()
        if token is None or "LBRACE" not in self._statement.accepts():
            return False
        line, distance = token.span.line, 0
        if self._tokens and self._tokens[-1].span.end_line < line:
            return True
        while token is not None and token.span.line == line and token.text != "}":
            if token.text == "{":
                return False
            distance += 1
            token = self._stream.peek(distance)
        return True

    def _recover(self, depth: int) -> None:
        """Skip to behind the closing brace, or to a statement that begins a line no further in than
        the dropped one."""
        line = self._tokens[-1].span.end_line if self._tokens else 0
        while (token := self._stream.peek()) is not None:
            if token.span.line > line and self._resumes(token, depth):
                return
            line = token.span.end_line
            self._stream.take()
            if token.text == "{":
                depth += 1
            elif token.text == "}" and depth:
                depth -= 1
                if depth == 0:
                    return

    def _resumes(self, token: Token, depth: int) -> bool:
        return (
            token.span.column <= self._column
            and self._begins_statement(token)
            and not (depth and token.text in _ALSO_IN_BLOCKS)
        )

    def _is_boundary(self, token: Token) -> bool:
        """Whether a statement keyword stands in the first column, outside parentheses, and makes
        sense only as one; wherever the parser is, a new statement is meant."""
        return (
            token.span.column == 1
            and not self._is_fresh
            and not any(t.text != "{" for t in self._opened)
            and self._begins_statement(token)
            and not self._goes_on(token)
        )

    def _goes_on(self, token: Token) -> bool:
        """Whether the statement in progress can take this word and the token behind it."""
        following = self._stream.peek(1)
        if following is None:
            return False
        kind = "NAME" if following.kind == "WORD" else following.kind
        for terminal in (automaton.terminals()[token.text], "NAME"):
            ahead = self._statement.rehearsal()
            if ahead.feed(Token("WORD", token.text, token.span, type=terminal)):
                accepts = ahead.accepts()
                if kind in accepts or automaton.terminals().get(following.text) in accepts:
                    return True
        return False

    def _begins_statement(self, token: Token) -> bool:
        if token.text not in self._keywords or token.kind == "STRING":
            return False
        following = self._stream.peek(1)
        return following is None or following.kind in ("WORD", "NUMBER", "STRING", "{", "*")

    def _end_of_file(self) -> None:
        if self._is_fresh:
            return
        if self._opened or not self._complete():
            self._diagnostics.append(describe(self._slip(None)))

    def _give_up(self, token: Token) -> None:
        message = f"more than {MAX_DIAGNOSTICS} errors: the rest of the file was not read"
        self._diagnostics.append(Diagnostic("MMP021", "error", message, token.span))
