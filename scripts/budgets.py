"""Print the size and shape of the package against its budgets; exit 1 if a hard one is broken.

Figures are over `personalization/` without migrations. SLOC are lines that hold a token,
without comments, blank lines and docstrings. Cycles count lazy imports too: only imports
for type checking, which never run, are left out.
"""

from __future__ import annotations

import ast
import io
import math
import statistics
import sys
import tokenize
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "personalization"

Import = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.AsyncFunctionDef

BROAD = {"Exception", "BaseException"}

LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of Python, read and parsed once."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


@dataclass(frozen=True, kw_only=True)
class Budget:
    name: str
    value: float
    limit: float
    hard: bool
    at_least: bool = False
    detail: str = ""

    @property
    def kept(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def read(folder: Path) -> list[Source]:
    """Return the non-empty modules under `folder`, migrations left out."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if text.strip() and "migrations" not in path.parts:
            found.append(Source(path=path, text=text, tree=ast.parse(text)))
    return found


def sloc(source: Source) -> int:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type not in LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - set(docstring_lines(source.tree)))


def docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node):
            text = node.body[0]
            yield from range(text.lineno, (text.end_lineno or text.lineno) + 1)


def functions(sources: Iterable[Source]) -> dict[str, int]:
    """Return the length of every function, nested ones included, by where it stands."""
    return {
        f"{source.path.relative_to(ROOT)}:{node.lineno} {node.name}": length(node)
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, Function)
    }


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def broad_excepts(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.path.relative_to(ROOT)}:{node.lineno}"
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type)
    ]


def is_broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(is_broad(each) for each in kind.elts)
    return kind is None or (isinstance(kind, ast.Name) and kind.id in BROAD)


def lazy_imports(sources: Iterable[Source]) -> list[str]:
    """Return where a function imports a module of the package itself."""
    return sorted(
        {
            f"{source.path.relative_to(ROOT)}:{node.lineno}"
            for source in sources
            for function in ast.walk(source.tree)
            if isinstance(function, Function)
            for node in ast.walk(function)
            if isinstance(node, Import) and any(map(is_own, imported_names(node)))
        }
    )


def is_own(name: str) -> bool:
    return name.split(".")[0] == PACKAGE


def imported_names(node: Import) -> list[str]:
    prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [f"{prefix}{alias.name}" for alias in node.names]


def import_graph(sources: Iterable[Source]) -> dict[str, set[str]]:
    """Return, for each module, the modules of the package that it imports when it runs."""
    modules = {module_name(source.path): source for source in sources}
    return {
        name: {
            found
            for node in runtime_imports(source.tree)
            for found in imported_modules(node, modules=modules)
        }
        - {name}
        for name, source in modules.items()
    }


def imported_modules(node: Import, *, modules: Collection[str]) -> Iterator[str]:
    """Yield what `node` needs: of `from package import name`, the module if there is one."""
    for name in imported_names(node):
        if name in modules:
            yield name
        elif (parent := name.rpartition(".")[0]) in modules:
            yield parent


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def runtime_imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for alternative in node.orelse:
            yield from runtime_imports(alternative)
        return
    if isinstance(node, Import):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from runtime_imports(child)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that can all reach one another."""
    reach = {name: reachable(name, graph=graph) for name in graph}
    knots = {
        tuple(sorted({name} | {other for other in reach[name] if name in reach[other]}))
        for name in graph
        if name in reach[name]
    }
    return [list(knot) for knot in sorted(knots)]


def reachable(start: str, *, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph[name])
    return seen


def p95(values: Iterable[int]) -> int:
    """Return the 95th percentile by nearest rank: a value that really occurs."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0


def largest(lengths: dict[str, int]) -> str:
    return max(lengths, key=lambda name: lengths[name], default="")


def budgets(code: list[Source], *, tests: list[Source]) -> list[Budget]:
    size = sum(map(sloc, code))
    per_thousand = 1000 / max(size, 1)
    files = {str(source.path.relative_to(ROOT)): source.lines for source in code}
    bodies = functions(code)
    knots, broad, lazy = cycles(import_graph(code)), broad_excepts(code), lazy_imports(code)
    median = statistics.median(bodies.values()) if bodies else 0
    ratio = sum(map(sloc, tests)) / max(size, 1)

    def hard(name: str, value: float, limit: float, detail: str = "") -> Budget:
        return Budget(name=name, value=value, limit=limit, hard=True, detail=detail)

    def soft(name: str, value: float, limit: float, detail: str = "") -> Budget:
        return Budget(name=name, value=value, limit=limit, hard=False, detail=detail)

    return [
        hard("import cycles", len(knots), 0, "; ".join(" <> ".join(knot) for knot in knots)),
        hard("file lines, p95", p95(files.values()), 300),
        hard("file lines, longest", max(files.values(), default=0), 500, largest(files)),
        hard("function lines, median", median, 8),
        hard("function lines, p95", p95(bodies.values()), 40),
        hard("function lines, longest", max(bodies.values(), default=0), 60, largest(bodies)),
        soft("broad excepts per kSLOC", len(broad) * per_thousand, 0.3, ", ".join(broad)),
        soft("own lazy imports per kSLOC", len(lazy) * per_thousand, 1, ", ".join(lazy)),
        Budget(name="tests : code", value=ratio, limit=1.5, hard=False, at_least=True),
    ]


def row(budget: Budget) -> str:
    limit = f"{'≥' if budget.at_least else '≤'} {budget.limit:g}"
    verdict = "ok" if budget.kept else ("BROKEN" if budget.hard else "over")
    if budget.at_least and not budget.kept:
        verdict = "under"
    return f"{budget.name:<28}{budget.value:>8.4g}  {limit:<7}{verdict:<8}{budget.detail}".rstrip()


def main() -> int:
    code, tests = read(ROOT / PACKAGE), read(ROOT / "tests")
    table = budgets(code, tests=tests)
    print(f"{PACKAGE}: {len(code)} files, {sum(map(sloc, code))} SLOC")
    for budget in table:
        print(row(budget))
    return int(any(budget.hard and not budget.kept for budget in table))


if __name__ == "__main__":
    sys.exit(main())
