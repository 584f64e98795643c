"""What modules use as they are imported that Python lacks on another system.

It goes by mypy's own descriptions of the standard library (typeshed), which say what is there on which system.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import mypy

from tests.packaging.checkout import ROOT

_STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"
_FAILURES = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception"}


def missing(paths: Iterable[Path], platform: str) -> list[str]:
    """Return what these files, and those of the project that they import, use at import and ``platform`` lacks."""
    found, waiting, read = [], list(paths), set[Path]()
    while waiting:
        path = waiting.pop()
        if path in read:
            continue
        read.add(path)
        module = AtImport(path.read_text("utf-8"), platform)
        found += [f"{path.relative_to(ROOT).as_posix()}:{line}: {name}" for line, name in module.missing]
        waiting += [own for name in module.imports for own in _files(name)]
    return sorted(found)


class AtImport(ast.NodeVisitor):
    """Reads a module as Python does when it imports it on a system: without the bodies of functions.

    It leaves out what a condition on ``sys.platform`` keeps from that system, what is tried, and what comes after a
    skip of the module.
    """

    def __init__(self, source: str, platform: str) -> None:
        self.missing: list[tuple[int, str]] = []
        self.imports: list[str] = []
        self.ignored: list[str] = []  # what a conftest.py keeps pytest from collecting
        self._platform = platform
        self._modules: dict[str, str] = {}  # by the names they have here
        self._postponed = "from __future__ import annotations" in source
        with suppress(_SkippedError):
            self.visit(ast.parse(source))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports.append(alias.name)
            if not _has_module(alias.name, self._platform):
                self.missing.append((node.lineno, alias.name))
            top = alias.name.partition(".")[0]
            self._modules[alias.asname or top] = alias.name if alias.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        self.imports += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        if not _has_module(module, self._platform):
            self.missing.append((node.lineno, module))
            return
        for alias in node.names:
            name = f"{module}.{alias.name}"
            self._modules[alias.asname or alias.name] = name
            if alias.name in _lacking(module, self._platform) or not _has_module(name, self._platform):
                self.missing.append((node.lineno, name))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base, *names = ast.unparse(node).split(".")
        module = self._modules.get(base, "")
        lacking = _lacking(module, self._platform) if module else frozenset()
        if any(".".join(names[:count]) in lacking for count in range(1, len(names) + 1)):
            self.missing.append((node.lineno, ".".join([module, *names])))
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all(node.decorator_list)
        self._visit_all([*node.args.defaults, *(default for default in node.args.kw_defaults if default)])
        if not self._postponed:
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            self._visit_all(each.annotation for each in arguments if each.annotation)
            self._visit_all([node.returns] if node.returns else [])

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *(default for default in node.args.kw_defaults if default)])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_all([each for each in (node.value, None if self._postponed else node.annotation) if each])

    def visit_Assign(self, node: ast.Assign) -> None:
        if ast.unparse(node.targets[0]) == "collect_ignore":
            self.ignored += ast.literal_eval(node.value)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        taken = holds(node.test, self._platform)
        for branch, when in ((node.body, True), (node.orelse, False)):
            if taken is when:
                self._visit_all(branch)
            elif taken is None:
                self._visit_perhaps(branch)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        taken = holds(node.test, self._platform)
        self._visit_all([*([node.body] * (taken is not False)), *([node.orelse] * (taken is not True))])

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        decides = isinstance(node.op, ast.Or)
        for value in node.values:
            self.visit(value)
            if holds(value, self._platform) is decides:
                break

    def visit_Try(self, node: ast.Try) -> None:
        types = [each.type for each in node.handlers if each.type]
        caught = {name.id for each in types for name in ast.walk(each) if isinstance(name, ast.Name)}
        if not caught & _FAILURES and len(types) == len(node.handlers):
            self._visit_all(node.body)
        self._visit_all([*node.handlers, *node.orelse, *node.finalbody])

    def visit_Call(self, node: ast.Call) -> None:
        called = ast.unparse(node.func)
        skipped = called == "pytest.skip" or (
            called == "pytest.importorskip" and not _has_module(ast.literal_eval(node.args[0]), self._platform)
        )
        if skipped:
            raise _SkippedError
        self.generic_visit(node)

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for each in nodes:
            self.visit(each)

    def _visit_perhaps(self, nodes: Iterable[ast.AST]) -> None:
        with suppress(_SkippedError):
            self._visit_all(nodes)


class _SkippedError(Exception):
    pass


def holds(test: ast.expr, platform: str) -> bool | None:
    """Return whether a condition is true on a system, or ``None`` where something else decides."""
    match test:
        case ast.BoolOp(op=op, values=values):
            decides = isinstance(op, ast.Or)
            found = {holds(value, platform) for value in values}
            return decides if decides in found else None if None in found else not decides
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            found_one = holds(operand, platform)
            return None if found_one is None else not found_one
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=value)]):
            if ast.unparse(left) == "sys.platform" and isinstance(op, ast.Eq | ast.NotEq):
                return (platform == value) is isinstance(op, ast.Eq)
        case ast.Call(func=func, args=[ast.Constant(value=str(start))]):
            if ast.unparse(func) == "sys.platform.startswith":
                return platform.startswith(start)
        case ast.Call(func=ast.Name(id="hasattr"), args=[ast.Name(id=module), ast.Constant(value=name)]):
            return False if name in _lacking(module, platform) else None
        case ast.Name(id="TYPE_CHECKING"):
            return False
    return None


@cache
def _lacking(module: str, platform: str) -> frozenset[str]:
    return frozenset(_described(module, "linux") - _described(module, platform))


def _has_module(module: str, platform: str) -> bool:
    """Tell whether a system has a module: its description has more than private types for other modules there."""
    return all(name.startswith("_") for name in _described(module, "linux")) or not all(
        name.startswith("_") for name in _described(module, platform)
    )


@cache
def _described(module: str, platform: str) -> frozenset[str]:
    base = _STUBS.joinpath(*module.split("."))
    stub = next((path for path in (base.with_suffix(".pyi"), base / "__init__.pyi") if path.is_file()), None)
    return frozenset(_names(ast.parse(stub.read_text("utf-8")).body, platform)) if stub else frozenset()


def _names(body: list[ast.stmt], platform: str) -> Iterator[str]:
    """Yield what a description defines, in classes too; what it imports only if it gives it another module's name."""
    for node in body:
        match node:
            case ast.If():
                taken = holds(node.test, platform)
                yield from _names(node.body if taken is not False else [], platform)
                yield from _names(node.orelse if taken is not True else [], platform)
            case ast.ClassDef():
                yield node.name
                yield from (f"{node.name}.{name}" for name in _names(node.body, platform))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom():
                yield from (alias.asname for alias in node.names if alias.asname)


def _files(module: str) -> Iterator[Path]:
    base = ROOT.joinpath(*module.split("."))
    yield from (path for path in (base.with_suffix(".py"), base / "__init__.py") if module and path.is_file())
