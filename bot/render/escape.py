"""Foreign text inside our Markdown: shown as it is, never obeyed.

Contributors and models write what they like; a comment is read with the bot's authority. So their text never makes a
link, an image, HTML, a mention, a cross-reference or a marker (engineering.md §2.2). Nor is a key repeated.
"""

from __future__ import annotations

import re
import unicodedata

from validators.content.secretscan import masked

ZWSP = "\u200b"
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters that end no line
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\u00ad\ud800-\udfff]"
)
_SPECIAL = re.compile(r"([\\`*_\[\]<>&~|$^=])")
# After each of these a zero-width space: a backslash would not stop what forges find in the finished text.
_SIGNALS = re.compile(
    r"[@#](?=\S)"  # mentions, o/r@sha, #12, o/r#12
    r"|(?<=GH)-(?=\d)"
    r"|/(?=/)|(?<=www)\.|(?<=mailto):|(?<=xmpp):"  # bare addresses
    r"|:(?=[\w+\\-]+:)",  # :octocat: is an image
    re.IGNORECASE,
)
_SHA = re.compile(r"(?<![^\W_])[0-9a-f]{7,}(?![^\W_])", re.IGNORECASE)
_TOO_SHORT = re.compile(r"[0-9a-f]{6}(?=.)", re.IGNORECASE)  # forges take seven digits and more for a commit
_BLOCK_START = re.compile(r"[#+-]|\d{1,9}(?=[.)])")
_PLAIN_WORD = re.compile(r"[a-z]+(?:[ ,'’]|$)")
_EMPTY = "(empty)"


def clean(text: str, *, limit: int | None = None) -> str:
    """Without control, direction and zero-width characters, comment markers and secrets; line ends become newlines.

    Joins and variation selectors of emoji fall too: a reader must see all that is there. `limit` counts characters.
    """
    text = masked(_INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))
    while "<!--" in text:
        text = text.replace("<!--", "<!-")
    return text if limit is None or len(text) <= limit else _cut(text, limit)


def one_line(text: str, *, limit: int | None = None) -> str:
    """`clean` on one line, runs of white space as one space."""
    text = " ".join(clean(text).split())
    return text if limit is None or len(text) <= limit else _cut(text, limit)


def code(text: str, *, limit: int = 200) -> str:
    """An inline code span, wider than every run of backticks in it. Not for tables: a pipe would end the cell."""
    text = one_line(text, limit=limit)
    if not text:
        return _EMPTY
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(text: str, *, language: str = "text", indent: str = "", limit: int | None = None) -> str:
    """A fenced block, its fence longer than every run of backticks inside. `language` is ours, never foreign."""
    text = clean(text, limit=limit).strip("\n")
    ticks = "`" * max(3, _longest_run(text) + 1)
    return "\n".join(indent + line for line in (f"{ticks}{language}", *text.split("\n"), ticks))


def prose(text: str, *, limit: int = 1000) -> str:
    """Text in a paragraph of ours: one line, Markdown and HTML escaped, mentions and addresses made harmless.

    It may stand at the start of a paragraph or a list item, and begins no block there.
    """
    text = _inert(_SPECIAL.sub(r"\\\1", one_line(text, limit=limit)))
    if start := _BLOCK_START.match(text):
        text = f"{start[0]}\\{text[start.end() :]}" if start[0].isdecimal() else "\\" + text
    return text or _EMPTY


def plain(text: str, *, limit: int = 200) -> str:
    """One line outside Markdown, such as in a commit's message, where forges still look for mentions and references."""
    return _inert(one_line(text, limit=limit)) or _EMPTY


def _inert(text: str) -> str:
    """Text in which no forge finds a mention, a reference to an issue or a commit, or an address."""
    text = _SIGNALS.sub(lambda m: m[0] + ZWSP, text)
    return _SHA.sub(lambda sha: _TOO_SHORT.sub(lambda part: part[0] + ZWSP, sha[0]), text)


def sentence(text: str, *, limit: int = 1000) -> str:
    """A rule's message as a sentence: `prose` with the spans in backticks kept as code, a capital, a full stop."""
    text = one_line(text, limit=limit)
    if text.count("`") % 2:
        joined = prose(text)
    else:
        joined = "".join(code(part) if at % 2 else _pad(part) for at, part in enumerate(text.split("`")))
    if _PLAIN_WORD.match(joined):  # not the name of a field, such as seed_examples
        joined = joined[0].upper() + joined[1:]
    return joined.rstrip(".") + ("" if joined.endswith(("…", "!", "?", ":")) else ".")


def lowered(said: str, text: str) -> str:
    """`sentence(text)` as the second half of a sentence: its first letter as `text` has it."""
    return text[0] + said[1:] if said[:1].casefold() == text[:1].casefold() != "" else said


def _pad(text: str) -> str:
    """`prose` that keeps the spaces at its ends, and stays empty."""
    if not text.strip():
        return text
    start, end = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return start + prose(text) + end


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, not within a letter and its combining marks; ends with an ellipsis."""
    end = max(limit - 1, 0)
    while end > 0 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
