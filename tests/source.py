"""What the source imports and what a function reaches, read from the syntax; nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("src/for_retrieval", "src/drawn_scenes", "flows", "pretrain", "benchmarks")
BASE = ("errors", "files", "params", "project", "settings")  # of for_retrieval

Symbol = tuple[str, str | None]  # (module, a name that it defines); None: the whole module


@dataclass(frozen=True)
class Import:
    """One imported module or name, as ``a.b.c``. typing: below ``if TYPE_CHECKING``, so never at run time."""

    name: str
    typing: bool


@dataclass(frozen=True)
class Module:
    """One file. defined: its top-level names. imported: what its top-level imports bind. rest: other statements."""

    path: Path
    tree: ast.Module
    defined: dict[str, ast.stmt]
    imported: dict[str, Symbol]
    rest: list[ast.stmt]


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of every Python file in PACKAGES."""
    found = {}
    for package in PACKAGES:
        home = REPOSITORY / Path(package).parent
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            parts = path.relative_to(home).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def module_of(name: str) -> str | None:
    """The module that defines `name` (``a.b.c`` -> ``a.b`` if c is no module); None if it is not ours."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name or None


def layer(module: str) -> str:
    """``for_retrieval.records.readers.coco`` -> records, ``for_retrieval.params`` -> base, ``flows.steps`` -> flows."""
    first, *rest = module.split(".")
    inside = rest[0] if first == "for_retrieval" and rest else first
    return "base" if inside in BASE else inside


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> list[Import]:
    """Every import statement in a file, at any depth."""
    return list(_imports_below(tree_of(path), False))


def _imports_below(node: ast.AST, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "imports are absolute"
            yield from (Import(f"{child.module}.{alias.name}", typing) for alias in child.names)
        yield from _imports_below(child, typing or _for_type_checkers(child))


def _for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def graph(typing: bool) -> dict[str, set[str]]:
    """Module -> the modules of PACKAGES that it imports, also inside functions. typing: those for type checkers too."""
    found: dict[str, set[str]] = {}
    for name, path in modules().items():
        names = {module_of(entry.name) for entry in imports(path) if typing or not entry.typing}
        found[name] = {module for module in names if module and module != name}
    return found


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or not."""
    reached = {name: closure(name, edges) for name in edges}
    groups = {frozenset(b for b in reached[a] if a in reached[b]) for a in edges if a in reached[a]}
    return sorted(sorted(group) for group in groups)


def closure(start: str, edges: dict[str, set[str]]) -> set[str]:
    """What `start` imports, and what that imports, and so on; holds `start` itself only if it is in a circle."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        fresh = edges[todo.pop()] - seen
        seen |= fresh
        todo += fresh
    return seen


def reach(start: Symbol, without: frozenset[str] = frozenset()) -> set[Symbol]:
    """What of PACKAGES can run when `start` does.

    Followed are the names that a reached function, class or top-level value uses, through imports at the top of a
    file and inside functions, and what `import_module` may be given: strings that name a module, and f-strings that
    begin with ``{__name__}``, which stand for every file of that folder. Not followed: annotations, imports for type
    checkers, and the modules in `without`. An import whose name is never used is there for its effect (a registry), so
    all of that module counts.
    """
    seen: set[Symbol] = set()
    todo: list[Symbol] = [start]
    while todo:
        symbol = todo.pop()
        name = symbol[0]
        if symbol in seen or name not in modules() or name in without:
            continue
        seen.add(symbol)
        todo += _uses(symbol)
        if symbol[1] is None or (name, "") not in seen:  # "": what runs when the module is imported
            todo += [(name, ""), (name.rpartition(".")[0], "")]
    return seen


@cache
def read(name: str) -> Module:
    tree = tree_of(modules()[name])
    module = Module(modules()[name], tree, {}, {}, [])
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            module.defined[statement.name] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            module.imported.update(_bound(statement))
        elif names := _assigned(statement):
            module.defined.update(dict.fromkeys(names, statement))
        elif not (_for_type_checkers(statement) or _for_scripts(statement)):
            module.rest.append(statement)
    return module


def _for_scripts(node: ast.AST) -> bool:
    """Whether this is ``if __name__ == "__main__"``."""
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def _assigned(statement: ast.stmt) -> list[str]:
    """The names of an assignment: ``A, B = 1, 2`` -> A, B."""
    if isinstance(statement, ast.AnnAssign):
        targets: list[ast.expr] = [statement.target]
    else:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
    found = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return [name for name in found if name != "__all__"]


def _bound(statement: ast.AST) -> Iterator[tuple[str, Symbol]]:
    """The names that an import statement binds, and what they stand for."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield alias.asname or alias.name.split(".")[0], (alias.name, None)
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            full = f"{statement.module}.{alias.name}"
            symbol: Symbol = (full, None) if full in modules() else (statement.module or "", alias.name)
            yield alias.asname or alias.name, symbol


def _code_of(symbol: Symbol) -> list[ast.stmt]:
    """The statements that a symbol stands for."""
    module, wanted = read(symbol[0]), symbol[1]
    if wanted is None:
        return [*module.defined.values(), *module.rest]
    return [module.defined[wanted]] if wanted in module.defined else module.rest if wanted == "" else []


def code_of(symbol: Symbol) -> list[ast.AST]:
    """What runs of a symbol, node by node."""
    return [node for statement in _code_of(symbol) for node in _code(statement)]


def strings(symbol: Symbol) -> set[str]:
    """The string constants in the code of a symbol, without docstrings."""
    nodes = code_of(symbol)
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    constants = (node for node in nodes if isinstance(node, ast.Constant) and node not in docstrings)
    return {node.value for node in constants if isinstance(node.value, str)}


@cache
def _uses(symbol: Symbol) -> list[Symbol]:
    """What the code of a symbol uses."""
    module, wanted = read(symbol[0]), symbol[1]
    found = [use for statement in _code_of(symbol) for use in _names_in(statement, module, symbol[0])]
    if wanted in module.imported and wanted not in module.defined:
        found.append(module.imported[wanted])
    if wanted == "":
        used = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
        found += [target for name, target in module.imported.items() if name not in used and target[1] is None]
    return found


def _names_in(node: ast.AST, module: Module, name: str) -> list[Symbol]:
    nodes = list(_code(node))
    local = {bound: target for child in nodes for bound, target in _bound(child)}
    known: dict[str, Symbol] = {**module.imported, **{own: (name, own) for own in module.defined}, **local}
    found, attributes = [], set()
    for child in nodes:
        if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
            target = known.get(child.value.id)
            if target and target[1] is None and target[0] in modules():  # module.name
                attributes.add(child.value)
                there = read(target[0])
                found.append((target[0], child.attr if child.attr in {**there.defined, **there.imported} else None))
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):  # for import_module
            place, _, attribute = child.value.partition(":")
            found += [(place, attribute or None)] if place in modules() else []
        elif isinstance(child, ast.JoinedStr) and ast.unparse(child).startswith(("f'{__name__}", 'f"{__name__}')):
            found += [(other, None) for other in modules() if other.rpartition(".")[0] == name]
    names = [child.id for child in nodes if isinstance(child, ast.Name) and child not in attributes]
    return found + [known[each] for each in names if each in known]


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it that runs: no annotations, no imports for type checkers."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _for_type_checkers(child):
                yield from _code(child)
