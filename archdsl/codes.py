"""Every diagnostic code and its one-phrase title; each has a page in `docs/errors`.

ARCH0xx files and imports, 1xx syntax, 2xx names, kinds, settings and units, 3xx shapes, 4xx decisions and
requirements, 5xx networks given as decisions, 6xx searches, 7xx budgets, 8xx backends, 9xx data and training.
"""

from __future__ import annotations

from pathlib import Path

from archdsl.resources import errors_folder

# fmt: off
CODES: dict[str, str] = {
    "ARCH001": "a file cannot be read",
    "ARCH002": "a file is not a text",
    "ARCH003": "the version of the language is missing",
    "ARCH004": "a version of the language that is not known",
    "ARCH010": "an import that is not allowed",
    "ARCH011": "an imported file does not exist",
    "ARCH012": "imports in a circle",
    "ARCH013": "an imported file does not declare the name",
    "ARCH014": "a name with two meanings",
    "ARCH100": "an unexpected word or mark",
    "ARCH101": "an unexpected character",
    "ARCH102": "a string without an end",
    "ARCH103": "an unknown escape in a string",
    "ARCH104": "an unknown unit",
    "ARCH105": "an operator beside a chain",
    "ARCH106": "a choice without a set",
    "ARCH107": "a word of the language as a name",
    "ARCH108": "brackets do not match",
    "ARCH109": "`=`, `==` and `:` confused",
    "ARCH110": "inputs and settings in the wrong order",
    "ARCH111": "operators that cannot stand together",
    "ARCH112": "a number with a bare dot",
    "ARCH113": "an entry without a proper name",
    "ARCH114": "an unknown type of a setting",
    "ARCH201": "a name that is not defined",
    "ARCH202": "an entry that is not defined",
    "ARCH203": "defined twice",
    "ARCH204": "a setting that does not exist",
    "ARCH205": "a setting that is missing",
    "ARCH206": "the wrong number of inputs",
    "ARCH207": "a value of the wrong kind",
    "ARCH208": "a setting out of its range",
    "ARCH209": "what is applied is no op",
    "ARCH210": "defined by itself",
    "ARCH211": "a number that cannot be",
    "ARCH212": "units do not agree",
    "ARCH213": "a candidate without a label",
    "ARCH214": "two candidates of one label",
    "ARCH215": "a choice inside an op",
    "ARCH216": "a statement in the wrong place",
    "ARCH217": "a value that decisions may not change",
    "ARCH218": "no output, nothing returned",
    "ARCH219": "names and values do not match",
    "ARCH220": "these cannot be tied",
    "ARCH221": "no such attribute",
    "ARCH222": "no such item of a list",
    "ARCH223": "an output that is not defined",
    "ARCH224": "the space or network asked for is not there",
    "ARCH225": "a choice in a network",
    "ARCH226": "a space where a network is needed",
    "ARCH227": "an import that is not used",
    "ARCH228": "a number that some networks lack",
    "ARCH301": "channels do not agree",
    "ARCH302": "heights or widths do not agree",
    "ARCH303": "nothing is left of a tensor",
    "ARCH310": "groups do not divide channels",
    "ARCH311": "channels are no multiple of what is tiled",
    "ARCH312": "channels do not fill the pixels they are to become",
    "ARCH320": "a resized map has no whole number of pixels",
    "ARCH321": "unclear what to resize to",
    "ARCH330": "a stride does not divide a size",
    "ARCH401": "two choices of one name",
    "ARCH402": "a decision that changes nothing",
    "ARCH403": "a candidate that can never be chosen",
    "ARCH404": "a requirement that nothing can meet",
    "ARCH405": "more to choose than there is",
    "ARCH406": "an output that some networks lack",
    "ARCH407": "candidates that make no difference",
    "ARCH408": "not everything was proved",
    "ARCH409": "not known whether a requirement can be met",
    "ARCH411": "candidates that differ between uses",
    "ARCH501": "no such decision",
    "ARCH502": "no such candidate",
    "ARCH503": "decided twice",
    "ARCH504": "decisions are left open",
    "ARCH505": "not a row",
    "ARCH601": "a search knows no such name",
    "ARCH602": "a search of something that is no space",
    "ARCH603": "set twice",
    "ARCH604": "not a value of a search",
    "ARCH605": "a search sets no such thing",
    "ARCH606": "a search that cannot be run as it is",
    "ARCH701": "a file is too large",
    "ARCH702": "nested too deeply",
    "ARCH703": "a number is too long",
    "ARCH704": "too many files",
    "ARCH705": "imports nested too deeply",
    "ARCH706": "too many words in a file",
    "ARCH710": "a graph of too many nodes",
    "ARCH711": "too much to evaluate",
    "ARCH712": "a set or range that is too large",
    "ARCH801": "a network is too large to be built",
    "ARCH802": "a space without a supernet",
    "ARCH820": "not a latency table",
    "ARCH821": "a latency table of other conditions",
    "ARCH822": "a foreign latency table that cannot be read",
    "ARCH823": "nothing to time with",
    "ARCH824": "rows are missing in a latency table",
    "ARCH825": "too few networks to judge a latency table",
    "ARCH826": "a network that a backend cannot run",
    "ARCH827": "no latency table for what a search names",
    "ARCH828": "a cost without an expectation",
    "ARCH850": "the text of a graph is malformed",
    "ARCH851": "a graph is too large for its text form",
    "ARCH860": "a picture of this kind cannot be made here",
    "ARCH861": "Graphviz makes no picture of this",
    "ARCH900": "data that is not there",
    "ARCH901": "images and masks that do not belong together",
    "ARCH902": "an image that cannot be read",
    "ARCH903": "a mask without a label for each pixel",
    "ARCH904": "a label that is no class",
    "ARCH905": "images of different sizes",
    "ARCH906": "settings of data that cannot be",
    "ARCH907": "a list of classes that cannot be used",
    "ARCH908": "more classes than the network tells apart",
    "ARCH909": "a folder with too many files",
    "ARCH910": "a checkpoint that cannot be read",
    "ARCH911": "no run that could go on",
    "ARCH912": "a run of something else",
    "ARCH913": "weights of another network",
    "ARCH914": "not a file of weights",
    "ARCH915": "training diverged",
    "ARCH916": "out of memory",
    "ARCH917": "no room on the disk",
    "ARCH918": "a network that does not suit the data",
    "ARCH919": "a folder that holds a run already",
    "ARCH920": "a device that is not there",
    "ARCH930": "an output that would overwrite an input",
    "ARCH931": "an output in the place of a file of another kind",
    "ARCH932": "two outputs of one name",
}
# fmt: on


def page(code: str) -> Path:
    """The documentation page of a code, in the wheel or in a checkout."""
    return errors_folder() / f"{code}.md"


_GROUPS = {
    "0": "Files and imports",
    "1": "Syntax",
    "2": "Names, kinds, settings and units",
    "3": "Shapes",
    "4": "Decisions and requirements",
    "5": "Networks given as decisions",
    "6": "Searches",
    "7": "Limits",
    "8": "Backends",
    "9": "Data and training",
}


def index() -> str:
    """The list of all codes, `docs/errors/index.md`."""
    lines = [
        "# Error codes",
        "",
        "Every finding has a code that never changes its meaning. `archdsl explain CODE` prints its page.",
    ]
    for digit, title in _GROUPS.items():
        codes = [code for code in sorted(CODES) if code[4] == digit]
        if codes:
            lines += ["", f"## {title}", "", *(f"- [{code}]({code}.md): {CODES[code]}" for code in codes)]
    return "\n".join(lines) + "\n"
