"""The records of a PROV document, and how their values are written (PROV-JSON)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from verify.report.machine_json import bounded_text
from verify.report.texts import web_link

Value = str | dict[str, str] | None
_VOCABULARY = "urn:verify-video:prov:"
_REPORTS = "urn:verify-video:report:"
_MAX_TEXT, _MAX_ID = 2_000, 200
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_WITH_PROGRAM = re.compile(r"(?:(?P<operator>.+), with )?(?P<program>verify-video \S+)", re.DOTALL)


class ProvDocument:
    """A PROV document that grows record by record, in a fixed order."""

    def __init__(self, report_id: str) -> None:
        named = quote(report_id[:_MAX_ID].encode("utf-8", "replace"), safe="")
        self.records: dict[str, Any] = {"prefix": {"report": f"{_REPORTS}{named}:", "verify": _VOCABULARY}}
        self._relations = 0

    def add(self, record: str, name: str, kind: str, **members: Value) -> str:
        """Add an entity, activity or agent under a local name of this program's making; returns its id."""
        told = {member.replace("__", ":", 1): value for member, value in members.items() if value not in ("", None)}
        identifier = f"report:{name}"
        typed = {"prov:type": {"$": kind, "type": "prov:QUALIFIED_NAME"}}
        self.records.setdefault(record, {})[identifier] = typed | told
        return identifier

    def relate(self, relation: str, **members: str) -> None:
        """Add a relation between what has been added, or will be."""
        self._relations += 1
        told = {f"prov:{member}": value for member, value in members.items() if value}
        self.records.setdefault(relation, {})[f"_:r{self._relations}"] = told

    def generated(self, entity: str, activity: str, time: str = "") -> None:
        """Say which activity made an entity, and when."""
        self.relate("wasGeneratedBy", entity=entity, activity=activity, time=time)

    def derived(self, made: str, used: str) -> None:
        """Say what an entity was made from."""
        self.relate("wasDerivedFrom", generatedEntity=made, usedEntity=used)


class Agents:
    """Who did it: this program in each version that is named, and the operators, as custody events name them."""

    def __init__(self, document: ProvDocument, tool_version: str) -> None:
        self._document = document
        self._known: dict[tuple[str, str], str] = {}
        self._behalves: set[tuple[str, str]] = set()
        self._reporter = f"verify-video {tool_version}"

    def carried_out(self, activity: str, actors: Iterable[str]) -> None:
        """Associate an activity with whoever its events name, or with the program that made the report."""
        agents: dict[str, None] = {}
        for actor in list(actors) or [self._reporter]:
            found = _WITH_PROGRAM.fullmatch(actor)
            program = self._agent("program", "prov:SoftwareAgent", found["program"]) if found else ""
            person = self._agent("operator", "verify:Operator", (found["operator"] or "") if found else actor)
            agents |= dict.fromkeys(agent for agent in (program, person) if agent)
            if program and person and (program, person) not in self._behalves:
                self._behalves.add((program, person))
                self._document.relate("actedOnBehalfOf", delegate=program, responsible=person)
        for agent in agents:
            self._document.relate("wasAssociatedWith", activity=activity, agent=agent)

    def _agent(self, prefix: str, kind: str, name: str) -> str:
        """Return the id of an agent, added where it is new; empty for an empty name."""
        key = (prefix, name)
        if name and key not in self._known:
            number = sum(known == prefix for known, _ in self._known) + 1
            self._known[key] = self._document.add("agent", f"{prefix}-{number}", kind, prov__label=prov_text(name))
        return self._known.get(key, "")


def prov_text(text: str) -> str:
    """Quote a text, bounded."""
    return bounded_text(text, _MAX_TEXT)


def prov_address(text: str) -> Value:
    """Write an address as a URI if it is one that may be made a link, else as the text it is."""
    return {"$": text, "type": "xsd:anyURI"} if web_link(text) else prov_text(text)


def prov_integer(value: int) -> Value:
    """Write a whole number."""
    return {"$": str(value), "type": "xsd:long"}


def prov_decimal(value: float) -> Value:
    """Write a number with six decimals, as report.json has them."""
    return {"$": f"{value:.6f}", "type": "xsd:double"}


def prov_time(text: str) -> str:
    """Return a moment that has a zone, empty for any other text."""
    if not _MOMENT.fullmatch(text):
        return ""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text
