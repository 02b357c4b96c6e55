# SPDX-License-Identifier: MIT
"""mdoc.py - Markdown as mdoc, the language of manual pages

A page of mdoc is a list of lines. A name is a macro in a line of its own; Text.flush() joins it
with the punctuation around it.
"""
import re

from markdown_it import MarkdownIt

PARSER = MarkdownIt("commonmark").enable("table")

RESERVED = ("Context", "Errors", "Library", "Return values")

WIDTH = 72  # of a table that is set as one; others are lists


def escape(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def argument(text):
    """One argument of a macro. A name of a macro, and punctuation, must not be read as such."""
    text = escape(text).replace('"', "\\(dq")
    if re.fullmatch(r"[A-Z%][a-z0-9]{1,2}|[(\[.,:;)\]?!|]", text):
        text = "\\&" + text
    return f'"{text}"' if " " in text or text == "" else text


def line(text):
    """A line of text, which does not begin like a macro."""
    text = escape(text)
    return "\\&" + text if text[:1] in (".", "'") else text


class Text:
    """Running text: words, and macros with the punctuation next to them."""

    def __init__(self):
        self.parts = []  # (macro or None, text)

    def add(self, text):
        if self.parts and self.parts[-1][0] is None:
            text = self.parts.pop()[1] + text
        self.parts.append((None, text))

    def macro(self, name, text):
        self.parts.append((name, text))

    def lines(self):
        found, glued = [], ""
        parts = list(self.parts)
        while parts:
            macro, text = parts.pop(0)
            if macro is None:
                opening = re.search(r"(^|.*\s)([(\[]*\S*)$", text, re.S)
                if parts and text and not text[-1].isspace():
                    text, glued = opening[1], opening[2]
                found += [line(" ".join(one.split())) for one in sentences(text) if one.strip()]
                continue
            words = [macro]
            if glued:
                words = ["Pf", argument(glued) if glued not in "([" else glued, macro]
                glued = ""
            words.append(text)
            following = parts[0][1] if parts and parts[0][0] is None else ""
            closing = re.match(r"[.,:;)\]?!]*(?=\s|$)", following)
            rest = following[closing.end():] if closing else following
            words += list(closing[0]) if closing else []
            if parts and not rest[:1].isspace() and rest:
                stuck = re.match(r"\S*", rest)[0]
                words += ["Ns", argument(stuck)]
                rest = rest[len(stuck):]
            elif not rest and len(parts) > 1 and parts[0][0] is None and not closing[0]:
                words.append("Ns")
            elif parts and parts[0][0] is not None:
                words.append("Ns")
            if parts and parts[0][0] is None:
                parts[0] = (None, rest)
            found.append("." + " ".join(words))
        return found


def sentences(text):
    """A sentence is a line, so that the space after it is right."""
    return re.split(r"(?<=[.?!])\s+(?=[A-Z`])", text)


class Page:
    """The body of a page. `link` and `code` return a macro and its arguments, or None for text."""

    def __init__(self, code, link):
        self.out = []
        self.code = code
        self.link = link

    def add(self, *lines):
        self.out += lines

    def paragraph(self):
        """Separate a paragraph from the one before."""
        if self.out and not re.match(r"\.(Sh|Ss|Pp|Bl|It|Bd|Bk)\b|\.br", self.out[-1]):
            self.out.append(".Pp")

    def section(self, level, title):
        while self.out and self.out[-1] == ".Pp":
            self.out.pop()
        self.out.append(f"{'.Sh' if level < 3 else '.Ss'} {escape(title)}")

    def inline(self, tokens):
        text, links = Text(), []
        bold = False
        for token in tokens:
            if token.type == "text":
                if bold:
                    for at, word in enumerate(re.split(r"(\s+)", token.content)):
                        if word.strip():
                            text.macro("Sy", argument(word))
                        elif word:
                            text.add(" ")
                else:
                    text.add(token.content)
            elif token.type in ("softbreak", "hardbreak"):
                text.add(" ")
            elif token.type == "code_inline":
                macro = self.code(token.content)
                text.macro(*macro) if macro else text.add(token.content)
            elif token.type == "strong_open":
                bold = True
            elif token.type == "strong_close":
                bold = False
            elif token.type == "link_open":
                links.append((dict(token.attrs)["href"], len(text.parts),
                              len(text.parts[-1][1]) if text.parts else 0))
            elif token.type == "link_close":
                self.end_link(text, *links.pop())
            elif token.type == "image":
                text.add(f"[{token.content}]")
        return text.lines()

    def end_link(self, text, target, count, length):
        macro = self.link(target)
        if not macro:
            return
        # The label is what was added since the link began.
        label = text.parts[count:]
        before = ""
        if count and text.parts[count - 1][0] is None:
            whole = text.parts[count - 1][1]
            before, more = whole[:length], whole[length:]
            label = ([(None, more)] if more else []) + label
            count -= 1
        del text.parts[count:]
        if before:
            text.add(before)
        plain = "".join(part for _, part in label)
        if macro[0] == "Xr" and "/" in plain or ".md" in plain:
            text.macro(*macro)
        else:
            for part in label:
                text.macro(*part) if part[0] else text.add(part[1])
            text.add(" (")
            text.macro(*macro)
            text.add(")")

    def markdown(self, source, level=0):
        """Append a text. Headings begin at the second level."""
        self.blocks(PARSER.parse(source), level)

    def blocks(self, tokens, level=0):
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = closing(tokens, at)
            inner = tokens[at + 1:end]
            if token.type == "heading_open":
                title = re.sub(r"`|\[([^\]]*)\]\([^)]*\)", r"\1", inner[0].content)
                depth = int(token.tag[1])
                # mandoc reserves some names for other manual sections.
                is_upper = depth + level == 2 and "_" not in title and title not in RESERVED
                self.section(depth + level, title.upper() if is_upper else title)
            elif token.type == "paragraph_open":
                lines = self.inline(inner[0].children)
                if lines:
                    self.paragraph()
                    self.add(*lines)
            elif token.type in ("fence", "code_block"):
                self.literal(token.content)
            elif token.type in ("bullet_list_open", "ordered_list_open"):
                self.list(token, inner)
            elif token.type == "blockquote_open":
                self.add(".Bd -ragged -offset indent")
                self.blocks(inner)
                self.add(".Ed")
            elif token.type == "table_open":
                self.table(inner)
            at = end + 1

    def literal(self, text):
        self.add(".Bd -literal -offset indent")
        self.add(*(line(one) for one in text.rstrip("\n").split("\n")))
        self.add(".Ed")

    def list(self, token, inner):
        kind = "-bullet" if token.type == "bullet_list_open" else "-enum"
        is_tight = all(one.hidden for one in inner if one.type == "paragraph_open")
        if is_tight:
            self.paragraph()
        self.add(f".Bl {kind}{' -compact' if is_tight else ''}")
        at = 0
        while at < len(inner):
            end = closing(inner, at)
            self.add(".It")
            self.blocks(inner[at + 1:end])
            at = end + 1
        self.add(".El")

    def table(self, tokens):
        rows, row = [], None
        for token in tokens:
            if token.type == "tr_open":
                row = []
            elif token.type == "inline":
                row.append(token)
            elif token.type == "tr_close":
                rows.append(row)
        head, body = rows[0], rows[1:]
        widths = [max(len(row[column].content) for row in rows) for column in range(len(head))]
        if sum(widths) + 3 * len(widths) <= WIDTH and len(head) > 1 and body:
            self.columns(head, body, widths)
        else:
            self.tags(head, body)

    def columns(self, head, body, widths):
        self.paragraph()
        if self.out[-1] == ".Pp":
            self.out.pop()
        self.add(".Bl -column " + " ".join(argument("m" * (width + 1)) for width in widths))
        for number, row in enumerate([head, *body]):
            if number == 0 and not any(cell.content for cell in head):
                continue
            cells = []
            for cell in row:
                cells.append(f"Sy {argument(cell.content)}" if number == 0 and cell.content
                             else self.arguments(self.inline(cell.children)))
            self.add(".It " + " Ta ".join(cells))
        self.add(".El")

    @staticmethod
    def arguments(lines):
        """Lines of text and macros, in the line of one macro."""
        found = []
        for one in lines:
            if one.startswith("."):
                # Quotes would extend to the end of the line.
                found.append(re.sub(r"(^\.|\b)Ql ", "Li ", one).lstrip("."))
            else:
                words = (re.sub(r"^([A-Z%][a-z0-9]{1,2})$", r"\\&\1", word.replace('"', "\\(dq"))
                         for word in one.split())
                found.append(("No " if found else "") + " ".join(words))
        return " ".join(found) or "\\&"

    def tags(self, head, body):
        """A row is an entry of a list, with its first cell as the tag."""
        self.add(".Bl -tag -width Ds")
        for row in body:
            tag = self.arguments(self.inline(row[0].children))
            self.add(f".It {tag}")
            for column, cell in enumerate(row[1:], 1):
                lines = self.inline(cell.children)
                if not lines:
                    continue
                if column > 1:
                    self.add(".br")
                if len(row) > 2 and head[column].content:
                    self.add(line(head[column].content.strip()) + ":")
                self.add(*lines)
        self.add(".El")




def closing(tokens, at):
    """The index of the token that closes the block at `at`."""
    if tokens[at].nesting != 1:
        return at
    depth = 0
    for end in range(at, len(tokens)):
        depth += tokens[end].nesting
        if depth == 0:
            return end
    raise ValueError(tokens[at].type)
