"""Collect every text that a person sees into the message catalogs.

    python scripts/extract_messages.py            bring pages/locale/*/LC_MESSAGES/dqn_lab.po up to date
    python scripts/extract_messages.py --check    write nothing; fail if something would change or lacks Korean

Texts stand in ``_("...")`` (translated where it stands), in ``mark("...")`` (translated where it is shown) or, as a
singular and a plural, in ``mark_plural("...", "...", n)``, in English, which needs no catalog. A catalog names the room
that a text stands in, for whoever translates it.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALE_DIR = ROOT / "pages" / "locale"
LANGUAGES = ("ko",)
_SOURCES = ("dqn_core", "pages")
_KEYWORDS = {"_": 1, "mark": 1, "mark_plural": 2}
"""Texts that a call begins with, by the function's name."""
_TYPES = '"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
Message = str | tuple[str, ...]
"""A text, or each form of one with a plural."""
_HEADER = "# Texts of DQN Lab. Made by scripts/extract_messages.py; translate each msgid into its msgstr."


def template_catalog() -> Catalog:
    """Every text in the sources, with the rooms it stands in."""
    catalog = Catalog(project="DQN Lab", charset="utf-8", header_comment=_HEADER)
    for path in sorted(each for folder in _SOURCES for each in (ROOT / folder).rglob("*.py")):
        room = "/".join(path.relative_to(ROOT).parts[:-1][:2])
        for message in _messages(path):
            catalog.add(message, locations=[(room, 0)])
    return catalog


def _messages(path: Path) -> list[Message]:
    """Each marked message in a source file, in their order.

    Read off the syntax tree: to a tokenizer, an f-string is one token on Python 3.11, whatever is called in it.
    """
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    found = [(node.lineno, node.col_offset, message) for node in calls if (message := _message(node))]
    return [message for *_place, message in sorted(found, key=lambda each: each[:2])]


def _message(call: ast.Call) -> Message | None:
    count = _KEYWORDS.get(call.func.id, 0) if isinstance(call.func, ast.Name) else 0
    values = [each.value for each in call.args[:count] if isinstance(each, ast.Constant)]
    match [each for each in values if isinstance(each, str)]:
        case [text] if count == 1:
            return text
        case [one, other]:
            return one, other
    return None


def po_path(language: str) -> Path:
    """Where ``language``'s catalog lies."""
    return LOCALE_DIR / language / "LC_MESSAGES" / "dqn_lab.po"


def updated_catalog(language: str, template: Catalog) -> Catalog:
    """``language``'s catalog with the template's messages: new ones empty, gone ones dropped."""
    catalog = Catalog(locale=language, charset="utf-8", header_comment=_HEADER)
    known = _translations(language)
    for message in template:
        if message.id:
            said = known.get(_message_of(message.id), "")
            catalog.add(message.id, said, locations=message.locations, flags=message.flags)
    return catalog


def catalog_text(catalog: Catalog) -> bytes:
    """The catalog as a ``.po`` file without dates, so that it changes only where a text does."""
    buffer = io.BytesIO()
    for header in ("POT-Creation-Date", "PO-Revision-Date"):
        catalog.mime_headers = [pair for pair in catalog.mime_headers if pair[0] != header]
    write_po(buffer, catalog, width=120, sort_output=True, omit_header=True, include_lineno=False)
    return _header_text(catalog).encode() + buffer.getvalue()


def _header_text(catalog: Catalog) -> str:
    language = f'"Language: {catalog.locale_identifier}\\n"\n' if catalog.locale_identifier else ""
    forms = f'"Plural-Forms: {catalog.plural_forms}\\n"\n'
    return f'{_HEADER}\nmsgid ""\nmsgstr ""\n{language}{_TYPES}{forms}\n'


def _translations(language: str) -> dict[Message, Message]:
    """What the catalog says, by message; what has no text, or not one for each plural form, is left out."""
    if not po_path(language).exists():
        return {}
    with po_path(language).open("rb") as file:
        messages = [(_message_of(each.id), _message_of(each.string or "")) for each in read_po(file, locale=language)]
    return {message: said for message, said in messages if message and said and all(said)}


def _message_of(text: str | Sequence[str]) -> Message:
    return text if isinstance(text, str) else tuple(text)


def outputs() -> dict[Path, bytes]:
    """What every catalog file should hold, by path."""
    template = template_catalog()
    return {po_path(language): catalog_text(updated_catalog(language, template)) for language in LANGUAGES}


def untranslated(language: str) -> list[str]:
    """Messages of the sources that ``language`` has no text for."""
    known = _translations(language)
    return [str(each.id) for each in template_catalog() if each.id and _message_of(each.id) not in known]


def main() -> int:
    """Write the catalogs, or with ``--check`` compare them; 1 where something is amiss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the catalogs are not up to date")
    check = parser.parse_args().check
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_bytes() != text]
    if not check:
        for path, text in outputs().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        stale = []
    missing = [f"{language}: {message}" for language in LANGUAGES for message in untranslated(language)]
    for path in stale:
        print(f"not up to date: {path.relative_to(ROOT)}; run python scripts/extract_messages.py", file=sys.stderr)
    for message in missing:
        print(f"no translation: {message!r}", file=sys.stderr)
    return 1 if stale or missing else 0


if __name__ == "__main__":
    sys.exit(main())
