"""The picture in docs/architecture.md, drawn from the imports. ``python tests/house.py`` writes it anew."""

from __future__ import annotations

from collections import Counter

from source import BASE, REPOSITORY, closure, graph, layer, modules

PAGE = REPOSITORY / "docs" / "architecture.md"
BEGIN, END = "<!-- house: written by python tests/house.py -->\n", "<!-- end of house -->\n"
LEFT_OUT = {"for_retrieval", "__main__", "benchmarks"}  # the package itself, `python -m`, and scripts beside it
PLACES = {"base": f"{', '.join(BASE)}", "drawn_scenes": "src/drawn_scenes/"}


def arrows() -> dict[str, set[str]]:
    """Layer -> the layers that its files import at run time, without those that other arrows imply."""
    edges: dict[str, set[str]] = {}
    for module, others in graph(typing=False).items():
        if layer(module) not in LEFT_OUT:
            edges.setdefault(layer(module), set()).update(layer(other) for other in others)
    edges = {name: others - {name, *LEFT_OUT} for name, others in edges.items()}
    below = {name: closure(name, edges) for name in edges}
    return {
        name: {other for other in others if not any(other in below[between] for between in others - {other})}
        for name, others in edges.items()
    }


def picture() -> str:
    """A Mermaid chart: boxes are folders with their files and lines, arrows point to what is imported."""
    files, lines = Counter[str](), Counter[str]()
    for module, path in modules().items():
        text = path.read_text(encoding="utf-8")
        if layer(module) not in LEFT_OUT and text.strip():
            files[layer(module)] += 1
            lines[layer(module)] += len(text.splitlines())
    boxes = [
        f'  {name}["{_title(name)}<br>{files[name]} files, {_about(lines[name])} lines"]' for name in sorted(files)
    ]
    links = [f"  {name} --> {other}" for name, others in sorted(arrows().items()) for other in sorted(others)]
    return "\n".join(["```mermaid", "flowchart TB", *boxes, *links, "```", ""])


def _title(name: str) -> str:
    return f"<b>{name}</b><br>{PLACES[name]}" if name == "base" else f"<b>{PLACES.get(name, name + '/')}</b>"


def _about(lines: int) -> str:
    """In hundreds, so that not every edit draws the house anew."""
    return f"{max(1, round(lines / 100)) * 100:,}"


def with_picture(page: str) -> str:
    """The page with the picture of today between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE} has lost its marks"
    return before + begin + picture() + end + after


def main() -> None:
    PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
